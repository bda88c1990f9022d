"""The last answer again, or to an edited question; earlier versions can be paged through."""

from typing import Any

import pytest
import streamlit as st
from langchain_core.messages import AIMessage, HumanMessage
from streamlit.testing.v1 import AppTest

from chat.message import files_of, state_of
from chat.model import build_model
from chat.session import Chat
from chat.settings import read_settings
from chat.turn import start, turns_of_session
from features import versions
from tests.model_server import ModelServer, Reply
from tests.pages import greeting_as_sent, labels, press, say, transcript, wait_until


def test_an_answer_can_be_had_again_and_its_versions_paged_through(page: AppTest, server: ModelServer) -> None:
    say(page, "Tell me")
    server.reply = Reply(words=("Otherwise",))
    press(page, "Try again")
    assert transcript(page)[-2:] == [("human", "Tell me"), ("ai", "Otherwise")]
    asked = [message for message in server.conversation() if message[0] != "system"]
    assert asked == [*greeting_as_sent(), ("user", "Tell me")]
    press(page, "Earlier version")
    assert transcript(page)[-2:] == [("human", "Tell me"), ("ai", "Hello from the model.")]
    assert "1/2" in [caption.value for caption in page.caption]

    say(page, "And then?")  # the version that is shown is what was said
    assert server.conversation()[-2:] == [("assistant", "Hello from the model."), ("user", "And then?")]
    assert "Earlier version" not in labels(page)


def test_a_question_can_be_edited(page: AppTest, server: ModelServer) -> None:
    say(page, "Wat?")
    server.reply = Reply(words=("Better",))
    press(page, "Edit the question")
    page.text_area[0].set_value("What?").run()
    press(page, "Send")
    assert transcript(page)[-2:] == [("human", "What?"), ("ai", "Better")]
    press(page, "Earlier version")
    assert transcript(page)[-2:] == [("human", "Wat?"), ("ai", "Hello from the model.")]


def with_files(page: AppTest, question: int, *names: str) -> list[Any]:
    """Put text files into a question of the chat, and return the chat's messages."""
    messages = page.session_state[read_settings()["session_key"]]
    files = [{"type": "text", "text": f"{name}\nThis is in {name}"} for name in names]
    messages[question].content = [{"type": "text", "text": messages[question].text}, *files]
    page.run()
    return messages


def test_an_edit_can_drop_files(page: AppTest, server: ModelServer) -> None:
    say(page, "What is it?")
    messages = with_files(page, -2, "notes.txt", "list.txt")
    state_of(messages[-1]).update(status="failed", error="notes.txt cannot be read.", refused=True, unsent=True)
    press(page.run(), "Try again")
    assert page.error[0].value == "notes.txt cannot be read."
    assert len(server.requests) == 1
    press(page, "Edit the question")
    assert [box.label for box in page.checkbox] == ["notes.txt", "list.txt"]
    page.checkbox[0].uncheck().run()
    press(page, "Send")
    assert "in list.txt" in str(server.requests[-1])
    assert "in notes.txt" not in str(server.requests[-1])
    assert not page.error
    press(page, "Edit the question")
    page.checkbox[0].uncheck().run()
    press(page, "Send")
    assert "in list.txt" not in str(server.requests[-1])
    assert [message.content for message in messages if message.type == "human"] == ["What is it?"]


def test_after_a_refusal_one_can_try_again(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(status=500)
    say(page, "Are you there?")
    assert page.error
    server.reply = Reply()
    press(page, "Try again")
    assert transcript(page)[-2:] == [("human", "Are you there?"), ("ai", "Hello from the model.")]
    assert not page.error
    assert "Earlier version" not in labels(page)  # a refusal is no version worth keeping


def test_a_greeting_cannot_be_had_again(page: AppTest) -> None:
    assert "Try again" not in labels(page)


def test_an_edit_that_comes_late_is_a_question_of_its_own(page: AppTest) -> None:
    say(page, "First?")
    messages = with_files(page, -2, "notes.txt")
    press(page, "Edit the question")
    page.text_area[0].set_value("Edited?").run()
    send = next(button for button in page.button if button.label == "Send")
    messages += [HumanMessage("Second?", id="2"), AIMessage("Yes.", id="3", response_metadata={"status": "complete"})]
    send.click().run()
    assert [text for who, text in transcript(page) if who == "human"] == ["First?", "Second?", "Edited?"]
    assert [len(files_of(message)) for message in messages if message.type == "human"] == [1, 0, 1]


@pytest.fixture
def chat(server: ModelServer) -> Chat:
    """Return a conversation without a page, whose first answer grows."""
    server.reply = Reply(words=("Half",), stall=60)
    chat = Chat(session_key="without a page", model=build_model(read_settings(), server.key))
    chat.history.clear()
    start(HumanMessage("Why?"), chat)
    wait_until(lambda: chat.history.messages[-1].text)
    return chat


def test_an_answer_that_is_replaced_while_it_grows_is_stopped(chat: Chat, server: ModelServer) -> None:
    replaced = chat.history.messages[-1]
    versions._replace(chat, "Why not?")
    wait_until(lambda: server.left)
    assert state_of(replaced)["status"] == "stopped"
    turns_of_session()[-1].stop()


def test_a_question_that_is_sent_twice_from_its_field_is_asked_once(chat: Chat, server: ModelServer) -> None:
    turns_of_session()[-1].stop()
    question = chat.history.messages[0]
    chat.kept["editing"] = question.id
    st.session_state["field"] = {"send": {"text": "Why not \ud83d?", "files": []}}
    for _ in range(2):
        versions._ask_edited(chat, question, "field")
    wait_until(lambda: chat.history.messages[-1].text)
    turns_of_session()[-1].stop()
    assert len(server.requests) == 2
    assert len(turns_of_session()[-1]._chat.history.messages) == 2
    assert chat.history.messages[0].text == "Why not \ufffd?"


ODD = ["text", 5, [], {}, {"text": "x"}, *({"text": text, "files": []} for text in (5, " ")), {"text": "x", "files": 5}]


@pytest.mark.parametrize("value", ODD, ids=str)
def test_an_edit_that_the_page_cannot_have_sent_is_none(chat: Chat, value: object) -> None:
    chat.kept["editing"] = chat.history.messages[0].id
    st.session_state["field"] = {"send": value}
    versions._ask_edited(chat, chat.history.messages[0], "field")
    assert chat.history.messages[0].text == "Why?"
    turns_of_session()[-1].stop()


def test_files_that_the_page_has_not_offered_are_none(chat: Chat) -> None:
    turns_of_session()[-1].stop()
    question = chat.history.messages[0]
    question.content = [{"type": "text", "text": "Why?"}, {"type": "text", "text": "a.txt\nA"}]
    chat.kept["editing"] = question.id
    st.session_state["field"] = {"send": {"text": "Why?", "files": [0, 0, 1, -1, "0", None, {}]}}
    versions._ask_edited(chat, question, "field")
    assert files_of(chat.history.messages[0]) == [{"type": "text", "text": "a.txt\nA"}]
    turns_of_session()[-1].stop()
