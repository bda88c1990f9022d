"""Keep what was chosen, install it, prove that it works, say what next."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

# The one place where the answers enter, as data: JSON inside a raw string cannot end it, whatever was typed.
ANSWERS = r"""{{ cookiecutter | tojson }}"""

PROJECT = Path.cwd()
VENV = PROJECT / ".venv"
VENV_IS_OURS = not os.path.lexists(VENV)  # else Cookiecutter writes over an app that was there
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
# What is set for these is meant for whatever runs Cookiecutter, not for the app; what says how to reach an index, a
# cache, a certificate or a Python is meant for the whole machine.
STEERS = re.compile("VIRTUAL_ENV|(UV|PIP|PYTEST|STREAMLIT|LANGCHAIN|LANGSMITH)_|PYTHON")
REACHES = re.compile(
    "UV_PYTHON|(UV|PIP)_.*(INDEX|LINK|URL|MIRROR|HOST|PROXY|HTTP|TIMEOUT|RETRIES|CONCURRENT|OFFLINE|CERT|TLS"
    "|TOKEN|API_KEY|KEYRING|CREDENTIALS|CONFIG_FILE|CACHE)"
)
ENVIRONMENT = {name: value for name, value in os.environ.items() if not STEERS.match(name) or REACHES.match(name)}


class StepFailed(Exception):
    """A step ended badly: the end of "The app was generated, but …", and what it printed or what to do."""


class SmokeTestFailed(Exception):
    """The app does not work; the message is what its smoke tests printed."""


def keep_what_was_chosen(answers: dict) -> None:
    """Walk the table `_optional`: remove the files of what was not chosen, and folders that this leaves empty.

    One that was chosen and has its row's first choice in its name, as keeping.database.py, takes keeping.py's place.

    Parameters:
        answers: Cookiecutter's context; a row is "question=choice,another choice": [paths].
    """
    for row, paths in answers["_optional"].items():
        question, choices = row.split("=")
        first, *others = choices.split(",")
        for path in map(Path, paths):
            if answers[question] in (first, *others):
                path.replace(path.with_name(path.name.replace(f".{first}.", ".")))
                continue
            path.unlink()
            for folder in [*path.parents][:-1]:
                if not any(folder.iterdir()):
                    folder.rmdir()


def is_update(answers: dict) -> bool:
    """Say whether an update tool (cruft) generates this in a temporary folder, just for comparison.

    Cookiecutter itself says where it puts the app. cruft does not; while it compares, its clone of the template lies
    beside the app, in another of Python's temporary folders, under the name of `repo`.
    """
    if "_output_dir" in answers:
        return False
    temporary = Path(tempfile.gettempdir()).resolve()
    return PROJECT.resolve().parent.parent == temporary and any(temporary.glob("*/repo/hooks/post_gen_project.py"))


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, as a person would, and at its end how long it took."""
    print(f"  {what} ", end="", flush=True)
    begin = time.monotonic()
    try:
        yield
    finally:
        print(f" {time.monotonic() - begin:.1f} s", flush=True)


def run(log: Path, problem: str, *command: str | Path) -> str:
    """Run a command, show that it lives, return what it printed.

    Parameters:
        log: The file that takes what it prints.
        problem: What it means if it fails: the end of "The app was generated, but …".
        command: The program and its arguments.

    Raises:
        StepFailed: It could not be run, or its exit status was not 0.
    """
    with log.open("ab") as output:
        start = output.tell()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT
            )
        except OSError as error:
            raise StepFailed(problem, str(error)) from error
        try:
            while process.poll() is None:
                try:
                    process.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    print(".", end="", flush=True)
        finally:  # also at Ctrl-C
            process.kill()
            process.wait()
    printed = log.read_bytes()[start:].decode(errors="replace")
    if process.returncode:
        raise StepFailed(problem, printed)
    return printed


def find_uv(log: Path, tools: Path) -> str | Path:
    """Return the uv that runs Cookiecutter, else the one on PATH, else one fetched into `tools`, an empty folder."""
    if uv := shutil.which(os.environ.get("UV", "")) or shutil.which("uv"):
        return uv
    with step("Fetching uv (20 MB)"):
        problem = "uv, which installs it, could not be fetched"
        run(log, problem, sys.executable, "-m", "venv", tools)
        run(log, problem, tools / SCRIPTS / "python", "-m", "pip", "install", "--quiet", "uv")
    return tools / SCRIPTS / "uv"


def check_place(log: Path, uv: str | Path) -> None:
    """Stop inside a uv workspace: there, uv changes the environment and the lock file of the workspace.

    Raises:
        StepFailed: It is one, or uv cannot tell.
    """
    problem = f"`{uv} workspace dir` fails; if uv is older than 0.10, upgrade it the way you installed it"
    said = run(log, problem, uv, "workspace", "dir", "--color", "never")
    workspace, project = Path(said.strip().rpartition("\n")[2]).resolve(), PROJECT.resolve()
    if workspace != project:
        table = f"[tool.uv.workspace] of {workspace / 'pyproject.toml'}"
        inside = project.relative_to(workspace).as_posix()
        advice = f'Move the folder out of there, or add "{inside}" to `exclude` in {table}.'
        raise StepFailed(f"it lies in the uv workspace {workspace}, whose packages uv would change", advice)


