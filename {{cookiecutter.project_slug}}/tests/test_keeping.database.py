"""Conversations outlive the page and the process: what is asked is stored before it is seen, an answer as it grows."""

import base64
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from PIL import Image
from sqlalchemy.exc import OperationalError
from streamlit.testing.v1 import AppTest

from chat import keeping, store
from chat.history import History
from chat.message import state_of
from chat.model import build_model
from chat.session import Chat
from chat.settings import ROOT, read_settings
from chat.store import Row
from chat.turn import MOST_READ, Turn
from chat.writer import writer
from server.visitor import visitor
from tests.conftest import PAGE
from tests.filling import fill
from tests.model_server import ModelServer, Reply
from tests.pages import labels, press, say, transcript, wait_until
from tests.test_store import NO_LIMITS

pytestmark = pytest.mark.usefixtures("one_visitor")
ANSWER = ("ai", "Hello from the model.")
DIES = """
import sys, time
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage
from chat.session import Chat
from chat.turn import start
from server import visitor
from tests.conftest import as_shipped

visitor._identity = lambda: "0" * 64
model = FakeListChatModel(responses=["word " * 1000], sleep=0.02)
start(HumanMessage("Why?"), Chat(settings=as_shipped(), session_key=sys.argv[1], model=model))
time.sleep(600)
"""


def reopen(address: str) -> AppTest:
    """Open a chat in another session, as a reload does."""
    pytest.importorskip("features.conversations")
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    page.query_params["c"] = address
    return page.run()


def address_of(page: AppTest) -> str:
    """Return what stands in the address of the page."""
    pytest.importorskip("features.conversations")
    return str(page.query_params["c"])


def stored(id: str) -> list[BaseMessage]:
    """Return the messages that the database has."""
    found = store.load(visitor(), id)
    return [one.message for one in found.messages if one.shown] if found else []


def begin(server: ModelServer, reply: Reply) -> tuple[Turn, History, str]:
    """Start a turn without a page."""
    server.reply = reply
    chat = Chat(session_key=uuid4().hex, model=build_model(read_settings(), server.key))
    return Turn(HumanMessage("Why?", id="why"), chat), chat.history, chat.session_key


def store_turn(status: str, text: str = "Half") -> Row:
    """Store a question and its answer as another process would; return where the answer stands."""
    answer = AIMessage(text, id="answer to 1", response_metadata={"status": status})
    messages = [HumanMessage("Why?", id="1"), answer]
    return store.add(visitor(), uuid4().hex, messages, {}, NO_LIMITS)[2][1]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """Return what takes the database away, and brings it back."""
    engine = store.engine

    def gone() -> Any:
        raise OperationalError("", {}, Exception("gone"))

    def take(is_away: bool) -> None:
        monkeypatch.setattr(store, "engine", gone if is_away else engine)

    yield take
    take(False)


@pytest.mark.smoke
def test_a_chat_comes_back_after_a_reload(page: AppTest) -> None:
    assert "c" not in page.query_params
    say(page, "First?")
    say(page, "Second?")
    again = reopen(address_of(page))
    assert transcript(again) == transcript(page)
    say(again, "Third?")
    assert transcript(page.run())[-2:] == [("human", "Third?"), ANSWER]


@pytest.mark.smoke
def test_what_is_asked_is_stored_before_the_model_is(server: ModelServer) -> None:
    turn, _, id = begin(server, Reply(words=("One",), stall=60))
    question, answer = stored(id)
    assert (question.text, state_of(answer)["status"]) == ("Why?", "running")
    wait_until(lambda: stored(id)[-1].text == "One")
    turn.stop()
    wait_until(lambda: state_of(stored(id)[-1])["status"] == "stopped")
    wait_until(lambda: not writer().turns)


