"""What people expect of a chat product, done as they would do it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.baking import copy_app, install
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import SLOW, on_a_desktop, reply
from tests.running import running, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.installs]


def test_try_again_edit_and_page_through_the_versions(chat: ChatPage, server: Any) -> None:
    chat.say("Wat is a cat?")
    chat.wait_for_the_end()
    server.reply = reply(words=("A small tiger.",))
    chat.press("Try again")
    expect(chat.answer).to_contain_text("A small tiger.")
    chat.edit_question().fill("What is a cat?")
    server.reply = reply(words=("A house mate.",))
    chat.press("Send")
    expect(chat.answer).to_contain_text("A house mate.")
    expect(chat.messages.nth(1)).to_contain_text("What is a cat?")
    for page in ("2/3", "1/3"):
        chat.press("Earlier version")
        expect(chat.answer.get_by_text(page)).to_be_visible()
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.messages.nth(1)).to_contain_text("Wat is a cat?")
    expect(chat.button("Earlier version")).to_be_disabled()
    chat.press("Later version")
    expect(chat.answer).to_contain_text("A small tiger.")


@pytest.mark.parametrize("width", ["desktop"])  # on a touch screen, Enter is a new line
def test_an_edit_is_sent_by_enter_and_left_by_escape(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=tuple("A paragraph.\n\n" for _ in range(50)))
    chat.say("Wat is a cat?")
    chat.wait_for_the_end()
    field = chat.edit_question()
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport()  # far above the button
    field.fill("What is a dog?")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(chat.messages.nth(1)).to_contain_text("Wat is a cat?")
    expect(chat.edit_question()).to_have_value("Wat is a cat?")
    field.fill("What is")
    field.press("Shift+Enter")
    field.press_sequentially("a cat?")
    server.reply = reply()
    field.press("Enter")
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(field).to_have_count(0)
    assert server.conversation()[-1] == ("user", "What is\na cat?")


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_one_click_copies_an_answer(chat: ChatPage, server: Any, secure: bool) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if not secure:
        chat.page.evaluate("delete Navigator.prototype.clipboard")  # as for all addresses but localhost
    server.reply = reply(words=("**Bold**", f" and `code` {secure}"))
    chat.say("Hello")
    chat.wait_for_the_end()
    chat.press("Copy the answer")
    expect(chat.button("Copied")).to_be_visible()
    expect(chat.button("Copy the answer")).to_be_visible()
    chat.input.press("Control+V")
    expect(chat.input).to_have_value(f"**Bold** and `code` {secure}")


@on_a_desktop
def test_one_click_copies_a_code_block(chat: ChatPage, server: Any) -> None:
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    server.reply = reply(words=("Like so:\n\n```python\nprint('hi')\n```\n",))
    chat.say("Hello")
    chat.wait_for_the_end()
    chat.answer.locator("code").first.hover()
    chat.answer.get_by_role("button", name="Copy to clipboard").click()
    assert chat.page.evaluate("navigator.clipboard.readText()").strip() == "print('hi')"


def test_several_conversations(chat: ChatPage, server: Any) -> None:
    server.reply = reply(**SLOW)
    chat.say("About cats")
    expect(chat.answer).to_contain_text("word1 ")
    chat.page.keyboard.press("Control+Shift+O")
    expect(chat.messages).to_have_count(1)
    server.reply = reply()
    chat.say("About dogs")
    chat.wait_for_the_end()
    with chat.sidebar(folds=True):
        chat.press("About cats")
    expect(chat.answer).to_contain_text("word11")  # it went on meanwhile
    with chat.sidebar(folds=True):
        chat.press("Options of About cats")
        chat.page.get_by_text("Rename").click()
        name = chat.page.get_by_role("textbox", name="New name")
        name.fill("Cats")
        name.press("Enter")
        expect(chat.button("Cats")).to_be_visible()
        chat.press("Options of Cats")
        chat.page.get_by_text("Delete", exact=True).click()
        expect(chat.button("Cats")).to_have_count(0)
        chat.press("Undo delete")
    with chat.sidebar():
        expect(chat.button("Cats")).to_be_visible()
    expect(chat.answer).to_contain_text("word11")


@pytest.mark.usefixtures("pirate")
def test_in_the_dark(chat: ChatPage, server: Any, screenshots: Path, width: str) -> None:
    chat.page.emulate_media(color_scheme="dark")
    with chat.sidebar():
        chat.page.get_by_role("combobox", name="Persona").click()
        chat.page.get_by_role("option", name="Pirate").click()
        expect(chat.page.get_by_role("combobox", name="Persona")).to_have_value("Pirate")
    server.reply = reply(words=("Ahoy.",))
    chat.say("How do I sort a list in Python?")
    chat.wait_for_the_end()
    server.reply = reply(words=("Arr! Call `sorted`, matey:\n\n```python\nbooty = sorted(chest)\n```\n",))
    chat.press("Try again")
    expect(chat.answer).to_contain_text("booty")  # what draws code is loaded last
    chat.wait_for_the_end()
    colour = chat.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert max(map(int, re.findall(r"\d+", colour)[:3])) < 80
    chat.screenshot(screenshots / f"dark-{width}.png")


@pytest.mark.usefixtures("pirate")
def test_personas_and_an_edited_prompt(chat: ChatPage, server: Any, screenshots: Path, width: str) -> None:
    with chat.sidebar():
        chat.page.get_by_role("combobox", name="Persona").click()
        chat.page.get_by_role("option", name="Pirate").click()
        expect(chat.page.get_by_role("combobox", name="Persona")).to_have_value("Pirate")
        chat.screenshot(screenshots / f"persona-{width}.png")
    chat.say("Hello")
    chat.wait_for_the_end()
    assert server.conversation()[0] == ("system", "Talk like a pirate.")
    with chat.sidebar():
        field = chat.edit_prompt()
        field.fill("Talk like an owl.")
        chat.screenshot(screenshots / f"prompt-{width}.png")
        chat.press("Use in this chat")
        expect(field).to_have_count(0)
    chat.say("And now?")
    expect(chat.messages).to_have_count(5)
    chat.wait_for_the_end()
    assert server.conversation()[0] == ("system", "Talk like an owl.")
    with chat.sidebar(folds=True):
        chat.press("New chat")
    with chat.sidebar(folds=True):
        expect(chat.page.get_by_role("combobox", name="Persona")).to_have_value("Default")
        chat.press("Hello")
    with chat.sidebar():
        expect(chat.page.get_by_role("combobox", name="Persona")).to_have_value("Pirate")
        expect(chat.edit_prompt(r"Edit the prompt \(edited\)")).to_have_value("Talk like an owl.")
        chat.press("Revert to .+")
        expect(chat.button("Edit the prompt")).to_be_visible()


@on_a_desktop
def test_a_prompt_is_saved_from_the_page_where_the_settings_say_so(page: Page, server: Any, tmp_path: Path) -> None:
    app = copy_app(install(model_provider="openai"), tmp_path / "app")
    prompt, settings = app / "prompts" / "system.md", app / "settings.toml"
    with running(app, server.environment) as port:
        for may_save in (False, True):
            text = settings.read_text(encoding="utf-8")
            settings.write_text(text.replace("save_prompts = false", f"save_prompts = {may_save}".lower()), "utf-8")
            chat = ChatPage(page, port)
            with chat.sidebar():
                chat.edit_prompt().fill("Talk like an owl.")
                expect(chat.button("Use in this chat")).to_be_visible()
                expect(chat.button("Save to .+")).to_have_count(int(may_save))
                if may_save:
                    chat.press("Save to .+")
                    wait_until(lambda: prompt.read_text(encoding="utf-8") == "Talk like an owl.")
                else:
                    chat.press("Close")
                    assert prompt.read_text(encoding="utf-8") != "Talk like an owl."


def test_files_go_along(chat: ChatPage, server: Any) -> None:
    chat.attach("picture.png", chat.page.screenshot(clip={"x": 0, "y": 0, "width": 60, "height": 60}))
    chat.attach("notes.md", b"Buy *milk*")
    chat.say("What is this?")
    chat.wait_for_the_end()
    assert "Buy *milk*" in json.dumps(server.requests[-1])
    assert "data:image/png;base64," in json.dumps(server.requests[-1])
    expect(chat.messages.nth(1).get_by_role("img")).to_be_visible()
    chat.messages.nth(1).get_by_text("notes.md").click()
    expect(chat.messages.nth(1)).to_contain_text("Buy *milk*")


def test_an_edit_drops_files_by_keyboard(chat: ChatPage, server: Any, screenshots: Path, width: str) -> None:
    chat.attach("notes.md", b"Buy milk")
    chat.attach("list.md", b"Buy bread")
    chat.say("What is this?")
    chat.wait_for_the_end()
    field = chat.edit_question()
    expect(field).to_be_focused()
    expect(chat.page.get_by_role("group", name="Files to send").get_by_role("checkbox")).to_have_count(2)
    chat.page.keyboard.press("Tab")
    expect(chat.page.get_by_role("checkbox", name="notes.md")).to_be_focused()
    chat.page.keyboard.press("Space")
    chat.screenshot(screenshots / f"edit-files-{width}.png")
    assert chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    chat.button("Send").press("Enter")
    expect(field).to_have_count(0)
    chat.wait_for_the_end()
    assert "Buy bread" in json.dumps(server.requests[-1])
    assert "Buy milk" not in json.dumps(server.requests[-1])
    expect(chat.messages.nth(1)).not_to_contain_text("notes.md")


@on_a_desktop
def test_a_file_that_cannot_go_does_not_let_the_question_go_without_it(chat: ChatPage, server: Any) -> None:
    asked = len(server.requests)
    chat.attach("large.txt", b"x" * 6_000_000)
    chat.input.fill("What is this?")
    for send in (chat.send, lambda: chat.button("Send message").click()):
        send()
        expect(chat.page.get_by_role("alert").get_by_text("5.0MB or smaller. Remove the file in red")).to_be_visible()
        expect(chat.input).to_have_value("What is this?")
    chat.page.get_by_role("button", name="Remove large.txt").click()
    chat.attach("other.exe", b"MZ\0\xff")
    chat.say("What is this?")
    expect(chat.errors).to_contain_text("other.exe cannot be read")
    expect(chat.messages.nth(1)).to_contain_text("What is this?")
    assert len(server.requests) == asked


@on_a_desktop
def test_a_text_that_is_too_long_is_not_taken_and_loses_nothing(chat: ChatPage) -> None:
    chat.input.fill("What is this?")
    chat.input.press("End")
    chat.page.keyboard.insert_text("x" * 100_000)
    expect(chat.page.get_by_role("alert").get_by_text("100,000 characters fit here: attach")).to_be_visible()
    expect(chat.input).to_have_value("What is this?")
    with chat.sidebar():
        prompt = chat.edit_prompt()
        prompt.fill("Talk like an owl.")
        chat.page.keyboard.insert_text("x" * 100_000)
        expect(chat.page.get_by_role("alert").get_by_text("100,000 characters fit here.")).to_be_visible()
        expect(prompt).to_have_value("Talk like an owl.")
        chat.press("Close")
    chat.say("What is this?")
    chat.wait_for_the_end()
    field = chat.edit_question()
    field.fill("x" * 100_001)
    chat.press("Send")
    assert "shorten" in field.evaluate("field => field.validationMessage")
    field.fill("What else is this?")
    chat.press("Send")
    expect(chat.messages.nth(1)).to_contain_text("What else is this?")


@on_a_desktop
def test_thumbs_stay(chat: ChatPage) -> None:
    chat.say("Hello")
    chat.wait_for_the_end()
    pressed = chat.messages.nth(2).get_by_role("button", pressed=True)
    for thumb in ("Good answer", "Bad answer"):
        chat.press(thumb)
        expect(pressed).to_have_accessible_name(thumb)
    chat.say("More")
    chat.wait_for_the_end()
    expect(pressed).to_have_accessible_name("Bad answer")
    pressed.click()
    expect(pressed).to_have_count(0)


def test_tokens_are_shown(chat: ChatPage) -> None:
    chat.say("Hello")
    expect(chat.answer.get_by_text("7 tokens in, 5 out")).to_be_visible()
    expect(chat.page.get_by_text("Context 0% of 400,000 tokens · 12 tokens used in this session")).to_be_visible()


@on_a_desktop
def test_a_session_that_has_used_its_tokens_sees_why(page: Page, server: Any, tmp_path: Path) -> None:
    app = copy_app(install(model_provider="openai"), tmp_path / "app")
    settings = app / "settings.toml"
    limited = settings.read_text(encoding="utf-8").replace("tokens_per_session = 0", "tokens_per_session = 30")
    settings.write_text(limited, encoding="utf-8")
    with running(app, server.environment) as port:
        chat = ChatPage(page, port)
        for count in (3, 5, 7):
            chat.say("Hello")
            expect(chat.messages).to_have_count(count)
            expect(chat.answer).to_contain_text("Hello from the model.")
        expect(chat.errors).to_contain_text("has used the 30 tokens")
        expect(chat.errors).to_be_in_viewport()
        expect(chat.input).to_be_disabled()


def test_a_starter_is_asked_by_a_click(chat: ChatPage) -> None:
    chat.press("Write a short poem about autumn.")
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.messages.nth(1)).to_contain_text("Write a short poem about autumn.")


def test_another_model_of_the_provider_is_asked(chat: ChatPage, server: Any) -> None:
    with chat.sidebar():
        chat.page.get_by_role("combobox", name="Model").click()
        chat.page.keyboard.type("4.1-mini")
        chat.page.get_by_role("option", name="gpt-4.1-mini").click()
    expect(chat.page.get_by_text("You are talking with gpt-4.1-mini")).to_be_visible()
    chat.say("Hello")
    chat.wait_for_the_end()
    assert server.requests[-1]["model"] == "gpt-4.1-mini"


def test_a_long_chat_shows_its_end_and_more_on_demand(chat: ChatPage) -> None:
    for number in range(10):
        chat.input.fill(f"Question {number}")
        chat.send()
        expect(chat.messages.filter(has_text=f"Question {number}")).to_have_count(1)
        chat.wait_for_the_end()
    expect(chat.messages.filter(has_text="How can I help you?")).to_have_count(0)
    chat.press("Show earlier messages .*")
    expect(chat.messages.first).to_contain_text("How can I help you?")
    expect(chat.messages).to_have_count(21)


@on_a_desktop
def test_an_export_can_be_imported_in_another_session(chat: ChatPage, tmp_path: Path) -> None:
    chat.say("Remember $this$ <b>")
    chat.wait_for_the_end()
    with chat.sidebar():
        chat.page.get_by_text("Export and import").click()
        with chat.page.expect_download() as download:
            chat.page.get_by_role("button", name="Export as JSON").click()
        download.value.save_as(tmp_path / "chat.json")
        with chat.page.expect_download() as download:
            chat.page.get_by_role("button", name="Export as Markdown").click()
        assert "**You:**\n\nRemember $this$ <b>\n" in Path(download.value.path()).read_text(encoding="utf-8")
    chat.page.reload()
    expect(chat.messages).to_have_count(1)
    with chat.sidebar():
        chat.page.get_by_text("Export and import").click()
        inputs = chat.page.get_by_test_id("stSidebar").locator("input[type=file]")
        inputs.set_input_files([{"name": "bad.json", "mimeType": "application/json", "buffer": b"[]"}])
        expect(chat.page.get_by_text("bad.json is not an exported chat: nothing was changed.")).to_be_visible()
        inputs.set_input_files(tmp_path / "chat.json")
    expect(chat.messages).to_have_count(3)
    expect(chat.messages.nth(1)).to_contain_text("Remember $this$ <b>")
