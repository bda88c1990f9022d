"""Keep what was chosen, install it, prove that it works, say what next."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The one place where the answers enter, as data: JSON inside a raw string cannot end it, whatever was typed.
ANSWERS = r"""{{ cookiecutter | tojson }}"""

PROJECT = Path.cwd()
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
# Where these are set, they are meant for whatever runs Cookiecutter, not for the app.
NOT_OURS = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "PYTEST_ADDOPTS")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_OURS}


class StepFailed(Exception):
    """A step ended badly; the message is what it printed."""


def keep_what_was_chosen(answers: dict) -> None:
    """Walk the table `_optional`: remove the files of what was not chosen, and a folder that this leaves empty.

    Parameters:
        answers: Cookiecutter's context; a row is "question=choice,another choice": [paths].
    """
    for row, paths in answers["_optional"].items():
        question, choices = row.split("=")
        if answers[question] not in choices.split(","):
            for path in map(Path, paths):
                path.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()


def is_update(answers: dict) -> bool:
    """Say whether an update tool (cruft) generates this in a temporary folder, just for comparison.

    Cookiecutter itself says where it puts the app; cruft does not, and uses Python's temporary folders.
    """
    return "_output_dir" not in answers and PROJECT.parent.parent == Path(tempfile.gettempdir()).resolve()


def run(log: Path, what: str, *command: str | Path) -> str:
    """Run one step: say what it is, show that it lives, say how long it took; return what it printed.

    Parameters:
        log: The file that takes what it prints.
        what: The step, as a person would say it.
        command: The program and its arguments.

    Raises:
        StepFailed: It could not be run, or its exit status was not 0.
    """
    print(f"  {what} ", end="", flush=True)
    begin = time.monotonic()
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT)
        try:
            while process.poll() is None:
                try:
                    process.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    print(".", end="", flush=True)
        finally:  # also at Ctrl-C
            process.kill()
            process.wait()
    print(f" {time.monotonic() - begin:.1f} s", flush=True)
    printed = log.read_bytes()[start:].decode(errors="replace")
    if process.returncode:
        raise StepFailed(printed)
    return printed


def install(log: Path, tools: Path) -> None:
    """Lock and install the app, with the uv that runs Cookiecutter, one on PATH, or one fetched into `tools`.

    Parameters:
        log: The file that takes what the steps print.
        tools: An empty folder, for a temporary environment.

    Raises:
        StepFailed: Something could not be installed.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        uv = tools / SCRIPTS / "uv"
        run(log, "Making a temporary environment for uv", sys.executable, "-m", "venv", tools)
        run(log, "Fetching uv (20 MB)", tools / SCRIPTS / "python", "-m", "pip", "install", "--quiet", "uv")
    size = "seconds if they are in uv's cache, else about 200 MB to download"
    run(log, f"Installing the app's packages ({size})", uv, "sync", "--python", sys.executable)


def say_next() -> None:
    """Print the two commands that start the app, whether or not uv is on PATH."""
    installed = PROJECT / ".venv"
    streamlit = f".venv{os.sep}{SCRIPTS}{os.sep}streamlit"
    start = streamlit if installed.exists() and not shutil.which("uv") else "uv run streamlit"
    if not installed.exists() and not shutil.which("uv"):
        print("You need uv to start it: https://docs.astral.sh/uv/getting-started/installation/")
    print(f"\n    cd {shlex.quote(str(PROJECT))}\n    {start} run app.py\n")


def main() -> int:
    """Do it all; return the exit status."""
    sys.stdout.reconfigure(errors="replace")  # some consoles' character sets lack uv's marks
    answers = json.loads(ANSWERS)
    keep_what_was_chosen(answers)
    if is_update(answers):
        return 0
    if not answers["smoke_test"]:
        print(f"\n{PROJECT}\nNOT VERIFIED: neither installed nor tested, as you chose. Next:")
        say_next()
        return 0

    print("\nProving that your app works on this machine:", flush=True)
    handle, name = tempfile.mkstemp(prefix=f"{PROJECT.name}-", suffix=".log")
    os.close(handle)
    log = Path(name)
    try:
        with tempfile.TemporaryDirectory() as tools:
            install(log, Path(tools))
    except (StepFailed, OSError) as problem:
        shutil.rmtree(PROJECT / ".venv", ignore_errors=True)
        last = [line.strip() for line in str(problem).splitlines() if line.strip()][-8:]
        print(f"\n{PROJECT}\nNOT VERIFIED: the app was generated, but it could not be installed:")
        print(*last, sep="\n", end="\n\n")
        print(f"Once that is fixed, run this (the full log is {log}):\n")
        print(f"    cd {shlex.quote(str(PROJECT))}\n    uv run pytest -m smoke\n")
        if not shutil.which("uv"):
            print("(uv comes with: pip install uv)")
        return 0
    try:
        python = PROJECT / ".venv" / SCRIPTS / "python"
        tests = run(log, "Running its smoke tests", python, "-m", "pytest", "-m", "smoke", "-q", "--tb=short")
    except StepFailed as problem:
        print("\n" + "\n".join(str(problem).splitlines()[-40:]))
        print(f"\nFAILED: the app does not work on this machine. Its smoke tests' output is above, in full in\n{log}")
        print("(What follows is Cookiecutter's own trace. It removes the app; --keep-project-on-failure keeps it.)")
        return 1
    log.unlink()
    print(f"\n{PROJECT}\nVERIFIED: the app works on this machine ({tests.splitlines()[-1].split(',')[0]}). Next:")
    say_next()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        shutil.rmtree(PROJECT / ".venv", ignore_errors=True)
        print(f"\nStopped: the app is in {PROJECT}, neither installed nor tested. To do so: uv run pytest -m smoke")
        sys.exit(130)
