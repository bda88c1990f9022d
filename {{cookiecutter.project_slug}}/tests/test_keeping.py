"""Conversations are kept in the session, and end with it."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from streamlit.testing.v1 import AppTest

from chat.model import build_model
from chat.session import Chat, Session
from chat.settings import read_settings
from chat.turn import Turn
from tests.model_server import ModelServer, Reply
from tests.pages import say, transcript, wait_until


def test_a_page_that_takes_the_place_of_a_lost_one_says_so(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not page.warning
    monkeypatch.setattr("chat.transcript.follows_a_lost_session", lambda: True)
    for question in ("The first", "The second"):
        assert "Any earlier chats and files are gone" in page.run().warning[0].value
        say(page, question)
    assert not page.warning


def test_an_answer_ends_when_its_session_is_gone(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [Session()]
    monkeypatch.setattr("chat.turn.session", lambda: sessions[0])
    server.reply = Reply(words=("One",), stall=60)
    chat = Chat(session_key="without a page", model=build_model(read_settings(), server.key))
    turn = Turn(HumanMessage("Why?"), chat)
    wait_until(lambda: turn.answer.text == "One")
    sessions.clear()
    wait_until(lambda: not turn.running)
    wait_until(lambda: server.left == 1)


def test_another_session_key_begins_another_chat(page: AppTest, settings: dict[str, Any]) -> None:
    say(page, "In the first")
    settings["session_key"] = "another"
    page.run()
    assert "human" not in [who for who, _ in transcript(page)]
    page.run()
    say(page, "In the second")
    assert [text for who, text in transcript(page) if who == "human"] == ["In the second"]


def test_a_chat_keeps_its_model(settings: dict[str, Any], page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    models = pytest.importorskip("features.models")
    chats = {"text_inputs": True, "text_outputs": True, "tool_calling": True}
    monkeypatch.setattr(models, "_profiles", lambda: {"plain": chats})
    settings["model"]["offered"] = ["*"]
    page.run()
    page.selectbox[0].set_value("plain").run()
    first, settings["session_key"] = settings["session_key"], "another"
    assert page.run().selectbox[0].value == settings["model"]["name"]
    settings["session_key"] = first
    assert page.run().selectbox[0].value == "plain"
