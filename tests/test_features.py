"""Can each feature be taken out of an app as its README says, alone and all together, and do the owner's edits fit?"""

import shutil
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, UV, edit_as_owner, install, run
from tests.features import FEATURES, take_out


@pytest.mark.installs
@pytest.mark.parametrize(
    ("feature", "conversations"),
    [*((feature, "session") for feature in [*FEATURES, "all"]), ("conversations", "database"), ("all", "database")],
)
def test_an_app_works_without(feature: str, conversations: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    everything = feature == "all" and conversations == "session"
    made = install(model_provider="openai", conversations=conversations, tools="files" if everything else "none")
    app = Path(shutil.copytree(made, tmp_path / "app", symlinks=True, ignore=shutil.ignore_patterns(".venv")))
    if everything:
        edit_as_owner(app)
    take_out(app, FEATURES if feature == "all" else [feature])
    # What has nothing to do with a feature is tested with all of them and with none. Each other one's tests, ten times
    # over, are for the long run: what still names the feature is found by the type checker and at the page's first run.
    others = ["smoke"]
    if request.config.getoption("--all-providers"):
        others += ["keeping"] + [other for other in FEATURES if other != feature]
    if feature == "all":  # the rest is the same in both
        others = [] if everything else ["smoke", "keeping", "turn"]
    python = [UV, "run", "--no-project", "--python", made / ".venv", "python", "-m", "pytest", "-q"]
    run(*python, "-p", "no:cacheprovider", *(f"tests/test_{name}.py" for name in others), cwd=app)
    lint = [UV, "run", "--project", REPOSITORY]
    run(*lint, "ruff", "check", cwd=app)
    run(*lint, "ruff", "format", "--check", cwd=app)
    run(*lint, "ty", "check", "--python", made / ".venv", cwd=app)
