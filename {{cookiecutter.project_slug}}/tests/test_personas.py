"""Each file in prompts/ is a persona, which a chat may edit for itself."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from chat import choice
from chat import settings as files
from chat.session import Chat
from features import personas
from tests.conftest import PAGE
from tests.model_server import ModelServer
from tests.pages import labels, press, say


@pytest.fixture
def folder() -> Path:
    """Return the folder of the test's prompts, with one persona more."""
    (files.PROMPTS / "old_pirate.md").write_text("Talk like {a} pirate.", encoding="utf-8")
    return files.PROMPTS


def test_a_file_is_a_persona(folder: Path, page: AppTest, server: ModelServer) -> None:
    assert page.selectbox[-1].options == ["Default", "Old pirate"]
    page.selectbox[-1].set_value("old_pirate").run()
    say(page, "Hello")
    assert server.conversation()[0] == ("system", "Talk like {a} pirate.")


def test_an_edited_one_counts_in_this_chat_only(folder: Path, page: AppTest, server: ModelServer) -> None:
    press(page, "Edit the prompt")
    page.text_area[0].set_value("Talk like {an} owl.")
    press(page, "Use in this chat")
    assert "Edit the prompt (edited)" in labels(page)
    say(page, "Hello")
    assert server.conversation()[0] == ("system", "Talk like {an} owl.")
    other = AppTest.from_file(str(PAGE), default_timeout=60).run()
    say(other, "Hello")
    assert "owl" not in str(server.requests[-1])
    assert not any("owl" in path.read_text(encoding="utf-8") for path in folder.iterdir())


@pytest.mark.parametrize("may_save", [True, False])
def test_it_can_be_saved_only_where_the_settings_say_so(
    folder: Path, settings: dict[str, Any], page: AppTest, may_save: bool
) -> None:
    assert settings["save_prompts"] is False
    settings["save_prompts"] = may_save
    press(page, "Edit the prompt")
    assert ("Save to prompts/system.md" in labels(page)) == may_save
    if may_save:
        page.text_area[0].set_value("Saved “so”\n")
        press(page, "Save to prompts/system.md")
        assert (folder / "system.md").read_text(encoding="utf-8") == "Saved “so”\n"


@pytest.mark.parametrize(
    ("name", "text", "may_save"), [("system", "x", False), ("../secret", "x", True), ("system", ["x"], True)]
)
def test_a_save_that_was_not_offered_writes_nothing(folder: Path, name: str, text: Any, may_save: bool) -> None:
    before = {file: file.read_bytes() for file in folder.iterdir()}
    chat = Chat(settings={**files.read_settings(), "save_prompts": may_save}, session_key="without a page")
    chat.kept["edited_prompts"] = {}
    st.session_state["field"] = text
    personas._save(chat, name, "field")
    assert before == {file: file.read_bytes() for file in folder.iterdir()}
    assert not (folder.parent / "secret.md").exists()
    assert text in chat.kept["edited_prompts"].values() or not isinstance(text, str)


def test_a_persona_that_was_not_offered_is_not_chosen(folder: Path) -> None:
    chat = Chat(session_key="without a page")
    st.session_state["field"] = "../secret"
    choice._keep(chat, "persona", "field", personas._names())
    assert chat.kept.get("persona") is None


def test_what_cannot_be_saved_is_said_and_counts_in_this_session(
    folder: Path, settings: dict[str, Any], page: AppTest, server: ModelServer
) -> None:
    settings["save_prompts"] = True
    page.run()
    (folder / "system.new").mkdir()  # is in the way
    before = (folder / "system.md").read_text(encoding="utf-8")
    press(page, "Edit the prompt")
    page.text_area[0].set_value("Talk like an owl.")
    press(page, "Save to prompts/system.md")
    assert "prompts/system.md cannot be written" in page.error[0].value
    assert (folder / "system.md").read_text(encoding="utf-8") == before
    say(page, "Hello")
    assert server.conversation()[0] == ("system", "Talk like an owl.")


def test_a_prompt_that_cannot_be_read_is_a_sentence_in_its_dialog(folder: Path, page: AppTest) -> None:
    (folder / "system.md").write_bytes(b"\xff")
    press(page, "Edit the prompt")
    assert not page.exception
    assert "prompts/system.md cannot be read" in page.error[0].value
    assert page.chat_input
