"""Whatever ends an answer: the question and what had come are kept, once and in order, and the next turn works."""

import asyncio
import gc
import json
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from streamlit.testing.v1 import AppTest

from chat import settings as files
from chat.history import BaseChatMessageHistory
from chat.model import build_model
from chat.session import Chat
from chat.settings import read_settings
from chat.turn import Turn
from server.loop import loop
from tests.model_server import ModelServer, Reply, protocol
from tests.pages import say, transcript, wait_until

WAITS = pytest.mark.skipif(
    not getattr(protocol, "RETRY_AFTER_IS_SEEN", True), reason="this provider's client passes on no header"
)
SLOW = Reply(words=("One", " two", " three"), pause=0.2)


def begin(server: ModelServer, question: str = "Why?") -> tuple[Turn, BaseChatMessageHistory]:
    """Start a turn without a page."""
    model = build_model(read_settings(), server.key)
    chat = Chat(session_key="without a page", read_system_prompt=lambda: "Be brief.", model=model)
    chat.history.clear()
    return Turn(HumanMessage(question), chat), chat.history


def test_an_answer_grows_and_ends_without_a_page(server: ModelServer) -> None:
    server.reply = SLOW
    turn, history = begin(server)
    assert [message.type for message in history.messages] == ["human", "ai"]
    wait_until(lambda: not turn.running)
    assert turn.answer.text == "One two three"
    assert turn.answer.response_metadata["status"] == "complete"


def test_stop_ends_a_request_whose_client_swallows_it(server: ModelServer) -> None:
    ended = threading.Event()

    class Swallows(FakeListChatModel):
        async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
            try:
                while True:
                    with suppress(asyncio.CancelledError):
                        await asyncio.sleep(0.01)
                    yield ChatGenerationChunk(message=AIMessageChunk(content="word "))
            finally:
                ended.set()

    turn = Turn(HumanMessage("Why?"), Chat(session_key="without a page", model=Swallows(responses=[""])))
    wait_until(lambda: turn.answer.text)
    turn.stop()
    assert ended.wait(30)


@pytest.mark.parametrize("words", [(), ("One",), ("One", " two")])
def test_stop_keeps_what_came_and_ends_the_request(server: ModelServer, words: tuple[str, ...]) -> None:
    server.reply = Reply(words, stall=60)
    turn, _ = begin(server)
    wait_until(lambda: turn.answer.text == "".join(words) and server.requests)
    turn.stop()
    assert not turn.running
    wait_until(lambda: server.left == 1)
    assert turn.answer.text == "".join(words)
    assert turn.answer.response_metadata == {"status": "stopped"}


def test_a_turn_that_has_ended_keeps_nothing_of_its_work(server: ModelServer) -> None:
    before, turns = len(chains()), []
    for reply in (Reply(), Reply(status=400), Reply(("word",), stall=60)):
        server.reply = reply
        turns.append(turn := begin(server)[0])
        wait_until(lambda turn=turn: turn.answer.text or not turn.running)
        turn.stop()
    wait_until(lambda: len(chains()) <= before + 1)  # the loop may have the latest still at hand


def chains() -> list[Any]:
    """Return the chains that are still there."""
    gc.collect()
    return [each for each in gc.get_objects() if type(each).__name__ == "RunnableWithMessageHistory"]


@pytest.mark.parametrize(("there", "limit"), [(True, "AT_LEAST"), (False, "AT_LEAST_UNSEEN")], ids=["seen", "left"])
def test_a_fast_answer_leaves_time_for_others(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, there: bool, limit: str
) -> None:
    monkeypatch.setattr("chat.turn.watch_for_browser", lambda: lambda: there)
    monkeypatch.setattr("chat.turn.PIECES_PER_SECOND", 1)
    monkeypatch.setattr(f"chat.turn.{limit}", 1)
    server.reply = Reply(words=tuple(f"word{number} " for number in range(60)))
    turn, _ = begin(server)
    wait_until(lambda: "word0" in turn.snapshot()[1].text)
    turn.stop()
    assert "word59" not in turn.answer.text


