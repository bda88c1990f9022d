"""A conversation with the embedded model, in a real browser: what the README shows."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.baking import install
from tests.browser.chat_page import ChatPage
from tests.running import running

pytestmark = [pytest.mark.browser, pytest.mark.installs]


def test_the_default_app_talks(page: Page, width: str, screenshots: Path) -> None:
    with running(install(model_provider="local"), {}) as port:
        chat = ChatPage(page, port)
        expect(chat.messages).to_contain_text(["How can I help you?"])
        for count, question in [(3, "Hi! Who are you?"), (5, "Give me three tips for a good night's sleep.")]:
            chat.say(question)
            expect(chat.messages).to_have_count(count)
            chat.wait_for_the_end(seconds=180)  # a real model, on whatever machine this is
        assert len(chat.answer.inner_text()) > 20
        expect(page.get_by_text("tiny model")).to_be_visible()
        chat.screenshot(screenshots / f"conversation-{width}.png")