def install(log: Path, uv: str | Path) -> None:
    """Lock the app's packages and install them into its own environment, which a move of the folder does not break.

    Raises:
        StepFailed: Something could not be installed, or would be installed elsewhere.
    """
    problem = "it could not be installed"
    with step("Installing the app's packages (seconds if they are in uv's cache, else about 200 MB to download)"):
        check_place(log, uv)
        if VENV.is_symlink():
            raise StepFailed("its .venv is a link to an environment elsewhere", "Remove that link first.")
        try:
            if VENV_IS_OURS:
                run(log, problem, uv, "venv", "--relocatable", "--python", sys.executable, VENV)
            run(log, problem, uv, "sync", "--inexact", "--python", VENV / SCRIPTS / "python")
        except BaseException:
            remove_environment()
            raise


def remove_environment() -> None:
    """Leave no half-made environment, and never take away one that was there before."""
    if VENV_IS_OURS:
        shutil.rmtree(VENV, ignore_errors=True)


def smoke_test(log: Path, report: Path) -> int:
    """Run the app's smoke tests and return how many passed, as pytest itself counts them.

    Parameters:
        log: The file that takes what they print.
        report: The file that takes pytest's report.

    Raises:
        SmokeTestFailed: One of them failed.
        StepFailed: They could not be run.
    """
    problem, python = "its smoke tests could not be run", VENV / SCRIPTS / "python"
    options = ["-c", "pyproject.toml", "--continue-on-collection-errors", f"--junitxml={report}"]
    try:
        with step("Running its smoke tests"):
            printed = run(log, problem, python, "-m", "pytest", "-m", "smoke", "-q", "--tb=short", *options)
    except StepFailed as error:
        if report.is_file() and count(report, "failures"):
            raise SmokeTestFailed(error.args[1]) from error
        raise
    if not (passed := count(report, "tests") - count(report, "skipped")):
        raise StepFailed(problem, printed)
    return passed


def count(report: Path, what: str) -> int:
    """Return a figure of pytest's report."""
    return int(ElementTree.parse(report).getroot()[0].attrib[what])


def quoted(path: Path) -> str:
    """Return a path as a shell takes it."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(str(path))


def say_not_verified(log: Path, error: Exception) -> None:
    """Print why the app could not be tried, and what to do."""
    problem, printed = error.args if isinstance(error, StepFailed) else ("it could not be tested", str(error))
    last = [line.strip() for line in printed.splitlines() if line.strip()][-8:]
    print(f"\n{PROJECT}\nNOT VERIFIED: the app was generated, but {problem}:")
    print(*last, sep="\n", end="\n\n")
    print(f"Once that is fixed, run this (the full log is {log}):\n")
    print(f"    cd {quoted(PROJECT)}\n    uv run pytest -m smoke\n")
    if not shutil.which("uv"):
        print("(uv comes with: pip install uv)")


def say_next() -> None:
    """Print the two commands that start the app, whether or not uv is on PATH."""
    streamlit = f".venv{os.sep}{SCRIPTS}{os.sep}streamlit"
    start = streamlit if VENV.exists() and not shutil.which("uv") else "uv run streamlit"
    if not VENV.exists() and not shutil.which("uv"):
        print("You need uv to start it: https://docs.astral.sh/uv/getting-started/installation/")
    print(f"\n    cd {quoted(PROJECT)}\n    {start} run app.py\n")


def main() -> int:
    """Do it all; return the exit status."""
    sys.stdout.reconfigure(errors="replace", line_buffering=True)  # some consoles' character sets lack uv's marks
    answers = json.loads(ANSWERS)
    keep_what_was_chosen(answers)
    if is_update(answers):
        return 0
    if not answers["smoke_test"]:
        print(f"\n{PROJECT}\nNOT VERIFIED: neither installed nor tested, as you chose.")
        print("Before you deploy it, run `uv lock`, which makes its uv.lock. Next:")
        say_next()
        return 0

    print("\nProving that your app works on this machine:")
    handle, name = tempfile.mkstemp(prefix=f"{PROJECT.name}-", suffix=".log")
    os.close(handle)
    log = Path(name)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            tools = Path(folder)
            install(log, find_uv(log, tools / "uv"))
            passed = smoke_test(log, tools / "smoke.xml")
    except SmokeTestFailed as failure:
        print("\n" + "\n".join(str(failure).splitlines()[-40:]))
        print(f"\nFAILED: the app does not work on this machine. Its smoke tests' output is above, in full in\n{log}")
        print("(What follows is Cookiecutter's own trace. It removes an app whose folder is new;")
        print("--keep-project-on-failure keeps it.)")
        return 1
    except Exception as error:  # only a smoke test that failed may cost the app
        say_not_verified(log, error)
        return 0
    with suppress(OSError):  # on Windows, something else may have it open
        log.unlink()
    print(f"\n{PROJECT}\nVERIFIED: the app works on this machine ({passed} passed). Next:")
    say_next()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        remove_environment()
        print(f"\nStopped: the app is in {PROJECT}, neither installed nor tested. To do so: uv run pytest -m smoke")
        sys.exit(130)
    except OSError as error:  # a full disk, say, or nobody reads what this prints: the app stays
        with suppress(OSError):
            print(f"\nNOT VERIFIED: the app is in {PROJECT}, but: {error}", file=sys.stderr)
        os._exit(0)