def test_an_answer_goes_on_when_its_page_is_gone(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(words=("One", " two", " three"), pause=0.3)
    page.chat_input[0].set_value("Slowly")
    page.default_timeout = 0.5
    with pytest.raises(RuntimeError):
        page.run()
    (id, *_), *_ = store.chats(visitor())
    del page
    wait_until(lambda: state_of(stored(id)[-1])["status"] == "complete")
    assert stored(id)[-1].text == "One two three"


def test_thumbs_and_versions_come_back(page: AppTest, server: ModelServer) -> None:
    pytest.importorskip("features.versions")
    pytest.importorskip("features.feedback")
    say(page, "Tell me")
    press(page, "Good answer")
    server.reply = Reply(words=("Otherwise",))
    press(page, "Try again")
    again = reopen(address_of(page))
    assert transcript(again)[-1] == ("ai", "Otherwise")
    press(again, "Earlier version")
    assert transcript(page.run())[-1] == ANSWER
    again = reopen(address_of(page))
    assert "2/2" not in [caption.value for caption in again.caption]
    assert transcript(again)[-1] == ANSWER
    answer = again.session_state[read_settings()["session_key"]][-1]
    assert state_of(answer)["feedback"] == 1


def test_a_thumb_that_comes_while_the_end_is_written_is_kept(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, history, id = begin(server, Reply(words=("One",), stall=60))
    wait_until(lambda: stored(id)[-1].text)
    write = store.write

    def write_after_a_thumb(answers: Any) -> Any:
        if answers and not turn.running and "feedback" not in state_of(turn.answer):
            state_of(turn.answer)["feedback"] = 1
            history.save(turn.answer)
        return write(answers)

    monkeypatch.setattr(store, "write", write_after_a_thumb)
    turn.stop()
    wait_until(lambda: state_of(turn.answer).get("feedback") and not writer().turns)
    assert state_of(stored(id)[-1])["feedback"] == 1


def test_the_model_of_a_chat_comes_back(
    page: AppTest, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = pytest.importorskip("features.models")
    monkeypatch.setattr(models, "_profiles", lambda: {"plain": {}, "other": {}})
    monkeypatch.setattr(models, "_is_offered", lambda *_: True)
    page.run().selectbox[0].set_value("plain").run()
    say(page, "Hello")
    assert reopen(address_of(page)).selectbox[0].value == "plain"


def test_a_file_that_was_refused_is_not_sent_after_a_reload(
    page: AppTest, server: ModelServer, settings: dict[str, Any]
) -> None:
    pytest.importorskip("features.attachments")
    if "image" not in settings["model"]["files"]:
        pytest.skip("this provider is sent no pictures")
    build_model(settings, server.key).profile = None
    Image.new("RGB", (1, 1)).save(file := io.BytesIO(), "PNG")
    page.run().chat_input[0].upload("a.png", file.getvalue(), "image/png")
    say(page, "What is it?")
    server.reply = Reply(status=400, code="invalid_request_error", message="could not process image")
    say(page, "And now?").run()
    server.reply = Reply()
    say(reopen(address_of(page)), "Third?")
    assert "And now?" in json.dumps(server.requests[-1])
    assert base64.b64encode(file.getvalue()).decode() not in json.dumps(server.requests[-1])


def test_two_tabs_keep_each_others_questions(page: AppTest, server: ModelServer) -> None:
    say(page, "First?")
    other = reopen(address_of(page))
    say(page, "From one tab?")
    say(other, "From the other?")
    assert "From one tab?" in json.dumps(server.requests[-1])
    both = [text for who, text in transcript(page.run()) if who == "human"]
    assert both == ["First?", "From one tab?", "From the other?"]
    assert transcript(other.run()) == transcript(page)


def test_an_edit_in_a_tab_that_knows_less_is_a_question_of_its_own(page: AppTest) -> None:
    pytest.importorskip("features.versions")
    say(page, "First?")
    other = reopen(address_of(page))
    say(page, "Second?")
    press(other, "Try again")
    assert [text for who, text in transcript(other.run()) if who == "human"] == ["First?", "Second?", "First?"]


def test_an_answer_whose_process_is_gone_broke_off(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "BEAT_SECONDS", -1)
    row = store_turn("running")
    page = reopen(row.id)
    assert transcript(page)[-1] == ("ai", "Half")
    assert page.error[0].value == keeping.BROKE_OFF
    assert state_of(stored(row.id)[-1])["status"] == "failed"


def test_an_answer_whose_process_is_gone_broke_off_though_the_clock_was_set_back(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        now = time.time()
        ahead.setattr(time, "time", lambda: now + 3600)
        row = store_turn("running")
    monkeypatch.setattr(keeping, "BEAT_SECONDS", 0.1)
    elsewhere = keeping._Elsewhere(stored(row.id)[-1], row)
    elsewhere._look()
    assert elsewhere.running
    time.sleep(0.2)
    elsewhere._look()
    assert not elsewhere.running
    assert reopen(row.id).error[0].value == keeping.BROKE_OFF
    assert state_of(stored(row.id)[-1])["status"] == "failed"


def test_an_answer_that_grows_in_another_process_is_followed(page: AppTest) -> None:
    row = store_turn("running")

    def grow() -> None:
        for text, status in (("Half of", "running"), ("Half of it", "complete")):
            time.sleep(0.5)
            store.write([(row, status == "running", AIMessage(text, response_metadata={"status": status}))])

    threading.Thread(target=grow).start()
    assert transcript(reopen(row.id))[-1] == ("ai", "Half of it")


def test_an_answer_can_be_stopped_from_another_process(server: ModelServer) -> None:
    turn, _, id = begin(server, Reply(words=("One",), stall=60))
    wait_until(lambda: stored(id)[-1].text)
    row = Row(visitor(), id, 1, 0)
    keeping._Elsewhere(stored(id)[-1], row).stop()
    wait_until(lambda: not turn.running)
    wait_until(lambda: server.left == 1)
    wait_until(lambda: state_of(stored(id)[-1])["status"] == "stopped")


def test_what_is_asked_while_the_database_is_away_stays_and_is_stored_later(
    page: AppTest, away: Callable[[bool], None]
) -> None:
    say(page, "Before")
    away(True)
    say(page, "Meanwhile")
    assert transcript(page)[-2][1] == "Meanwhile"
    assert page.error[0].value == page.warning[0].value == f"{store.AWAY} {keeping.KEPT}"
    away(False)
    assert not page.run().warning
    assert [message.text for message in stored(address_of(page)) if message.type == "human"] == ["Before", "Meanwhile"]


def test_a_page_opens_while_the_database_is_away(server: ModelServer, away: Callable[[bool], None]) -> None:
    away(True)
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    say(page, "Hello?")
    assert f"{store.AWAY} {keeping.KEPT}" in [error.value for error in page.error]
    assert reopen(uuid4().hex).error[0].value == store.AWAY


def test_a_chat_that_is_opened_while_the_database_is_away_is_read_before_more_is_said(
    page: AppTest, server: ModelServer, away: Callable[[bool], None]
) -> None:
    say(page, "First")
    address = address_of(page)
    press(page, "New chat")
    say(page, "Another")
    away(True)
    press(page, "First")
    away(False)
    say(page, "Second")
    said = ["First", ANSWER[1], "Second", ANSWER[1]]
    wait_until(lambda: [message.text for message in stored(address)][-4:] == said)
    assert sum(message.type == "human" for message in stored(address)) == 2
    assert "First" in json.dumps(server.requests[-1])


def test_what_is_had_again_while_the_database_is_away_is_stored_once(
    page: AppTest, away: Callable[[bool], None]
) -> None:
    pytest.importorskip("features.versions")
    say(page, "First?")
    away(True)
    press(page, "Try again")
    say(page, "Second?")
    away(False)
    page.run()
    again = reopen(address_of(page))
    assert [text for who, text in transcript(again) if who == "human"] == ["First?", "Second?"]
    assert transcript(again) == transcript(page)


def test_a_version_is_had_again_that_cannot_be_stored(page: AppTest, settings: dict[str, Any]) -> None:
    pytest.importorskip("features.versions")
    say(page, "First?")
    settings["questions_per_minute"] = 1
    press(page, "Try again")
    store.rename(visitor(), address_of(page), "Another name")
    assert len(page.run().exception) == 0
    assert [text for who, text in transcript(page) if who == "human"] == ["First?"]


def test_what_has_not_grown_is_not_written_again(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    written, write = [], store.write
    monkeypatch.setattr(store, "write", lambda answers: (written.extend(answers), write(answers))[1])
    turn, _, id = begin(server, Reply(words=("One",), stall=60))
    wait_until(lambda: sum(answer is None for row, _, answer in written if row.id == id) > 1)
    assert stored(id)[-1].text == "One"
    turn.stop()
    wait_until(lambda: state_of(stored(id)[-1])["status"] == "stopped")


def test_an_answer_goes_on_while_the_database_is_away(server: ModelServer, away: Callable[[bool], None]) -> None:
    turn, _, id = begin(server, Reply(words=("One", " two"), pause=0.3))
    away(True)
    wait_until(lambda: not turn.running)
    away(False)
    wait_until(lambda: stored(id)[-1].text == "One two")
    assert state_of(stored(id)[-1])["status"] == "complete"


def test_another_chat_is_stored_once_the_database_is_back(page: AppTest, away: Callable[[bool], None]) -> None:
    say(page, "Before")
    address = address_of(page)
    away(True)
    say(page, "Meanwhile")
    press(page, "New chat")
    away(False)
    page.run()
    assert "c" not in page.query_params
    assert [message.text for message in stored(address) if message.type == "human"] == ["Before", "Meanwhile"]


def test_what_a_chat_is_being_edited_for_is_not_kept(page: AppTest) -> None:
    pytest.importorskip("features.versions")
    say(page, "First?")
    press(page, "Edit the question")
    say(page, "Second?")
    assert "Send" in labels(page)
    assert "Send" not in labels(reopen(address_of(page)))


def test_a_chat_that_is_deleted_in_another_tab_is_gone(page: AppTest) -> None:
    say(page, "First?")
    other = reopen(address_of(page))
    store.forget(visitor())
    assert "human" not in [who for who, _ in transcript(other.run())]
    assert [each.value for each in other.warning] == [keeping.DELETED]
    say(other, "Second?")
    wait_until(lambda: [message.text for message in stored(address_of(page))] == ["Second?", ANSWER[1]])


def test_the_end_of_the_server_comes_after_a_beat(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, id = begin(server, Reply(words=("One",), stall=60))
    write, begun, go_on = store.write, threading.Event(), threading.Event()

    def write_slowly(answers: Any) -> Any:
        if not begun.is_set() and any(row.id == id for row, *_ in answers):  # not of a test before
            begun.set()
            go_on.wait(60)
        return write(answers)

    monkeypatch.setattr(store, "write", write_slowly)
    begun.wait(60)
    (end := threading.Thread(target=writer().close)).start()
    wait_until(lambda: writer()._one_at_a_time._waiters)
    go_on.set()
    end.join()
    assert state_of(stored(id)[-1])["status"] == "stopped"


def test_an_answer_that_cannot_be_stored_keeps_no_other_from_it(server: ModelServer) -> None:
    broken, _, _ = begin(server, Reply(words=("One",), stall=60))
    broken.answer.response_metadata["no JSON"] = object()
    _, _, id = begin(server, Reply(words=("Two",), stall=60))
    wait_until(lambda: stored(id)[-1].text == "Two")
    del broken.answer.response_metadata["no JSON"]


def test_who_asks_too_much_is_told(page: AppTest, settings: dict[str, Any]) -> None:
    settings["conversations"]["questions_per_day"] = 1
    say(page.run(), "First?")
    say(page, "Second?")
    assert "limit of 1 questions in 24 hours" in page.error[0].value
    assert transcript(page)[-2] == ("human", "Second?")


def test_a_long_chat_is_opened_at_its_end(page: AppTest) -> None:
    messages: list[BaseMessage] = []
    for number in range(300):
        messages.append(HumanMessage(f"Question {number}", id=str(number)))
        messages.append(AIMessage("So.", id=f"answer to {number}", response_metadata={"status": "complete"}))
    fill(page, messages)
    key = next(iter(page.session_state["app.session"]["chats"].values()))["history"].id
    again = reopen(key)
    read = again.session_state[read_settings()["session_key"]]
    assert len(read) <= keeping.AT_FIRST
    press(again, f"Show earlier messages ({600 - len(transcript(again)):,})")
    assert "Question 270" in [text for _, text in transcript(again)]
    say(again, "And now?")
    assert len(read) <= MOST_READ + 2
    assert transcript(again)[-1] == ANSWER


def test_a_process_that_is_killed_loses_nothing_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    id = uuid4().hex
    process = subprocess.Popen([sys.executable, "-c", DIES, id], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_until(lambda: len(stored(id)) == 2 and len(stored(id)[1].text) > 10, 120)
    finally:
        process.kill()
        process.wait()
    question, answer = stored(id)
    assert question.text == "Why?"
    assert ("word " * 1000).startswith(answer.text)
    monkeypatch.setattr(keeping, "BEAT_SECONDS", -1)
    page = reopen(id)
    assert page.error[0].value == keeping.BROKE_OFF
    assert "Stop" not in labels(page)
