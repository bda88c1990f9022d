"""What a person sees whose chat is gone, since the server has restarted."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.baking import app_tests, copy_app, install
from tests.browser.chat_page import ChatPage
from tests.running import free_port, running

pytestmark = [pytest.mark.browser, pytest.mark.installs]


@pytest.mark.parametrize("asked_before", [1, 2])  # the last run was that of the whole page, or of the conversation
def test_a_restart_is_said_and_nothing_typed_is_lost(
    page: Page, screenshots: Path, width: str, tmp_path: Path, asked_before: int
) -> None:
    installed, port = install(model_provider="openai"), free_port()
    app = copy_app(installed, tmp_path / "app")
    (app / "prompts" / "pirate.md").write_text("Talk like a pirate.", encoding="utf-8")
    with app_tests(installed).ModelServer() as server:
        environment: dict[str, Any] = server.environment | {"OPENAI_API_KEY": ""}
        with running(app, environment, port=port):
            chat = ChatPage(page, port)
            page.get_by_role("textbox", name="OpenAI API key").fill(server.key)
            page.get_by_role("textbox", name="OpenAI API key").press("Enter")
            expect(chat.input).to_be_enabled()
            with chat.sidebar():
                page.get_by_role("combobox", name="Persona").click()
                page.get_by_role("option", name="Pirate").click()
                expect(page.get_by_role("combobox", name="Persona")).to_have_value("Pirate")
            for number in range(asked_before):
                chat.say(f"Question {number}")
                chat.wait_for_the_end()
            chat.input.fill("And now?")
        with running(app, environment, port=port):
            said = chat.errors.filter(has_text="Any earlier chats and files are gone")
            expect(said).to_be_visible(timeout=60_000)
            expect(chat.messages).to_have_count(1)
            expect(chat.input).to_be_enabled()  # the browser has sent the key and the persona again
            expect(chat.errors).to_have_count(1)
            expect(chat.input).to_have_value("And now?")
            chat.screenshot(screenshots / f"restart-{width}.png")
            chat.input.press("Enter")
            expect(chat.messages).to_have_count(3)
            chat.wait_for_the_end()
            expect(said).to_be_visible()
            greeting = ("assistant", "How can I help you?")
            assert server.conversation() == [("system", "Talk like a pirate."), greeting, ("user", "And now?")]
            chat.say("And later?")
            expect(chat.errors).to_have_count(0)
