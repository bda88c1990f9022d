"""Answers that are stopped, fail, and outlive a click or a lost connection, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.baking import app_tests, install
from tests.browser.chat_page import ChatPage
from tests.running import running

pytestmark = [pytest.mark.browser, pytest.mark.installs]


def reply(**how: Any) -> Any:
    """Return how the server shall answer: see Reply in the app's tests/model_server.py."""
    return app_tests(install(model_provider="openai")).Reply(**how)


SLOW = {"words": tuple(f"word{n} " for n in range(12)), "pause": 0.25}


@pytest.fixture(scope="module")
def port_and_server() -> Iterator[tuple[int, Any]]:
    """Start an app that is led to a server which plays the provider."""
    app = install(model_provider="openai")
    with app_tests(app).ModelServer() as server, running(app, server.environment) as port:
        yield port, server


@pytest.fixture
def server(port_and_server: tuple[int, Any]) -> Any:
    """Return that server, as it is when nobody has told it otherwise."""
    port_and_server[1].reply = reply()
    return port_and_server[1]


@pytest.fixture
def chat(page: Page, port_and_server: tuple[int, Any], server: Any) -> ChatPage:
    """Open the page."""
    return ChatPage(page, port_and_server[0])


def test_stop_ends_an_answer_and_keeps_what_came(chat: ChatPage, server: Any) -> None:
    server.reply = reply(**SLOW)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word2")
    chat.press("Stop")
    expect(chat.answer).to_contain_text("Stopped")
    expect(chat.answer).not_to_contain_text("word11")
    expect(chat.button("Stop")).to_have_count(0)


def test_stop_acts_at_once_while_the_model_is_silent(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=("late",), pause=30)
    chat.say("Are you there?")
    chat.press("Stop")
    expect(chat.answer).to_contain_text("Stopped", timeout=500)
    server.reply = reply()
    chat.say("And now?")
    expect(chat.answer).to_contain_text("Hello from the model.")


def test_an_answer_outlives_a_click_elsewhere(chat: ChatPage, server: Any) -> None:
    server.reply = reply(**SLOW)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word1 ")
    chat.page.keyboard.press("Escape")
    chat.page.get_by_role("heading").first.click()
    chat.page.keyboard.press("r")  # Streamlit's own "run the page again"
    chat.wait_for_the_end()
    expect(chat.answer).to_contain_text("word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11")


def test_a_second_message_ends_the_first_answer(chat: ChatPage, server: Any) -> None:
    server.reply = reply(**SLOW)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word1 ")
    server.reply = reply()
    chat.say("No, something else")
    expect(chat.messages).to_have_count(5)
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.messages.nth(2)).to_contain_text("Stopped")


def test_a_refusal_is_a_sentence_and_can_be_tried_again(
    chat: ChatPage, server: Any, screenshots: Path, width: str
) -> None:
    server.reply = reply(status=401, code="invalid_api_key", message=f"Incorrect API key: {server.key}")
    chat.say("Hello?")
    expect(chat.errors).to_have_text("OpenAI refused the API key: check OPENAI_API_KEY, then try again.")
    chat.screenshot(screenshots / f"refusal-{width}.png")
    assert server.key not in chat.page.content()
    server.reply = reply()
    chat.press("Try again")
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.messages).to_have_count(3)
    expect(chat.errors).to_have_count(0)


def test_without_a_key_the_page_leads_to_it(page: Page, server: Any, screenshots: Path, width: str) -> None:
    with running(install(model_provider="openai"), server.environment | {"OPENAI_API_KEY": ""}) as port:
        chat = ChatPage(page, port)
        expect(chat.errors).to_contain_text("Enter your OpenAI API key in the sidebar")
        expect(chat.input).to_be_disabled()
        chat.screenshot(screenshots / f"key-{width}.png")
        if width == "phone":
            page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_role("textbox", name="OpenAI API key").fill(server.key)
        page.get_by_role("textbox", name="OpenAI API key").press("Enter")
        if width == "phone":
            page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
        chat.say("Hello?")
        expect(chat.answer).to_contain_text("Hello from the model.")
