"""Real Cookiecutter runs: what the tests look at, and the commands that a failing test prints."""

import functools
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from filelock import FileLock

REPOSITORY = Path(__file__).parent.parent
if "TEST_APPS" not in os.environ:  # pytest's first process makes it, for all of them
    _folder = tempfile.TemporaryDirectory(prefix="chat-app-template-", ignore_cleanup_errors=True)
    os.environ["TEST_APPS"] = _folder.name
    Path(_folder.name).chmod(0o755)  # PostgreSQL, whose programs are in it, does not run as root
FOLDER = Path(os.environ["TEST_APPS"])  # all that is made here


def copy_template(folder: Path) -> Path:
    """Copy the template as a clone has it; Cookiecutter copies all there is at each run, environments too.

    Parameters:
        folder: A folder that does not exist yet.
    """
    ignored = shutil.ignore_patterns(".git", ".venv", ".uv", ".*_cache", "__pycache__", "screenshots", "test-results")
    return Path(shutil.copytree(REPOSITORY, folder, ignore=ignored))


TEMPLATE = FOLDER / "template"
if not TEMPLATE.exists():
    copy_template(TEMPLATE)
QUESTIONS: dict[str, Any] = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
PROVIDERS: list[str] = QUESTIONS["model_provider"]
UV = os.environ.get("UV", "uv")


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command; if it fails, fail with a line that reproduces it and with what it printed.

    Parameters:
        command: The program and its arguments.
        cwd: Where to run it.
        env: Variables to set on top of this process's.
        check: Whether an exit status other than 0 is a failure.
    """
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTEST_ADDOPTS")} | (env or {})
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    if check:
        line = shlex.join(str(part) for part in command)
        assert done.returncode == 0, f"cd {cwd} && {line}\n{done.stdout}"
    return done


def cookiecutter(
    output: Path, template: Path = TEMPLATE, *options: str | Path, env: dict[str, str] | None = None, **answers: str
) -> subprocess.CompletedProcess[str]:
    """Run Cookiecutter on its command line without questions; answers not given are the defaults."""
    given = [f"{question}={answer}" for question, answer in answers.items()]
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "-o", output, *options, template, *given]
    return run(*command, cwd=output, env=env, check=False)


@functools.cache
def bake(**answers: str) -> Path:
    """Return the folder of an app with these answers, rendered but not installed.

    Each combination is made once, for all of pytest's processes: edit a copy only.
    """
    output = FOLDER / sha256(repr(sorted(answers.items())).encode()).hexdigest()[:8]
    with FileLock(f"{output}.lock"):
        output.mkdir(exist_ok=True)
        if not any(output.iterdir()):
            done = cookiecutter(output, **{"smoke_test": "no", **answers})
            assert done.returncode == 0, done.stdout
    return next(output.iterdir())


@functools.cache
def install(**answers: str) -> Path:
    """Return the folder of an app with these answers, which its hook has installed and smoke-tested.

    Each of pytest's processes gets a copy of its own, with the same packages where links can be made.
    """
    made = bake(smoke_test="yes", **answers)
    assert (made / ".venv").is_dir()
    (folder := FOLDER / uuid4().hex[:8]).mkdir()
    if os.name == "nt":  # where a link needs rights
        return Path(shutil.copytree(made, folder / made.name))
    return copy_app(made, folder / made.name)


def copy_app(made: Path, folder: Path) -> Path:
    """Copy an installed app, to be edited; the installed packages are shared.

    Parameters:
        made: The app.
        folder: A folder that does not exist yet.
    """
    app = Path(shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".venv")))
    (app / ".venv").symlink_to(made / ".venv", target_is_directory=True)
    return app


def edit_as_owner(app: Path) -> None:
    """Edit an app as its README invites its owner to: limits that are low, and prompts of other kinds.

    Parameters:
        app: A copy of an app.
    """
    limits = (
        "tokens_per_session|answer_characters|questions_per_minute|shutdown_seconds|history_tokens|history_messages"
    )
    limits += "|keep_days|questions_per_day|chats|megabytes|sign_in_hours|rounds|seconds|seconds_to_ask"
    values = dict.fromkeys(limits.split("|"), "1") | {"save_prompts": "true", "frame_hosts": "[]", "title": '"*Ask*"'}
    values |= {"image_hosts": '["images.example.org"]', "allowed": '["example.org"]', "offered": "[]"}
    settings = (app / "settings.toml").read_text(encoding="utf-8")
    edited = re.sub(
        r"(?m)^(\w+) = .*", lambda line: f"{line[1]} = {values[line[1]]}" if line[1] in values else line[0], settings
    )
    (app / "settings.toml").write_text(edited, encoding="utf-8")
    prompts = {"pirate": "Talk like a pirate.", "system": "You sell bicycles. " * 500, "greeting": "*Hello*\n\n- You?"}
    for name, text in (prompts | {"starters": "# Questions\n\n- Which bicycle?\n"}).items():
        (app / "prompts" / f"{name}.md").write_text(text, encoding="utf-8")


@functools.cache
def app_tests(app: Path) -> ModuleType:
    """Return the package of an app's own tests, for the model server that speaks its provider's protocol."""
    name = f"tests_of_{app.parent.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, app / "tests" / "__init__.py")
    assert spec
    assert spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    return importlib.import_module(f"{name}.model_server")
