"""The servers that are compared, each in a process of its own, and what the kernel says of them."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

from load import ChainlitUser, StreamlitUser, User

from tests.baking import UV, copy_app, install
from tests.features import FEATURES, take_out

HERE = Path(__file__).parent
LONG = "long_app.py"
PLAIN = ("streamlit>=1.67,<2", "langchain-core>=1.7,<2", "langchain-community>=0.4.2,<0.5", "langchain-openai>=1.7,<2")
CHAINLIT = ("chainlit>=2.12,<3", "langchain-core>=1.7,<2", "langchain-openai>=1.7,<2")
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
frontend users
    bind 127.0.0.1:{port}
    default_backend apps
backend apps
    balance roundrobin
    cookie process insert
    server one 127.0.0.1:{one} cookie one
    server two 127.0.0.1:{two} cookie two
"""


class Way(NamedTuple):
    """One of the ways to make a chat.

    Parameters:
        name: As it is in the table.
        user: Who speaks its protocol.
        command: What starts it, with `{port}` for the port on loopback.
        folder: Where it is started.
        python: The Python that it runs with.
        script: The file in the folder that the command runs.
        long: The file that does the same with a session that has a long past.
    """

    name: str
    user: type[User]
    command: Sequence[str]
    folder: Path
    python: Path
    script: str
    long: str = "long_chat.py"


class Process:
    """A running server.

    Parameters:
        command: What starts it, with `{port}` for the port on loopback.
        folder: Where it is started; it meets no proxy settings, since all is on loopback.
    """

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self.port = free_port()
        self._log = (folder / f"{self.port}.log").open("w+b")
        self.begin = time.monotonic()
        self._process = subprocess.Popen(
            [part.format(port=self.port) for part in command],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    async def listening(self) -> None:
        """Wait until it takes connections."""
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                if self._process.poll() is not None or time.monotonic() > self.begin + 60:
                    raise RuntimeError(f"{self._process.args} did not start:\n{self.log()}") from None
                await asyncio.sleep(0.005)
            else:
                writer.close()
                return

    def cpu_seconds(self) -> float:
        """Return the seconds of processor time used so far, in steps of 10 ms.

        Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        """
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Return the memory in use (PSS: pages shared with other processes count in part) in units of 10^6 bytes.

        Source: https://man7.org/linux/man-pages/man5/proc_pid_smaps.5.html
        """
        rollup = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        return int(re.findall(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)[0]) * 1024 / 1e6

    def log(self) -> str:
        """Return the end of what it printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-3000:]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def model_server(folder: Path) -> Iterator[Process]:
    """Run the model server; its clients find it by what is put into the environment."""
    model = Process([sys.executable, str(HERE / "model_server.py"), "{port}"], folder)
    url = f"http://127.0.0.1:{model.port}/v1"
    os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_BASE": url, "OPENAI_API_KEY": "none"}
    try:
        yield model
    finally:
        model.stop()


@asynccontextmanager
async def running(way: Way, script: str = "") -> AsyncIterator[Process]:
    """Run one way's server until the block ends.

    Parameters:
        way: Which.
        script: Another file of its folder to run in the place of the way's own.
    """
    server = Process([script if script and part == way.script else part for part in way.command], way.folder)
    try:
        await server.listening()
        yield server
    except Exception:
        print(server.log(), file=sys.stderr)
        raise
    finally:
        server.stop()


@asynccontextmanager
async def behind_a_proxy(way: Way) -> AsyncIterator[int]:
    """Run two processes behind HAProxy, which sends a user to the same one each time; give the proxy's port."""
    async with running(way) as one, running(way) as two:
        config = way.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(port=(port := free_port()), one=one.port, two=two.port))
        proxy = Process([_haproxy(), "-db", "-f", str(config)], way.folder)
        proxy.port = port
        try:
            await proxy.listening()
            yield port
        finally:
            proxy.stop()


