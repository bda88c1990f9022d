"""A real HTTP server on loopback that speaks the provider's protocol: it can be slow, refuse, fall silent and cut."""

import json
import select
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from . import protocol


@dataclass
class Reply:
    """How the server answers until told otherwise.

    Parameters:
        words: The pieces of the answer.
        pause: Seconds before each piece.
        status: HTTP status; anything but 200 is a refusal with `code` and `message`.
        code: The provider's name for the refusal.
        message: The provider's words for it.
        cut: Whether the connection breaks off after the last word, before the answer's end.
        headers: Of a refusal.
    """

    words: tuple[str, ...] = ("Hello", " from", " the", " model", ".")
    pause: float = 0
    status: int = 200
    code: str = "error"
    message: str = "refused"
    cut: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class ModelServer:
    """The server: `reply` is how it answers, `requests` what it was asked, `left` how many clients hung up early."""

    def __init__(self) -> None:
        """Listen on a free port of loopback; use it in a `with` block."""
        self.key = "sk-test-0123456789abcdef"
        self.reply = Reply()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.left = 0
        self._http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        # Both spellings: a machine may have set either.
        no_proxy = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        self.environment = no_proxy | protocol.environment(self.url, self.key)

    def __enter__(self) -> Self:
        """Start to answer."""
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._http.shutdown()
        self._http.server_close()

    def reply_to(self, question: str) -> Reply:
        """Return how to answer a question; a test that needs more than `reply` overrides it."""
        return self.reply

    def conversation(self, number: int = -1) -> list[tuple[str, str]]:
        """Return what a request asked, as (role, text) pairs, the system prompt first."""
        return protocol.conversation(self.requests[number])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client may hang up at any time."""


class _Handler(BaseHTTPRequestHandler):
    owner: ModelServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if not (raw := self.rfile.read(int(self.headers["Content-Length"]))):
            return  # the client has hung up already
        body = json.loads(raw)
        self.owner.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.owner.requests.append(body)
        reply = self.owner.reply_to(protocol.conversation(body)[-1][1])
        if reply.status != 200:
            body = protocol.error(reply.code, reply.message)
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for header in reply.headers:
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        *words, end = protocol.stream(reply.words)
        try:
            for piece in words:
                self._wait(reply.pause)
                self._send(piece)
            self._wait(reply.pause)
            if not reply.cut:
                self._send(end)
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.owner.left += 1
            self.close_connection = True
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
