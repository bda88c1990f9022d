"""Several conversations: new, rename, delete with undo, switch."""

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from features import conversations
from tests.model_server import ModelServer, Reply
from tests.pages import labels, press, say, transcript


def questions(page: AppTest) -> list[str]:
    """Return what was asked in the conversation that is open."""
    return [text for who, text in transcript(page) if who == "human"]


def test_each_has_its_own_messages_and_a_title_from_its_first_question(page: AppTest) -> None:
    say(page, "About *cats* and $5")
    press(page, "New chat")
    say(page, "About dogs")
    assert questions(page) == ["About dogs"]
    assert "About dogs" in labels(page)
    press(page, r"About \*cats\* and \$5")
    assert questions(page) == ["About *cats* and $5"]
    key = read_settings()["session_key"]
    assert [message.text for message in page.session_state[key]][-2] == "About *cats* and $5"
    assert [message.text for message in page.session_state[f"{key} 2"]][-2] == "About dogs"


def test_an_empty_one_is_new_enough(page: AppTest) -> None:
    press(page, "New chat")
    assert labels(page).count("Untitled chat") == 1
    say(page, "About cats")
    press(page, "New chat")
    press(page, "New chat")
    assert labels(page).count("Untitled chat") == 1
    assert questions(page) == []


def test_one_is_not_sent_along_with_another(page: AppTest, server: ModelServer) -> None:
    say(page, "A secret")
    press(page, "New chat")
    say(page, "Hello")
    assert "A secret" not in str(server.requests[-1])


def test_an_answer_goes_on_while_another_conversation_is_open(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(words=("One", " two", " three"), pause=0.3)
    page.chat_input[0].set_value("Slowly")
    page.default_timeout = 0.5
    try:
        page.run()
    except RuntimeError:  # the page still follows the answer
        page.default_timeout = 60
    press(page, "New chat")
    assert questions(page) == []
    press(page, "Slowly")
    assert transcript(page)[-1] == ("ai", "One two three")


def test_rename(page: AppTest) -> None:
    say(page, "About cats")
    page.menu_button[0].click("Rename").run()
    field = next(field for field in page.text_input if "app.name" in str(field.key))
    assert field.value == "About cats"
    field.set_value("Cats").run()
    assert "Cats" in labels(page)
    assert "About cats" not in labels(page)


def test_delete_can_be_undone(page: AppTest) -> None:
    say(page, "Keep me")
    page.menu_button[0].click("Delete").run()
    assert "Keep me" not in labels(page)
    assert questions(page) == []
    press(page, "Undo delete")
    assert questions(page) == ["Keep me"]
    assert "Undo delete" not in labels(page)


def test_all_deleted_chats_can_be_had_back(page: AppTest) -> None:
    say(page, "First")
    press(page, "New chat")
    say(page, "Second")
    for _ in range(2):
        page.menu_button[0].click("Delete").run()
    for _ in range(2):
        press(page, "Undo delete")
    assert {"First", "Second"} <= set(labels(page))


def test_a_name_left_empty_is_the_first_question(page: AppTest) -> None:
    page.menu_button[0].click("Rename").run()
    press(page, "Done")
    say(page, "About cats")
    assert "About cats" in labels(page.run())


def test_a_session_may_begin_so_many(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CHATS", 2)
    say(page, "First")
    press(page, "New chat")
    assert "limit of 2 chats" in str([caption.value for caption in page.sidebar.caption])
    say(page, "Second")
    assert next(button for button in page.button if button.label == "New chat").disabled
    for _ in range(2):  # the last one stays
        page.menu_button[0].click("Delete").run()
    assert questions(page) == ["First"]


@pytest.mark.parametrize("value", ["Explode", None, 5])
def test_what_a_menu_does_not_offer_is_not_done(page: AppTest, value: object) -> None:
    chats = conversations._Chats("key", {"key": "Name"}, "key")
    st.session_state["app.menu.key"] = st.session_state["app.name.key"] = value
    conversations._act(chats, "key")
    assert chats.kept() == ["key"]
    st.session_state["app.name.key"] = 5
    conversations._rename(chats, "key")
    assert chats.names == {"key": "Name"}