def test_a_refusal_keeps_the_question(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(status=404, code="model_not_found", message=f"no such model, your key is {server.key}")
    say(page, "Are you there?")
    assert transcript(page)[-2:] == [("human", "Are you there?"), ("ai", "")]
    assert "does not know the model" in page.error[0].value
    assert server.key not in str(page.main)


def test_a_cut_stream_keeps_the_part_that_came(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(words=("Half", " an"), pause=0.1, cut=True)
    say(page, "Tell me")
    assert transcript(page)[-2:] == [("human", "Tell me"), ("ai", "Half an")]
    assert "broke off" in page.error[0].value

    server.reply = Reply()
    say(page, "And now?")
    assert transcript(page)[-4:] == [
        ("human", "Tell me"),
        ("ai", "Half an"),
        ("human", "And now?"),
        ("ai", "Hello from the model."),
    ]


def test_an_unanswered_question_goes_along_with_the_next(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(status=400)
    say(page, "First?")
    server.reply = Reply()
    say(page, "Second?")
    assert server.conversation()[-1] == ("user", "First?\nSecond?")
    assert "First?" not in str(server.conversation()[:-1])


@pytest.mark.parametrize("why", ["prompt is too long", "content management policy"])
def test_a_question_refused_for_what_is_in_it_is_not_sent_again(page: AppTest, server: ModelServer, why: str) -> None:
    server.reply = Reply(status=400, code="invalid_request_error", message=why)
    say(page, "A whole book")
    assert page.error
    server.reply = Reply()
    say(page, "Second?")
    assert ("human", "A whole book") in transcript(page)
    assert [text for role, text in server.conversation() if role == "user"][-1] == "Second?"
    assert "A whole book" not in json.dumps(server.requests[-1])
    assert "no longer sees" not in str(page.caption)


def test_a_question_of_spaces_is_none(page: AppTest, server: ModelServer) -> None:
    before = transcript(page)
    say(page, "  \n ")
    assert transcript(page) == before
    assert not server.requests


@pytest.mark.skipif(getattr(protocol, "REFUSES_HALVES", False), reason="this client refuses half a character")
@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("Smile \ud83d", "\ude00 done"), "Smile 😀 done"),
        (("Half \ud83d", " of it"), "Half � of it"),
        (("Half \ude00", "."), "Half �."),
        (("No\0", "thing"), "No�thing"),
    ],
)
def test_an_answer_can_be_drawn_sent_and_stored_whatever_comes(
    page: AppTest, server: ModelServer, words: tuple[str, ...], text: str
) -> None:
    server.reply = Reply(words)
    say(page, "Smile")
    assert transcript(page)[-1] == ("ai", text)
    server.reply = Reply()
    say(page, "And now?")
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert server.conversation()[-2][1] == text


