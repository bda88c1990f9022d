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
# They say where and what: the hook drops them.
STEERS = {
    "UV_PROJECT": "elsewhere",
    "UV_WORKING_DIR": "elsewhere",
    "UV_PROJECT_ENVIRONMENT": "elsewhere",
    "UV_NO_DEV": "1",
    "UV_FROZEN": "1",
    "UV_NO_CONFIG": "1",
    "UV_EXCLUDE_NEWER": "2020-01-01",
    "PIP_TARGET": "elsewhere",
    "PIP_PYTHON": "elsewhere",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTEST_ADDOPTS": "--collect-only",
    "PYTEST_PLUGINS": "no_such_plugin",
    "STREAMLIT_SERVER_PORT": "none",
    "LANGCHAIN_TRACING": "true",
    "LANGSMITH_TRACING": "true",
    "LANGSMITH_API_KEY": "a-key",
    "VIRTUAL_ENV": "elsewhere",
}
# They say how to reach an index, a cache, a certificate or a Python: the hook keeps them.
REACHES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_OURS_PASSWORD",
    "UV_FIND_LINKS",
    "UV_CACHE_DIR",
    "UV_SYSTEM_CERTS",
    "UV_CONFIG_FILE",
    "UV_OFFLINE",
    "UV_PYTHON_INSTALL_MIRROR",
    "PIP_EXTRA_INDEX_URL",
    "PIP_CERT",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
)


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
        ("2.3.1", "smoke_test 'no' needs Cookiecutter 2.7 or later: upgrade it"),
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
    """Under a name that one of the app's packages has, whatever the machine's variables say, and for good."""
    spaced = {"project_name": " My App ", "greeting": "  Hi\n  there\n"}  # Streamlit shows these without the spaces
    done = cookiecutter(output, env=STEERS, project_slug="pandas", model_provider="openai", **spaced)
    assert done.returncode == 0, done.stdout
    app = output / "pandas"
    steps = re.findall(r"^  (\w+) .* [\d.]+ s$", done.stdout, re.MULTILINE)
    assert steps == ["Installing", "Running"]
    start = "uv run streamlit" if shutil.which("uv") else f".venv{os.sep}"
    assert f"{app}\nVERIFIED: the app works on this machine (4 passed). Next:" in done.stdout
    assert f"    cd {shlex.quote(str(app))}\n    {start}" in done.stdout.rstrip() + "\n"
    assert done.stdout.rstrip().endswith("run app.py")
    assert (app / "uv.lock").is_file()
    assert list(output.iterdir()) == [app]

    moved = app.rename(output / "moved")
    command = moved / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "streamlit"
    assert run(command, "version", cwd=moved).stdout.startswith("Streamlit, version ")


def test_what_says_where_and_what_is_dropped_and_what_says_how_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*STEERS, *REACHES):
        monkeypatch.setenv(name, "set")
    kept = runpy.run_path(str(TEMPLATE / "hooks" / "post_gen_project.py"))["ENVIRONMENT"]
    assert kept.keys().isdisjoint(STEERS)
    assert kept.keys() >= {*REACHES}


@pytest.mark.installs
@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("chat/keeping.py", "History(key", "NoSuchThingAsHistory(key", "NoSuchThingAsHistory"),
        ("chat/chain.py", "SystemMessage(system_prompt)", "SystemMessage('Another prompt')", "Another prompt"),
        # The tests of the feature itself cannot even be collected; the smoke tests can.
        ("features/export.py", "import base64\n", "import base64\n\nimport no_such_module\n", "no_such_module"),
    ],
)
def test_a_broken_app_fails(template: Path, output: Path, file: str, old: str, new: str, message: str) -> None:
    path = template / "{{cookiecutter.project_slug}}" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    done = cookiecutter(output, template, project_slug="app", model_provider="openai")
    assert done.returncode != 0
    ours, _, _ = done.stdout.partition('Traceback (most recent call last):\n  File "' + sys.prefix)
    assert message in ours
    assert "FAILED: the app does not work on this machine" in ours
    assert "What follows is Cookiecutter's own trace" in ours
    assert list(output.iterdir()) == []
    (log,) = re.findall(r"^(.*\.log)$", ours, re.MULTILINE)
    assert message in Path(log).read_text(encoding="utf-8")


def stand_in(folder: Path, workspace: str = "pwd", sync: str = "true", pytest: str = "exit 1") -> dict[str, str]:
    """Put a uv into a folder that installs nothing but a Python, which does nothing but this for pytest.

    Parameters:
        folder: Where to put it.
        workspace: What `uv workspace dir` does, in shell.
        sync: What `uv sync` does.
        pytest: What `python -m pytest` does, with the report's path in $report.

    Returns:
        The variables that make the hook use it.
    """
    python = folder / "python"
    python.write_text(f"#!/bin/sh\nfor report; do :; done\nreport=${{report#--junitxml=}}\n{pytest}\n")
    uv = folder / "uv"
    make = f"mkdir -p .venv/bin && cp {python} .venv/bin/python"
    uv.write_text(f"#!/bin/sh\ncase $1 in\nworkspace) {workspace};;\nvenv) {make};;\nsync) {make}; {sync};;\nesac\n")
    for file in (python, uv):
        file.chmod(0o755)
    return {"UV": str(uv)}


