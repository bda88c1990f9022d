"""How long from the command to a verified app, cold and warm, beside the same template without its hooks?

    uv run python benchmarks/generate.py [--rounds 3] [--provider openai] [--cold]

Rounds are interleaved; medians are printed. "Cold" begins with an empty uv cache and fetches every package.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.baking import UV, cookiecutter, copy_template

STEP = re.compile(r"^  (\w+)[^\n]* ([\d.]+) s$", re.MULTILINE)


def measure(template: Path, provider: str, env: dict[str, str]) -> dict[str, float]:
    """Make an app once; return the seconds of each step that the hook names, and of the whole.

    Parameters:
        template: The template, with or without its hooks.
        provider: The answer to model_provider.
        env: Variables to set.
    """
    output = Path(tempfile.mkdtemp())
    begin = time.perf_counter()
    done = cookiecutter(output, template, env=env, model_provider=provider, project_slug="app")
    seconds = time.perf_counter() - begin
    shutil.rmtree(output)
    if done.returncode or ("hooks" in [path.name for path in template.iterdir()] and "\nVERIFIED" not in done.stdout):
        raise SystemExit(done.stdout)
    return {name: float(took) for name, took in STEP.findall(done.stdout)} | {"whole": seconds}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--provider", default="openai")
    parser.add_argument("--cold", action="store_true", help="also measure with an empty cache: fetches everything")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        hooked, bare = copy_template(Path(folder, "hooked")), copy_template(Path(folder, "bare"))
        shutil.rmtree(bare / "hooks")
        ways = {"without hooks": (bare, {}), "warm": (hooked, {})}
        if options.cold:
            ways["cold"] = (hooked, {"UV_CACHE_DIR": str(Path(folder, "cache"))})
        measure(hooked, options.provider, {})  # fills the cache
        took: dict[str, list[dict[str, float]]] = defaultdict(list)
        for number in range(options.rounds):
            for way, (template, env) in ways.items():
                print(f"round {number + 1} of {options.rounds}: {way}", file=sys.stderr)
                shutil.rmtree(Path(folder, "cache"), ignore_errors=True)
                took[way].append(measure(template, options.provider, env))

    def median(way: str, step: str) -> float:
        return statistics.median(each.get(step, 0) for each in took[way])

    uv = subprocess.run([UV, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"{options.provider}, {options.rounds} rounds, {uv}; seconds, medians (minimum to maximum of the whole)\n")
    print("| | rendering | installing | smoke tests | whole | times the bare template |\n|---|---|---|---|---|---|")
    for way in ways:
        installing, testing = median(way, "Installing"), median(way, "Running")
        whole = [each["whole"] for each in took[way]]
        middle = statistics.median(whole)
        print(
            f"| {way} | {middle - installing - testing:.1f} | {installing:.1f} | {testing:.1f} "
            f"| {middle:.1f} ({min(whole):.1f} to {max(whole):.1f}) | {middle / median('without hooks', 'whole'):.1f} |"
        )


if __name__ == "__main__":
    main()
