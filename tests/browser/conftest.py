"""A Chromium: Debian's or Playwright's own; without one, the tests are skipped with the way to get it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.baking import app_tests, install
from tests.browser.chat_page import ChatPage
from tests.running import running

expect.set_options(timeout=20_000)  # a busy machine is slow; what must not take long is shown by order instead

WIDTHS = {
    "desktop": {"viewport": {"width": 1100, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 780}, "has_touch": True},
}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the Chromium that is there."""
    own = shutil.which("chromium") or shutil.which("google-chrome")
    if not own:
        with sync_playwright() as playwright:
            if not Path(playwright.chromium.executable_path).exists():
                pytest.skip("no Chromium: apt-get install chromium, or uv run playwright install chromium")
        return browser_type_launch_args
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # Chromium's own rule for root
    return {**browser_type_launch_args, "executable_path": own, "args": quiet + sandbox}


# Most of what an app does is the same in each width. A test that runs in one only has one of these.
on_a_desktop = pytest.mark.parametrize("width", ["desktop"])
on_a_phone = pytest.mark.parametrize("width", ["phone"])


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> str:
    """Name the width."""
    return request.param


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], width: str) -> dict[str, Any]:
    """Open pages in this width."""
    return {**browser_context_args, **WIDTHS[width]}


SLOW = {"words": tuple(f"word{n} " for n in range(12)), "pause": 0.25}
ENDLESS = {"words": ("word0 ", "word1 ", "word2 "), "stall": 60}


def reply(**how: Any) -> Any:
    """Return how the server shall answer: see Reply in the app's tests/model_server.py."""
    return app_tests(install(model_provider="openai")).Reply(**how)


@pytest.fixture(scope="session")
def port_and_server() -> Iterator[tuple[int, Any]]:
    """Start an app that is led to a server which plays the provider."""
    app = install(model_provider="openai")
    with app_tests(app).ModelServer() as server, running(app, server.environment) as port:
        yield port, server


@pytest.fixture
def pirate() -> Iterator[None]:
    """Give that app a second persona."""
    prompt = install(model_provider="openai") / "prompts" / "pirate.md"
    prompt.write_text("Talk like a pirate.", encoding="utf-8")
    yield
    prompt.unlink()


@pytest.fixture
def server(port_and_server: tuple[int, Any]) -> Any:
    """Return that server, as it is when nobody has told it otherwise."""
    port_and_server[1].reply = reply()
    return port_and_server[1]


@pytest.fixture
def chat(page: Page, port_and_server: tuple[int, Any], server: Any) -> ChatPage:
    """Open the page."""
    return ChatPage(page, port_and_server[0])