def report(tests: int, failures: int = 0, errors: int = 0, skipped: int = 0) -> str:
    """Return a line of shell that writes such a report, and prints what a tracer might, last of all."""
    counts = f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    return f"echo '<testsuites><testsuite {counts}/></testsuites>' > $report; echo LangSmith refused a-key"


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script: run it on Linux or macOS")
@pytest.mark.parametrize(
    ("does", "verdict", "said"),
    [
        ({"pytest": report(5, skipped=1)}, "VERIFIED", "(4 passed)"),
        ({"pytest": f"{report(4, failures=1)}; exit 1"}, "FAILED", "does not work"),
        ({"pytest": f"{report(4, errors=1)}; exit 1"}, "NOT VERIFIED", "its smoke tests could not be run"),
        ({"pytest": report(4, skipped=4)}, "NOT VERIFIED", "its smoke tests could not be run"),
        ({"pytest": "echo No module named pytest; exit 1"}, "NOT VERIFIED", "No module named pytest"),
        ({"pytest": "echo '<testsuites' > $report; exit 1"}, "NOT VERIFIED", "it could not be tested"),
        ({"pytest": "kill -9 $$"}, "NOT VERIFIED", "its smoke tests could not be run"),
        ({"sync": "rm -r .venv"}, "NOT VERIFIED", "No such file or directory"),
        ({"sync": "echo No space left; exit 2"}, "NOT VERIFIED", "it could not be installed:\nNo space left"),
        ({"workspace": "echo unrecognized subcommand; exit 2"}, "NOT VERIFIED", "older than 0.10"),
        ({"workspace": "echo pyenv: uv: command not found; exit 127"}, "NOT VERIFIED", "pyenv: uv: command not found"),
    ],
)
def test_only_a_smoke_test_that_failed_costs_the_app(
    output: Path, tmp_path: Path, does: dict[str, str], verdict: str, said: str
) -> None:
    done = cookiecutter(output, env=stand_in(tmp_path, **does), project_slug="app", model_provider="openai")
    app = output / "app"
    assert re.findall(r"^[A-Z ]*(?:VERIFIED|FAILED)(?=:)", done.stdout, re.MULTILINE) == [verdict]
    assert said in done.stdout
    assert (app / "app.py").exists() == (done.returncode == 0) == (verdict != "FAILED")
    assert ("a-key" in done.stdout) == ("LangSmith" in str(does) and verdict != "VERIFIED")
    if verdict == "NOT VERIFIED":
        assert done.stdout.rstrip().endswith(f"cd {shlex.quote(str(app))}\n    uv run pytest -m smoke")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script: run it on Linux or macOS")
def test_an_environment_that_was_there_is_kept(output: Path, tmp_path: Path) -> None:
    mine = output / "app" / ".venv" / "mine"
    mine.parent.mkdir(parents=True)
    mine.touch()
    env = stand_in(tmp_path, sync="exit 2")
    done = cookiecutter(output, TEMPLATE, "--overwrite-if-exists", env=env, project_slug="app", model_provider="openai")
    assert "NOT VERIFIED" in done.stdout
    assert mine.exists()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a shell script: run it on Linux or macOS")
def test_the_app_stays_when_nobody_reads_what_is_printed(output: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-o", output, TEMPLATE, "project_slug=app"]
    env = os.environ | stand_in(tmp_path, sync="sleep 1")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env)
    assert process.stdout
    while b"Installing" not in process.stdout.readline():
        pass
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert (output / "app" / "app.py").is_file()


def test_what_lies_in_the_folder_already_is_not_removed(output: Path) -> None:
    (output / "app").mkdir()
    (output / "app" / "compose.yaml").write_text("mine")
    done = cookiecutter(output, TEMPLATE, "-f", "-s", project_slug="app", model_provider="openai")
    assert done.returncode != 0
    assert "the folder already has compose.yaml, which this app is made without" in done.stdout
    assert {path.name: path.read_text() for path in (output / "app").iterdir()} == {"compose.yaml": "mine"}


def test_inside_a_uv_workspace_nothing_of_it_is_touched(output: Path) -> None:
    run(UV, "init", "--bare", "--name", "parent", ".", cwd=output)
    pyproject = output / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + '\n[tool.uv.workspace]\nmembers = ["apps/*"]\n')
    (output / "apps").mkdir()
    options = ["-o", output / "apps"]
    colour = {"FORCE_COLOR": "1"}  # uv, too, takes note of it
    done = cookiecutter(output, TEMPLATE, *options, env=colour, project_slug="app", model_provider="openai")
    assert done.returncode == 0
    assert f"NOT VERIFIED: the app was generated, but it lies in the uv workspace {output}" in done.stdout
    assert 'add "apps/app" to `exclude` in [tool.uv.workspace] of ' in done.stdout
    assert {path.name for path in output.iterdir()} == {"apps", "pyproject.toml"}
    assert not (output / "apps" / "app" / ".venv").exists()


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
    assert "Before you deploy it, run `uv lock`" in done.stdout
    assert done.stdout.rstrip().endswith("uv run streamlit run app.py")
    assert not (output / "app" / ".venv").exists()