def _haproxy() -> str:
    return shutil.which("haproxy") or ""


def has_proxy() -> bool:
    """Say whether there is a proxy on this machine."""
    return bool(_haproxy())


def ways(folder: Path, wanted: Sequence[str], before: Path | None = None) -> dict[str, Way]:
    """Make what is wanted ready to start: the app generated and installed, the others in environments of their own.

    Parameters:
        folder: An empty folder, which takes what is made.
        before: An installed openai app that an earlier version of the template has made.
        wanted: The keys of what is returned, some of them.
    """
    app = install(model_provider="openai", project_slug="measured")
    shutil.copytree(HERE / "baselines", folder, dirs_exist_ok=True)
    for place in (folder, app, *([before] if before else [])):
        shutil.copy(HERE / "long_chat.py", place)
    for place in (app, *([before] if before else [])):
        _without_limit(place)
    app_file = (app / "app.py").read_text(encoding="utf-8")
    (app / LONG).write_text(app_file.replace('"page.py"', '"long_chat.py"'), encoding="utf-8")
    python = app / ".venv" / "bin" / "python"
    # The app is started as its README says, a plain one with Streamlit's default settings.
    production = [".venv/bin/streamlit", "run", "app.py", "--server.fileWatcherType=none", "--server.headless=true"]
    production += ["--server.port={port}", "--server.address=127.0.0.1"]
    made = {"app": Way("the app", StreamlitUser, production, app, python, "app.py", LONG)}
    if before:
        command = [str(before / production[0]), *production[1:]]
        made["app_before"] = made["app"]._replace(
            name="the app before", folder=before, long="long_chat.py", command=command
        )
    if "app_database" in wanted:
        _without_limit(kept := install(model_provider="openai", project_slug="measured", conversations="database"))
        name, python = "the app with a database", kept / ".venv" / "bin" / "python"
        made["app_database"] = made["app"]._replace(name=name, folder=kept, python=python)
    take_out(without := copy_app(app, folder / "without_features"), FEATURES)
    made["app_without_features"] = made["app"]._replace(name="the app without features", folder=without)
    if {"plain", "plain_streaming"} & {*wanted}:
        python = _environment(folder / "plain", PLAIN)
        command = [str(python.with_name("streamlit")), "run", "plain.py", "--server.port={port}"]
        command += ["--server.address=127.0.0.1", "--server.headless=true", "--browser.gatherUsageStats=false"]
        made["plain"] = Way("plain", StreamlitUser, command, folder, python, "plain.py")
        command = [part.replace("plain.py", "plain_streaming.py") for part in command]
        made["plain_streaming"] = Way("plain, streaming", StreamlitUser, command, folder, python, "plain_streaming.py")
    if "chainlit" in wanted:
        python = _environment(folder / "chainlit", CHAINLIT)
        command = [str(python.with_name("chainlit")), "run", "chainlit_app.py", "--headless", "--port={port}"]
        command += ["--host=127.0.0.1"]
        made["chainlit"] = Way("Chainlit", ChainlitUser, command, folder, python, "chainlit_app.py")
    bare = [sys.executable, "bare_websocket.py", "{port}"]
    made["bare_websocket"] = Way("bare websocket", User, bare, folder, Path(sys.executable), "bare_websocket.py")
    return {name: way for name, way in made.items() if name in wanted}


def _without_limit(app: Path) -> None:
    """Let one user ask an app as often as a benchmark does."""
    settings = app / "settings.toml"
    text = re.sub("(questions_per_.*) = .*", r"\1 = 0", settings.read_text(encoding="utf-8"))
    settings.write_text(text, encoding="utf-8")


def _environment(folder: Path, packages: Sequence[str]) -> Path:
    """Install packages into a new environment and return its Python."""
    python = folder / "bin" / "python"
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, folder], check=True)
    subprocess.run([UV, "pip", "install", "-q", "--python", python, *packages], check=True)
    return python
