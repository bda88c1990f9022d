"""Firefox by WebDriver BiDi and WebKit by WebDriver, as far as one flow needs: Playwright drives its own builds."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.running import free_port, wait_until

ENTER, CONTROL = "\ue007", "\ue009"
MINIBROWSERS = "lib*/**/webkit2gtk-4*/MiniBrowser"
WITHOUT_A_GPU = {"WEBKIT_DISABLE_DMABUF_RENDERER": "1", "LIBGL_ALWAYS_SOFTWARE": "1", "NO_AT_BRIDGE": "1"}


class Browser(ABC):
    """A tab in which something is looked for, pressed and typed."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Open a page."""

    @abstractmethod
    def script(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to."""

    @abstractmethod
    def perform(self, source: dict[str, Any]) -> None:
        """Perform the actions of a mouse or a keyboard, which the browser takes for a person's."""

    @abstractmethod
    def choose_file(self, css: str, file: Path) -> None:
        """Choose a file in a field for files."""

    def wait_for(self, expression: str, seconds: float = 60) -> None:
        """Wait until a JavaScript expression is true."""
        try:
            wait_until(lambda: self.script(expression), seconds)
        except TimeoutError:
            raise AssertionError(f"{expression}\n{self.script('document.body.innerText')}") from None

    def press(self, css: str, text: str = "") -> None:
        """Press the last of the elements that have this text, once it is there."""
        found = (
            f"[...document.querySelectorAll({json.dumps(css)})].filter((e) => e.innerText.includes({json.dumps(text)}))"
        )
        self.wait_for(f"{found}.length > 0")
        self.script(f"{found}.at(-1).scrollIntoView({{ block: 'nearest' }})")
        box = self.script(f"{found}.at(-1).getBoundingClientRect()")
        place = {"x": round(box["x"] + box["width"] / 2), "y": round(box["y"] + box["height"] / 2)}
        steps = [
            {"type": "pointerMove", **place},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.perform({"type": "pointer", "id": "mouse", "actions": steps})

    def type(self, *keys: str) -> None:
        """Press keys, one after the other."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.perform({"type": "key", "id": "keyboard", "actions": steps})

    def chord(self, held: str, key: str) -> None:
        """Press a key while another is held."""
        steps = [("keyDown", held), ("keyDown", key), ("keyUp", key), ("keyUp", held)]
        actions = [{"type": kind, "value": value} for kind, value in steps]
        self.perform({"type": "key", "id": "keyboard", "actions": actions})


class Firefox(Browser):
    """Debian's, which has no geckodriver, but listens by itself."""

    def __init__(self, connection: ClientConnection) -> None:
        """Begin a session in a tab of its own: in the first one, the bar for addresses has the focus."""
        self._connection, self._number = connection, 0
        self._command("session.new", capabilities={})
        self._tab = self._command("browsingContext.create", type="tab")["context"]

    def _command(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while (answer := json.loads(self._connection.recv(timeout=60))).get("id") != self._number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def _evaluate(self, expression: str) -> dict[str, Any]:
        done = self._command(
            "script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=False
        )
        assert done["type"] == "success", done
        return done["result"]

    def open(self, url: str) -> None:
        """Open a page."""
        self._command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def script(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to."""
        return json.loads(self._evaluate(f"JSON.stringify(({expression}) ?? null)")["value"])

    def perform(self, source: dict[str, Any]) -> None:
        """Perform the actions of a mouse or a keyboard."""
        self._command("input.performActions", context=self._tab, actions=[source])

    def choose_file(self, css: str, file: Path) -> None:
        """Choose a file in a field for files."""
        element = {"sharedId": self._evaluate(f"document.querySelector({json.dumps(css)})")["sharedId"]}
        self._command("input.setFiles", context=self._tab, element=element, files=[str(file)])

    def screenshot(self, path: Path) -> None:
        """Take a picture of the window."""
        path.write_bytes(
            base64.b64decode(self._command("browsingContext.captureScreenshot", context=self._tab)["data"])
        )


class WebKit(Browser):
    """WebKitGTK, which has Safari's engine."""

    def __init__(self, port: int) -> None:
        """Begin a session.

        Parameters:
            port: Where WebKitWebDriver listens on loopback.
        """
        self._url = f"http://127.0.0.1:{port}"
        options = {"binary": str(next(Path("/usr").glob(MINIBROWSERS))), "args": ["--automation"]}
        wanted = {"webkitgtk:browserOptions": options, "pageLoadStrategy": "none"}
        session = self._command("POST", "/session", capabilities={"alwaysMatch": wanted})["sessionId"]
        self._url += f"/session/{session}"

    def _command(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        with urllib.request.urlopen(
            urllib.request.Request(self._url + path, data, method=method), timeout=60
        ) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        """Open a page."""
        self._command("POST", "/url", url=url)

    def script(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to."""
        script = f"return JSON.stringify(({expression}) ?? null)"
        return json.loads(self._command("POST", "/execute/sync", script=script, args=[]))

    def perform(self, source: dict[str, Any]) -> None:
        """Perform the actions of a mouse or a keyboard."""
        self._command("POST", "/actions", actions=[source])

    def choose_file(self, css: str, file: Path) -> None:
        """Choose a file in a field for files."""
        (element,) = self._command("POST", "/element", using="css selector", value=css).values()
        self._command("POST", f"/element/{element}/value", text=str(file))

    def end(self) -> None:
        """End the session, and with it the browser."""
        self._command("DELETE", "")


@contextlib.contextmanager
def started(*command: str | Path, **env: str) -> Iterator[None]:
    """Start a program, and end it at the end."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = tuple(str(part) for part in command)
    process = subprocess.Popen(command, env=os.environ | env, start_new_session=True, **quiet)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # what it has started, too
        process.wait(30)


@contextlib.contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Start a Firefox, with its profile in an empty folder."""
    port, name = free_port(), shutil.which("firefox-esr") or shutil.which("firefox")
    (folder / "user.js").write_text('user_pref("datareporting.policy.dataSubmissionEnabled", false);\n')
    options = ("--headless", "--no-remote", "--profile", folder, f"--remote-debugging-port={port}")
    with started(str(name), *options, HOME=str(folder)):
        socket: list[ClientConnection] = []

        def connected() -> bool:
            with contextlib.suppress(OSError):
                socket.append(connect(f"ws://127.0.0.1:{port}/session", max_size=None))
            return bool(socket)

        wait_until(connected)
        with socket[0]:
            yield Firefox(socket[0])


@contextlib.contextmanager
def webkit(folder: Path) -> Iterator[WebKit]:
    """Start a WebKit on a screen of its own, with its files in an empty folder."""
    port, display = free_port(), f":{os.getpid() % 30_000 + 100}"
    env = {"DISPLAY": display, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "GTK_USE_PORTAL": "0"}
    screen = started("Xvfb", display, "-screen", "0", "1200x900x24")
    driver = ("dbus-run-session", "--", "WebKitWebDriver", f"--port={port}")
    with screen, started(*driver, GTK_A11Y="none", **env, **WITHOUT_A_GPU):

        def ready() -> bool:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/status")
                return True
            return False

        wait_until(ready)
        time.sleep(1)  # the screen, too
        browser = WebKit(port)
        try:
            yield browser
        finally:
            browser.end()
