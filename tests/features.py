"""The features of an app, and an app without some of them."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.baking import REPOSITORY

APP = REPOSITORY / "{{cookiecutter.project_slug}}"
FEATURES = sorted(path.stem for path in (APP / "features").glob("[!_]*.py") if "." not in path.stem)


def take_out(app: Path, features: Iterable[str]) -> None:
    """Delete features from an app as its README says: its files, its test, and the lines of page.py that name it.

    Parameters:
        app: The app's folder.
        features: Names of modules in features/.
    """
    page = app / "page.py"
    for feature in features:
        for file in (app / "features").glob(f"{feature}.*"):
            file.unlink()
        (app / "tests" / f"test_{feature}.py").unlink()
        lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = "".join(line for line in lines if not re.search(rf"\b{feature}\b", line))
        page.write_text(kept.replace("from features import (\n)\n", ""), encoding="utf-8")
