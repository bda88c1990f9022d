"""Running a generated app, coroutines beside Playwright, and waiting."""

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own, for Playwright's loop may still run in pytest's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that another process does; a busy machine gets a minute for it.

    Parameters:
        condition: Whether it has happened.
        seconds: Those that it gets.

    Raises:
        TimeoutError: It did not happen.
    """
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.05)


def free_port() -> int:
    """Return a free loopback port outside the range the system assigns from, so no other process is given it first."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            return free.getsockname()[1]


@contextlib.contextmanager
def running(app: Path, env: dict[str, str], *options: str, port: int = 0) -> Iterator[int]:
    """Start an installed app as its README says; give the port it listens on, and end it at the end.

    Parameters:
        app: The app's folder.
        env: Variables to set on top of this process's.
        options: More of Streamlit's options.
        port: Where it shall listen; 0 means any.
    """
    command = app / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "streamlit"
    options = ("--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true", *options)
    with serving([command, "run", "app.py", *options], app, env, "/_stcore/health", port=port) as port:
        yield port


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path], folder: Path, env: dict[str, str], path: str, seconds: float = 60, port: int = 0
) -> Iterator[int]:
    """Start a server; give the port it listens on, and end it at the end.

    Parameters:
        command: Starts it, with {port} for the port.
        folder: Where to run it.
        env: Variables to set on top of this process's.
        path: What it answers as soon as it can.
        seconds: How long that may take.
        port: Where it shall listen; 0 means any.
    """
    port = port or free_port()
    filled_in = [str(part).replace("{port}", str(port)) for part in command]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            filled_in, cwd=folder, env=os.environ | env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: _answers(f"http://127.0.0.1:{port}{path}") or process.poll() is not None, seconds)
            assert process.poll() is None, f"{filled_in[0]} did not start"
            yield port
        finally:
            process.terminate()
            process.wait(60)
            log.seek(0)
            print(log.read().decode())  # pytest shows it for a failed test


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(url)
        return True
    return False
