"""Running a generated app, and coroutines beside Playwright."""

import asyncio
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own, for Playwright's loop may still run in pytest's."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


@contextmanager
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
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(10)
            log.seek(0)
            print(log.read().decode())  # pytest shows it for a failed test


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health")
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the app did not start")