@pytest.mark.parametrize("words", [("word ",) * 5, ("word " * 10_000,)])
def test_an_endless_answer_ends_at_the_limit_of_length(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setitem(read_settings(), "answer_characters", 20)
    server.reply = Reply(words, stall=60)
    turn, _ = begin(server)
    wait_until(lambda: not turn.running)
    assert turn.answer.text == "word word word word w"
    assert "reached the limit" in turn.answer.response_metadata["ended"]
    wait_until(lambda: server.left == 1)


@pytest.mark.parametrize("words", [(), ("One", " two")])
def test_a_silent_answer_ends_at_the_limit_of_time(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setitem(read_settings(), "answer_minutes", 1 / 60)
    server.reply = Reply(words, stall=60)
    turn, _ = begin(server)
    wait_until(lambda: not turn.running)
    assert turn.answer.text == "".join(words)
    state = turn.answer.response_metadata
    assert "reached the limit" in state["ended"] if words else "took too long" in state["error"]
    wait_until(lambda: server.left == 1)


def test_an_empty_answer_says_so(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(words=("",))
    say(page, "Anything?")
    assert page.error[0].value == "The model sent an empty answer. Try again, or rephrase your question."


@WAITS
@pytest.mark.parametrize("when", ["2", "GMT", "-0000"])
def test_a_provider_that_asks_to_wait_is_asked_again(
    server: ModelServer, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if when != "2":
        when = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True).replace("GMT", when)
    replies = iter([Reply(status=429, headers=(("Retry-After", when),)), Reply()])
    monkeypatch.setattr(server, "reply_to", lambda _: next(replies))
    turn, _ = begin(server)
    wait_until(lambda: "asks to wait: trying again in" in turn.note)
    wait_until(lambda: not turn.running)
    assert turn.answer.text == "Hello from the model."
    assert not turn.note
    assert len(server.requests) == 2


@WAITS
def test_a_wait_can_be_stopped_and_nobody_waits_longer_than_a_minute(server: ModelServer) -> None:
    server.reply = Reply(status=429, headers=(("Retry-After", "30"),))
    turn, _ = begin(server)
    wait_until(lambda: turn.note)
    turn.stop()
    assert turn.answer.response_metadata == {"status": "stopped"}
    for too_long in ("61", "nan"):
        server.reply = Reply(status=429, headers=(("Retry-After", too_long),))
        turn, _ = begin(server)
        wait_until(lambda turn=turn: not turn.running)
        assert "too often" in turn.answer.response_metadata["error"]


def test_a_chat_that_the_provider_finds_too_long_is_sent_in_part(page: AppTest, server: ModelServer) -> None:
    for number in range(4):
        say(page, f"Question {number}: " + "7,3,1,9,4\n" * 100)

    def reply_to(question: str) -> Reply:
        long = "Question 1" in json.dumps(server.requests[-1])
        return Reply(status=400, code="context_length_exceeded", message="prompt is too long") if long else Reply()

    page.session_state[read_settings()["session_key"]][0].content = "Hi"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "reply_to", reply_to)
        patch.setattr("chat.context.context_tokens", lambda _: 2000)
        say(page, "And the mean?")
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert not page.error
    assert "no longer sees" in str([caption.value for caption in page.caption])


def test_a_whole_answer_is_known_to_be_whole(page: AppTest, server: ModelServer) -> None:
    say(page, "Hello")
    assert page.session_state[read_settings()["session_key"]][-1].response_metadata["ended"] == ""


def test_braces_in_a_question_are_text(page: AppTest, server: ModelServer) -> None:
    say(page, "What is {history} in {question}?")
    assert server.conversation()[-1] == ("user", "What is {history} in {question}?")


def test_an_edited_prompt_is_in_force_at_the_next_turn(
    page: AppTest, server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files, "PROMPTS", tmp_path)
    (tmp_path / "greeting.md").write_text("Hi", encoding="utf-8")
    for text in ("You are {terse}.", "  Du bist \\n “höflich” 🙂\n"):
        (tmp_path / "system.md").write_text(text, encoding="utf-8")
        say(page, "Hello")
        assert server.conversation()[0] == ("system", text)

    (tmp_path / "system.md").unlink()
    say(page, "Hello?")
    assert "prompts/system.md cannot be read" in page.error[0].value
    (tmp_path / "system.md").write_text("Again", encoding="utf-8")
    assert transcript(page.run())[-2] == ("human", "Hello?")


def test_a_spoilt_setting_loses_no_word(page: AppTest, settings: dict[str, Any]) -> None:
    say(page, "Answered")
    settings["model"]["history_tokens"] = "many"
    page.run()
    say(page, "Typed")
    assert [text for who, text in transcript(page) if who == "human"] == ["Answered", "Typed"]


def test_answers_grow_in_the_faster_loop_where_there_is_one() -> None:
    assert type(loop).__module__.startswith("asyncio" if sys.platform == "win32" else "uvloop")


def test_no_library_ends_everybodys_answers(server: ModelServer) -> None:
    async def leave() -> None:
        raise SystemExit

    asyncio.run_coroutine_threadsafe(leave(), loop)
    turn, _ = begin(server)
    wait_until(lambda: not turn.running)
    assert turn.answer.response_metadata["status"] == "complete"


def test_answers_are_given_after_the_cache_was_cleared(page: AppTest) -> None:
    say(page, "Before")
    st.cache_resource.clear()  # what "Clear cache" in Streamlit's menu does
    say(page, "After")
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
