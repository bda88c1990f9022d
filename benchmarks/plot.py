# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.10,<4"]
# ///
"""Draw what chats.py measured, which comes as JSON on standard input: `uv run benchmarks/plot.py PICTURE.svg`.

Its packages are those named above, in an environment of its own. Grey on no background is readable in light and dark.
"""

import json
import sys
from statistics import median

import matplotlib
from matplotlib import pyplot

GREY = "#767676"
COLOURS = {"the app": "#0f9488"}  # the others are grey: their names are beside them
LEFT_OUT = ("share of a core", " : ", "alone")  # of the measuring, or without a unit


def main() -> None:
    """Draw one panel for each number: the median as a bar, minimum and maximum as a line."""
    matplotlib.rcParams.update({"font.size": 8, "svg.fonttype": "none", "svg.hashsalt": "chats"})
    matplotlib.rcParams.update(dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor"], GREY))
    matplotlib.rcParams.update({"xtick.color": GREY, "ytick.color": GREY})
    given = json.load(sys.stdin)
    panels = {label: of for label, of in given["results"].items() if not any(part in label for part in LEFT_OUT)}
    rows = -(-len(panels) // 2)
    figure, axes = pyplot.subplots(rows, 2, figsize=(9, 1.5 * rows), layout="constrained", squeeze=False)
    for place in axes.flat[len(panels) :]:
        place.set_axis_off()
    for place, (label, of) in zip(axes.flat, panels.items(), strict=False):
        ways = [name for name, values in of.items() if values][::-1]
        middles = [median(of[name]) for name in ways]
        spread = [[m - min(of[n]) for n, m in zip(ways, middles, strict=True)]]
        spread.append([max(of[n]) - m for n, m in zip(ways, middles, strict=True)])
        bars = place.barh(ways, middles, xerr=spread, ecolor=GREY, color=[COLOURS.get(n, "#a3a3a3") for n in ways])
        place.bar_label(bars, [f"{m:.3g}" for m in middles], padding=3)
        name, _, unit = label.rpartition(", ") if ", " in label else (label, "", "number")
        place.set_title(name, loc="left", fontsize=9)
        place.set_xlabel(unit)
        place.margins(x=0.15)
        place.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(given["about"], fontsize=6)
    figure.savefig(sys.argv[1], transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
