"""A real HTTP server on loopback that speaks the provider's protocol: it can be slow, refuse, fall silent and cut."""

import importlib
import json
import select
import ssl
import threading
import time
import tomllib
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

MODEL = tomllib.loads((Path(__file__).parent.parent / "settings.toml").read_text(encoding="utf-8"))["model"]
protocol = importlib.import_module(f".protocols.{MODEL['protocol']}", __package__)


@dataclass
class Reply:
    """How the server answers until told otherwise.

    Parameters:
        words: The pieces of the answer.
        pause: Seconds before each piece.
        silence: Seconds before anything at all.
        stall: Seconds between the last piece and the answer's end; 0 means `pause`.
        status: HTTP status; anything but 200 is a refusal with `code` and `message`.
        code: The provider's name for the refusal.
        message: The provider's words for it.
        cut: Whether the connection breaks off after the last word, before the answer's end.
        headers: Of a refusal, or of a body.
        body: What comes instead of an answer or a refusal, as it is.
        spoilt: Whether the last word comes as JSON that is none.
        thinking: What the model thinks before it answers, where the protocol has that.
        calls: What the model calls after its words: the name of each tool, and the arguments as JSON.
        fault: The provider's name for what ends the stream after the last word, one of its protocol's `FAULTS`.
    """

    words: tuple[str, ...] = ("Hello", " from", " the", " model", ".")
    pause: float = 0
    silence: float = 0
    stall: float = 0
    status: int = 200
    code: str = "error"
    message: str = "refused"
    cut: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    spoilt: bool = False
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    fault: str = ""


class ModelServer:
    """The server: `reply` is how it answers, `requests` what it was asked, `left` how many clients hung up early."""

    def __init__(self) -> None:
        """Listen on a free port of loopback; use it in a `with` block."""
        self.key = "sk-test-0123456789abcdef"
        self.reply = Reply()
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.left = 0
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        # Both spellings: a machine may have set either.
        self.environment = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **protocol.environment(self.url)}
        for setting, value in (("base_url_variable", self.url), ("key_variable", self.key)):
            if variable := MODEL[setting]:
                self.environment[variable] = value

    def __enter__(self) -> Self:
        """Start to answer."""
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()

    def encrypt(self, certificate: Path) -> None:
        """Speak TLS from now on, with this certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)

    def reply_to(self, question: str) -> Reply:
        """Return how to answer a question; a test that needs more than `reply` overrides it."""
        return self.reply

    def model(self) -> str:
        """Return the model that the last request named."""
        return protocol.model(self.paths[-1], self.requests[-1])

    def conversation(self, number: int = -1) -> list[tuple[str, str]]:
        """Return what a request asked, as (role, text) pairs, the system prompt first."""
        return protocol.conversation(self.requests[number])

    def calls(self, number: int = -1) -> list[tuple[str, Any, str]]:
        """Return the calls that a request tells of, each as its name, its arguments and its result."""
        return protocol.calls(self.requests[number])

    def tools(self, number: int = -1) -> list[str]:
        """Return the names of the tools that a request offers."""
        return protocol.tools(self.requests[number])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client may hang up at any time."""


class _Handler(BaseHTTPRequestHandler):
    owner: ModelServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send_whole(200, protocol.lookup(self.path))

    def do_POST(self) -> None:
        if not (raw := self.rfile.read(int(self.headers["Content-Length"]))):
            return  # the client has hung up already
        if not raw.startswith(b"{"):
            return self._send_whole(200, protocol.lookup(self.path))
        if not self.path.startswith(getattr(protocol, "PATH", "/")):
            return self._send_whole(404, protocol.error("NOT_FOUND", "no such path"))
        body = json.loads(raw)
        self.owner.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.owner.paths.append(self.path.partition("?")[0])
        self.owner.requests.append(body)
        reply = self.owner.reply_to(protocol.conversation(body)[-1][1])
        try:
            self._wait(reply.silence)
            if reply.body is not None:
                self._send_whole(reply.status, reply.body, reply.headers)
            elif reply.status == 200:
                self._stream(reply, body)
            else:
                self._send_whole(reply.status, protocol.error(reply.code, reply.message), reply.headers)
        except OSError:
            self.owner.left += 1
            self.close_connection = True

    def _send_whole(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for header in {"Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, reply: Reply, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", protocol.CONTENT_TYPE)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        more: dict[str, Any] = {name: it for name in ("thinking", "calls") if (it := getattr(reply, name))}
        *words, end = protocol.stream(reply.words, body, **more)
        if reply.spoilt:
            words[-1] = words[-1].replace(b"}", b"?")
        for piece in words:
            self._wait(reply.pause)
            self._send(piece)
        self._wait(reply.stall or reply.pause)
        if not reply.cut:
            self._send(protocol.fault(reply.fault) if reply.fault else end)
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection |= reply.cut

    def _send(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def _wait(self, seconds: float) -> None:
        """Wait, but not for a client that hangs up meanwhile."""
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            if select.select([self.connection], [], [], rest)[0] and not self.connection.recv(1):
                raise ConnectionResetError

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the console clean."""
