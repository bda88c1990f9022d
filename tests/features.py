"""The features that the table in the app's README names, and an app without some of them."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.baking import REPOSITORY

README = (REPOSITORY / "{{cookiecutter.project_slug}}" / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .+ \| `chat/(\w+)\.py` \| (`.+`) \|$", README, re.MULTILINE)
FEATURES = {module: re.findall(r"`(\w+)`", names) for module, names in ROWS}


def take_out(app: Path, features: Iterable[str]) -> None:
    """Delete features from an app as its README says: two files each, and the lines of app.py with their names.

    Parameters:
        app: The app's folder.
        features: Names of modules in chat/.
    """
    page = app / "app.py"
    for module in features:
        (app / "chat" / f"{module}.py").unlink()
        (app / "tests" / f"test_{module}.py").unlink()
        lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not any(re.search(rf"\b{name}\b", line) for name in FEATURES[module])]
        assert len(kept) < len(lines)
        page.write_text("".join(kept), encoding="utf-8")
