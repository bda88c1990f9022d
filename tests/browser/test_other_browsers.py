"""The same conversation in Firefox and in WebKit, which is Safari's engine. With --all-providers, where they are."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import pytest

from tests.browser.conftest import ENDLESS, SLOW, reply
from tests.browser.other_browsers import CONTROL, ENTER, Browser, firefox, webkit

pytestmark = [pytest.mark.browser, pytest.mark.installs]

BROWSERS = {  # how to start each, what that needs, and how to get it
    "firefox": (firefox, (("firefox-esr", "firefox"),), "apt-get install firefox-esr"),
    "webkit": (
        webkit,
        (("WebKitWebDriver",), ("Xvfb",), ("dbus-run-session",)),
        "apt-get install webkit2gtk-driver xvfb dbus",
    ),
}
MESSAGES = "document.querySelectorAll('[data-testid=stChatMessage]')"
IN_THE_INPUT = "document.activeElement === document.querySelector('[data-testid=stChatInputTextArea]')"
STORY = "word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11"


class Relay:
    """What stands between a browser and the app, and can cut all connections."""

    def __init__(self, port: int) -> None:
        """Listen on a free port of loopback; use it in a `with` block.

        Parameters:
            port: Where the app listens.
        """
        self._app = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Start to relay."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut all connections."""
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ends = (self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._app)))
                self._open += ends
                for source, sink in (ends, ends[::-1]):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(port_and_server: tuple[int, Any]) -> Iterator[Relay]:
    """Return a relay to the app."""
    with Relay(port_and_server[0]) as relay:
        yield relay


@pytest.fixture(params=BROWSERS)
def browser(request: pytest.FixtureRequest, tmp_path: Path, relay: Relay) -> Iterator[Browser]:
    """Return a browser that shows the page."""
    start, needed, how = BROWSERS[request.param]
    if not request.config.getoption("--all-providers"):
        pytest.skip("run with --all-providers")
    if not all(any(map(shutil.which, names)) for names in needed):
        pytest.skip(f"no {request.param}: {how}")
    with ExitStack() as stack:
        browser: Browser = stack.enter_context(start(tmp_path))
        show(browser, relay)
        yield browser


def show(browser: Browser, relay: Relay) -> None:
    """Open the page and wait until one can type."""
    browser.open(f"http://127.0.0.1:{relay.port}")
    browser.wait_for(
        f"{MESSAGES}.length === 1 && !!document.querySelector('[data-testid=stChatInputTextArea]:enabled')"
    )


def ask(browser: Browser, question: str) -> None:
    """Type a question and send it."""
    browser.press("[data-testid=stChatInputTextArea]")
    browser.type(*question, ENTER)
    browser.wait_for(f"[...{MESSAGES}].some((message) => message.innerText.includes({json.dumps(question)}))")


def wait_for_answer(browser: Browser, text: str) -> None:
    """Wait until the last answer holds this text and has ended."""
    last = f"[...{MESSAGES}].at(-1)"
    shown = f"{last}?.innerText.replace(/\\s+/g, ' ').includes({json.dumps(text)})"
    browser.wait_for(f"{shown} && !!{last}.querySelector('[aria-label=\"Try again\"]')")


def test_a_conversation(browser: Browser, relay: Relay, server: Any, tmp_path: Path) -> None:
    ask(browser, "Hello")
    wait_for_answer(browser, "Hello from the model.")
    browser.wait_for("document.querySelector('[role=status]').textContent === 'Hello from the model.'")
    browser.press("[aria-label='Copy the answer']")
    browser.wait_for("!!document.querySelector('[aria-label=Copied]')")
    browser.press("[data-testid=stChatInputTextArea]")
    browser.chord(CONTROL, "v")
    browser.wait_for("document.activeElement.value === 'Hello from the model.'")
    browser.type(ENTER)
    browser.wait_for(f"{MESSAGES}.length === 5")

    server.reply = reply(**ENDLESS)
    ask(browser, "Tell me a story")
    browser.wait_for(f"[...{MESSAGES}].at(-1).innerText.includes('word2')")
    browser.press(".st-key-app-stop button")
    wait_for_answer(browser, "Stopped")
    browser.wait_for(IN_THE_INPUT)

    server.reply = reply(words=("A short one.",))
    browser.press("[aria-label='Edit the question']")
    browser.wait_for("document.activeElement.shadowRoot?.activeElement?.tagName === 'TEXTAREA'")
    browser.type(*", please", ENTER)
    wait_for_answer(browser, "A short one.")
    assert ", please" in server.conversation()[-1][1]
    browser.wait_for(IN_THE_INPUT)

    browser.press(".st-key-app-new button")
    browser.wait_for(f"{MESSAGES}.length === 1")
    browser.press("[class*=st-key-app-open] button", "Hello")
    wait_for_answer(browser, "A short one.")

    (tmp_path / "notes.md").write_text("Buy milk", encoding="utf-8")
    browser.choose_file("[data-testid=stChatInput] input[type=file]", tmp_path / "notes.md")
    browser.wait_for("!!document.querySelector('[data-testid=stFileChip]')")
    browser.wait_for("!document.querySelector('[data-testid=stFileChipIconSpinner]')")
    ask(browser, "What is this?")
    wait_for_answer(browser, "A short one.")
    assert "Buy milk" in json.dumps(server.requests[-1])

    show(browser, relay)
    server.reply = reply(**SLOW | {"pause": 0.5})
    ask(browser, "Tell me a story")
    browser.wait_for(f"[...{MESSAGES}].at(-1).innerText.includes('word1 ')")
    relay.cut()
    wait_for_answer(browser, STORY)
    assert browser.script(f"{MESSAGES}.length") == 3


def test_people_are_not_forgotten(browser: Browser, server: Any) -> None:
    server.reply = reply(words=("- أولًا\n- ثانيًا\n\n", *(f"line{n}\n\n" for n in range(60)), "The end."), pause=0.02)
    ask(browser, "مرحبا")
    wait_for_answer(browser, "The end.")
    main = "document.querySelector('[data-testid=stMain]')"
    browser.wait_for(f"{main}.scrollHeight - {main}.clientHeight - {main}.scrollTop < 5")
    assert browser.script("getComputedStyle(document.querySelector('.stChatMessage li')).direction") == "rtl"
    browser.type(*"nihao")
    key = "{ key: 'Enter', keyCode: 229, bubbles: true, composed: true, cancelable: true }"
    browser.script(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key}))")
    assert browser.script("document.activeElement.value") == "nihao"
    browser.type(ENTER)
    browser.wait_for(f"{MESSAGES}.length === 5")
