"""Can each feature be taken out of an app as its README says, alone and all together?"""

import re
import shutil
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, UV, install, run

README = (REPOSITORY / "{{cookiecutter.project_slug}}" / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| .+ \| `chat/(\w+)\.py` \| (`.+`) \|$", README, re.MULTILINE)
FEATURES = {module: re.findall(r"`(\w+)`", names) for module, names in ROWS}


def test_the_readme_has_the_features() -> None:
    assert len(FEATURES) >= 9


@pytest.mark.installs
@pytest.mark.parametrize("feature", [*FEATURES, "all"])
def test_an_app_works_without(feature: str, tmp_path: Path) -> None:
    made = install(model_provider="openai")
    app = Path(shutil.copytree(made, tmp_path / "app", symlinks=True, ignore=shutil.ignore_patterns(".venv")))
    for module in FEATURES if feature == "all" else [feature]:
        (app / "chat" / f"{module}.py").unlink()
        (app / "tests" / f"test_{module}.py").unlink()
        lines = (app / "app.py").read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not any(re.search(rf"\b{name}\b", line) for name in FEATURES[module])]
        assert len(kept) < len(lines)
        (app / "app.py").write_text("".join(kept), encoding="utf-8")
    # What has nothing to do with a feature is tested with all of them and with none.
    others = [] if feature == "all" else ["smoke", *(other for other in FEATURES if other != feature)]
    python = [UV, "run", "--no-project", "--python", made / ".venv", "python", "-m", "pytest", "-q"]
    run(*python, "-p", "no:cacheprovider", *(f"tests/test_{name}.py" for name in others), cwd=app)
    lint = [UV, "run", "--project", REPOSITORY]
    run(*lint, "ruff", "check", cwd=app)
    run(*lint, "ruff", "format", "--check", cwd=app)
    run(*lint, "ty", "check", "--python", made / ".venv", cwd=app)
