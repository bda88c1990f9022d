"""Do updates keep what the user changed, and install nothing? With cruft, the update tool people use."""

import time
from pathlib import Path

import pytest

from tests.baking import UV, copy_template, run


@pytest.mark.installs
def test_an_update_keeps_edits_and_installs_nothing(tmp_path: Path) -> None:
    def git(folder: Path, *arguments: str) -> None:
        run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments, cwd=folder)

    def cruft(*arguments: str | Path, cwd: Path) -> str:
        return run(UV, "tool", "run", "cruft", *arguments, cwd=cwd).stdout

    template = copy_template(tmp_path / "template")
    git(template, "init", "-q")
    git(template, "add", "-A")
    git(template, "commit", "-qm", "one")
    cruft("create", template, "--no-input", "--extra-context", '{"smoke_test": false}', cwd=tmp_path)
    app = tmp_path / "my-chat-app"
    (app / "prompts" / "system.md").write_text("You are mine.")
    git(app, "init", "-q")
    git(app, "add", "-A")
    git(app, "commit", "-qm", "mine")

    readme = template / "{{cookiecutter.project_slug}}" / "README.md"
    readme.write_text(readme.read_text(encoding="utf-8") + "\nA new last line.\n", encoding="utf-8")
    git(template, "commit", "-qam", "two")
    begin = time.monotonic()
    said = cruft("update", "--skip-apply-ask", "--variables-to-update", '{"smoke_test": true}', cwd=app)
    assert "Proving" not in said, f"installed, for {time.monotonic() - begin:.0f} s"
    assert (app / "README.md").read_text(encoding="utf-8").endswith("\nA new last line.\n")
    assert (app / "prompts" / "system.md").read_text() == "You are mine."
    assert not (app / ".venv").exists()
