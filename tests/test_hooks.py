"""Do the hooks end as promised?"""

import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.baking import TEMPLATE, UV, cookiecutter, copy_template, run
from tests.running import wait_until

DEAD_REGISTRY = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Copy the template, to break it."""
    return copy_template(tmp_path / "template")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Make a folder to generate into."""
    (tmp_path / "output").mkdir()
    return tmp_path / "output"


def test_an_old_python_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = runpy.run_path(str(TEMPLATE / "hooks" / "pre_prompt.py"))
    monkeypatch.setattr(sys, "version_info", (3, 9, 0))
    with pytest.raises(SystemExit, match=r"^This template needs Python 3\.11 or later, .* on 3\.9 here: install"):
        hook["main"]()


@pytest.mark.installs
@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("2.6.0", "This template needs Cookiecutter 2.7 or later, and this is 2.6.0: upgrade it."),
        ("2.3.1", "smoke_test 'no' needs Cookiecutter 2.7 or later; for example: upgrade it"),
    ],
)
def test_an_old_cookiecutter_gets_one_sentence(output: Path, version: str, sentence: str) -> None:
    old = ["tool", "run", "--from", f"cookiecutter=={version}", "--with", "setuptools<81", "cookiecutter"]
    done = run(UV, *old, "--no-input", "-o", output, TEMPLATE, "smoke_test=no", cwd=output, check=False)
    assert done.returncode != 0
    assert sentence in done.stdout
    assert list(output.iterdir()) == []


@pytest.mark.installs
def test_verified(output: Path) -> None:
    spaced = {"project_name": " My App ", "greeting": "  Hi\n  there\n"}  # Streamlit shows these without the spaces
    done = cookiecutter(output, project_slug="app", model_provider="openai", **spaced)
    assert done.returncode == 0, done.stdout
    app = output / "app"
    steps = re.findall(r"^  (\w+) .* [\d.]+ s$", done.stdout, re.MULTILINE)
    assert steps == ["Installing", "Running"]
    start = "uv run streamlit" if shutil.which("uv") else f".venv{os.sep}"
    assert f"{app}\nVERIFIED: the app works on this machine (4 passed). Next:" in done.stdout
    assert f"    cd {shlex.quote(str(app))}\n    {start}" in done.stdout.rstrip() + "\n"
    assert done.stdout.rstrip().endswith("run app.py")
    assert (app / "uv.lock").is_file()


@pytest.mark.installs
@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "tests/test_smoke.py",
            "    assert page.title",
            "    assert 1 == 2, 'so it is broken'\n    assert page.title",
            "so it is broken",
        ),
        ("chat/session.py", "return StreamlitChat", "return NoSuchThingAsStreamlitChat", "NoSuchThingAsStreamlitChat"),
        ("chat/chain.py", "SystemMessage(system_prompt)", "SystemMessage('Another prompt')", "Another prompt"),
    ],
)
def test_a_broken_app_fails(template: Path, output: Path, file: str, old: str, new: str, message: str) -> None:
    path = template / "{{cookiecutter.project_slug}}" / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = cookiecutter(output, template, project_slug="app", model_provider="openai")
    assert done.returncode != 0
    ours, _, _ = done.stdout.partition('Traceback (most recent call last):\n  File "' + sys.prefix)
    assert message in ours
    assert "FAILED: the app does not work on this machine" in ours
    assert "What follows is Cookiecutter's own trace" in ours
    assert list(output.iterdir()) == []
    (log,) = re.findall(r"^(.*\.log)$", ours, re.MULTILINE)
    assert message in Path(log).read_text(encoding="utf-8")


@pytest.mark.installs
def test_without_a_registry_it_is_not_verified_but_there(output: Path, tmp_path: Path) -> None:
    env = DEAD_REGISTRY | {"UV_CACHE_DIR": str(tmp_path / "empty")}
    done = cookiecutter(output, env=env, project_slug="app", model_provider="openai")
    assert done.returncode == 0, done.stdout
    assert (output / "app" / "app.py").is_file()
    assert not (output / "app" / ".venv").exists()
    verdict = done.stdout[done.stdout.index("NOT VERIFIED") :]
    assert "Failed to fetch" in verdict
    assert f"cd {shlex.quote(str(output / 'app'))}\n    uv run pytest -m smoke" in verdict


@pytest.mark.installs
def test_without_uv_it_fetches_one(output: Path) -> None:
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if not shutil.which("uv", path=folder))
    done = cookiecutter(output, env={"PATH": path, "UV": ""}, project_slug="app", model_provider="ollama")
    assert done.returncode == 0, done.stdout
    assert "Fetching uv" in done.stdout
    assert "VERIFIED: the app works" in done.stdout
    assert f"{os.sep}streamlit run app.py" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches another process differently on Windows")
@pytest.mark.installs
@pytest.mark.parametrize("step", ["Installing", "Running"])
def test_ctrl_c_leaves_no_half_made_environment(output: Path, step: str) -> None:
    command = [sys.executable, "-um", "cookiecutter", "--no-input", "-o", output, TEMPLATE, "project_slug=app"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout
    said = ""
    while step not in said:
        said += process.stdout.read(1)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    said += process.communicate(timeout=60)[0]
    assert process.returncode != 0
    wait_until(lambda: not (output / "app" / ".venv").exists())
    assert (output / "app" / "app.py").is_file()
    assert "Stopped: the app is in" in said


def test_with_smoke_test_no_nothing_is_installed(output: Path) -> None:
    done = cookiecutter(output, project_slug="app", smoke_test="no")
    assert done.returncode == 0, done.stdout
    assert "NOT VERIFIED: neither installed nor tested, as you chose." in done.stdout
    assert done.stdout.rstrip().endswith("uv run streamlit run app.py")
    assert not (output / "app" / ".venv").exists()
