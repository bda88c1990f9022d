"""Do updates keep what the user changed, and install nothing? With cruft, the update tool people use."""

import re
import shlex
import time
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, UV, copy_template, run

DOCS = (REPOSITORY / "docs" / "updating.md").read_text(encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments, cwd=folder)


def cruft(*arguments: str | Path, cwd: Path) -> str:
    """Run cruft, which also makes the apps that it compares below the folder."""
    env = {"TMPDIR": str(cwd), "TEMP": str(cwd)}
    return run(UV, "tool", "run", "cruft", *arguments, cwd=cwd, env=env).stdout


def make_app(folder: Path) -> tuple[Path, Path]:
    """Make an app from a template of its own; return both folders, with everything committed."""
    template = copy_template(folder / "template")
    git(template, "init", "-q")
    git(template, "add", "-A")
    git(template, "commit", "-qm", "one")
    chosen = '{"model_provider": "openai"}'
    said = cruft("create", template, "--no-input", "--extra-context", chosen, cwd=folder)
    assert "\nVERIFIED: the app works on this machine" in said
    app = folder / "my-chat-app"
    git(app, "init", "-q")
    git(app, "add", "-A")
    git(app, "commit", "-qm", "as it was made")
    return template, app


@pytest.mark.installs
def test_an_update_keeps_edits_and_installs_nothing(tmp_path: Path) -> None:
    template, app = make_app(tmp_path)
    (app / "prompts" / "system.md").write_text("You are mine.")
    agents = app / "AGENTS.md"
    agents.write_text(agents.read_text(encoding="utf-8") + "\nMy last line.\n", encoding="utf-8")
    git(app, "commit", "-qam", "mine")

    for name in ("README.md", "AGENTS.md"):
        file = template / "{{cookiecutter.project_slug}}" / name
        file.write_text(file.read_text(encoding="utf-8") + "\nA new last line.\n", encoding="utf-8")
    git(template, "commit", "-qam", "two")
    begin = time.monotonic()
    (command,) = re.findall("^    uvx cruft (update .*Hi.*)", DOCS, re.MULTILINE)
    said = cruft(*shlex.split(command), cwd=app)
    assert "Proving" not in said, f"installed, for {time.monotonic() - begin:.0f} s"
    assert (app / "README.md").read_text(encoding="utf-8").endswith("\nA new last line.\n")
    assert (app / "prompts" / "system.md").read_text() == "You are mine."
    assert (app / "prompts" / "greeting.md").read_text() == "Hi!"
    both = "\n<<<<<<< ours\nMy last line.\n=======\nA new last line.\n>>>>>>> theirs\n"
    assert agents.read_text(encoding="utf-8").endswith(both)
