"""What a person sees whose chat is gone, since the server has restarted."""

import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.baking import app_tests, copy_app, install
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import reply
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
            chat.send()
            expect(chat.messages).to_have_count(3)
            chat.wait_for_the_end()
            expect(said).to_be_visible()
            greeting = ("assistant", "How can I help you?")
            assert server.conversation() == [("system", "Talk like a pirate."), greeting, ("user", "And now?")]
            chat.say("And later?")
            expect(chat.errors).to_have_count(0)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking")
@pytest.mark.parametrize("width", ["desktop"], indirect=True)
@pytest.mark.parametrize(("words", "seconds"), [(12, 60), (1000, 5)])
def test_an_answer_may_end_before_the_server_and_its_page_says_so(
    page: Page, screenshots: Path, width: str, tmp_path: Path, words: int, seconds: int
) -> None:
    installed = install(model_provider="openai")
    settings = copy_app(installed, app := tmp_path / "app") / "settings.toml"
    given = settings.read_text(encoding="utf-8").replace("shutdown_seconds = 5", f"shutdown_seconds = {seconds}")
    settings.write_text(given, encoding="utf-8")
    with app_tests(installed).ModelServer() as server, ExitStack() as until_told:
        port = until_told.enter_context(running(app, server.environment))
        server.reply = reply(words=tuple(f"word{n} " for n in range(words)), pause=0.2)
        chat = ChatPage(page, port)
        chat.say("A question")
        expect(chat.answer).to_contain_text("word2")
        end = threading.Thread(target=until_told.close)  # waits for the server's end
        end.start()
        expect(
            chat.errors.filter(has_text="The server is restarting: this answer has a short time to finish")
        ).to_be_visible()
        chat.screenshot(screenshots / f"server-ends-{words}.png")
        end.join()
        expect(chat.answer).to_contain_text("word9" if words == 12 else "word2")
        interrupted = chat.errors.filter(has_text="The answer was interrupted")  # a slow page may not show it
        assert words == 1000 or not interrupted.count()
