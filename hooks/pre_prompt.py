"""Can this machine do it at all? Runs before the first question; Pythons far too old for the app must parse it."""

import re
import sys

PYTHON = (3, 11)  # what Streamlit asks for
COOKIECUTTER = (2, 7)  # the first that understands smoke_test=no on its command line


def main():
    if sys.version_info < PYTHON:
        sys.exit(
            "This template needs Python 3.11 or later, and Cookiecutter runs on {}.{} here: "
            "install a newer Python, then run Cookiecutter with it (uv does both: "
            "uvx --python 3.13 cookiecutter ...).".format(*sys.version_info)
        )
    from importlib.metadata import version  # not at the top: the oldest Pythons lack it

    cookiecutter = version("cookiecutter")
    if tuple(int(part) for part in re.findall(r"\d+", cookiecutter)[:2]) < COOKIECUTTER:
        sys.exit("This template needs Cookiecutter 2.7 or later, and this is {}: upgrade it.".format(cookiecutter))


if __name__ == "__main__":
    main()
