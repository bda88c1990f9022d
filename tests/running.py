"""Running a generated app, coroutines beside Playwright, and waiting."""

import asyncio
import contextlib
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own, for Playwright's loop may still run in pytest's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that another process does; a busy machine gets a minute for it.

    Raises:
        TimeoutError: It did not happen.
    """
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.05)


@contextlib.contextmanager
def running(app: Path, env: dict[str, str], *options: str) -> Iterator[int]:
    """Start an installed app as its README says; give the port it listens on, and end it at the end.

    Parameters:
        app: The app's folder.
        env: Variables to set on top of this process's.
        options: More of Streamlit's options.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = app / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "streamlit"
    options = (f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true", *options)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [command, "run", "app.py", *options], cwd=app, env=os.environ | env, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until(lambda: _answers(port) or process.poll() is not None)
            assert process.poll() is None, "the app did not start"
            yield port
        finally:
            process.terminate()
            process.wait(60)
            log.seek(0)
            print(log.read().decode())  # pytest shows it for a failed test


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health")
        return True
    return False
