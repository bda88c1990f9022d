"""All chats at once: taken along, brought back elsewhere, and deleted for good."""

import io
import tracemalloc
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from streamlit import config
from streamlit.testing.v1 import AppTest

from chat import everything, store
from chat.files import MAX_MEGABYTES_TOGETHER, to_block
from server.visitor import visitor
from tests.conftest import PAGE
from tests.pages import press, say, transcript
from tests.test_store import NO_LIMITS, PICTURE, begin, texts, turn
from tests.test_store import everything as everything_stored

export = pytest.importorskip("features.export")
pytestmark = pytest.mark.usefixtures("one_visitor")
OTHER = "b" * 64


def mine(*messages: BaseMessage) -> str:
    """Store a conversation of the visitor's; return its id."""
    return begin(*messages, owner=visitor())


def exported() -> bytes:
    """Return the visitor's chats as they are downloaded."""
    return everything._zip(visitor(), [*store.sizes(visitor())], export._to_json)


def imported(page: AppTest, data: bytes) -> AppTest:
    """Open what exports and imports, and import a file."""
    page.session_state["app.export"] = True
    uploader = next(field for field in page.run().file_uploader if field.label == "Import all chats")
    return uploader.set_value(("chats.zip", data, "application/zip")).run()


def test_all_chats_come_back_as_they_were(page: AppTest) -> None:
    question, answer = turn("What is it?", "A dot")
    question.content = [{"type": "text", "text": "What is it?"}, {"type": "text", "text": "notes.txt\nBuy milk"}]
    id = mine(question, answer)
    again, better = turn("What is it?", "Another answer")
    store.add(visitor(), id, [again, better], {}, NO_LIMITS, store.Row(visitor(), id, 0, 0))
    store.rename(visitor(), mine(*turn("Another / chat?")), "Mine")
    begin(*turn("A stranger's"), owner=OTHER)
    before, data = [title for _, title, _ in store.chats(visitor())], exported()
    with zipfile.ZipFile(io.BytesIO(data)) as files:
        names = ["0001 What is it_.json", "other versions/0001 What is it_.json", "0002 Mine.json"]
        assert files.namelist() == names
        assert b"Buy milk" in files.read(names[1])
        assert "stranger" not in str([files.read(name) for name in names])

    store.forget(visitor())
    assert not imported(page, data).error
    restored = store.chats(visitor())
    assert [title for _, title, _ in restored] == before
    assert texts(visitor(), restored[1][0]) == ["What is it?", "Another answer"]


def test_many_are_exported_in_parts(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything, "PART", 1000)
    for number in range(3):
        mine(*turn(f"Question {number}", "x" * 600))
    page.session_state["app.export"] = True
    downloads = [element.proto.label for element in page.run().get("download_button")]
    assert downloads[2:] == [f"Export all chats, part {number} of 3" for number in (1, 2, 3)]


def test_a_chat_with_as_many_files_as_a_question_may_have_comes_back_from_a_part_of_its_own(page: AppTest) -> None:
    question, answer = turn("What is it?")
    most = MAX_MEGABYTES_TOGETHER * 2**20 // 3
    pdfs = [to_block(f"{number}.pdf", f"%PDF-1.4 {number}".encode().ljust(most)) for number in range(3)]
    question.content = [{"type": "text", "text": "What is it?"}, *pdfs]
    for messages in (turn("Before"), (question, answer), turn("After")):
        mine(*messages)
    page.session_state["app.export"] = True
    downloads = [element.proto.label for element in page.run().get("download_button")]
    assert downloads[2:] == [f"Export all chats, part {number} of 3" for number in (1, 2, 3)]
    assert not page.warning
    data = exported()
    store.forget(visitor())
    assert not imported(page, data).error
    chats = {title: id for id, title, _ in store.chats(visitor())}
    assert [*chats] == ["After", "What is it?", "Before"]
    found = store.load(visitor(), chats["What is it?"])
    assert found
    assert found.messages[0].message.content == question.content


def test_a_chat_that_is_too_large_to_come_back_is_spoken_of_before_it_is_deleted(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine(*turn("x" * 2_000_000))
    page.session_state["app.export"] = True
    assert not page.run().warning
    monkeypatch.setitem(config.get_config_options(), "server.maxUploadSize", SimpleNamespace(value=1))
    assert "too large to import again: exported, it can exceed 1 MB" in page.run().warning[0].value


def test_what_a_system_has_packed_again_comes_back(page: AppTest) -> None:
    mine(*turn("First?"))
    with zipfile.ZipFile(file := io.BytesIO(), "w") as packed, zipfile.ZipFile(io.BytesIO(exported())) as chats:
        for name in (".DS_Store", "chats-1/", "__MACOSX/chats-1/._1.json", "chats-1/other versions/1.json"):
            packed.writestr(name, b"\0")
        for name in chats.namelist():
            packed.writestr(f"chats-1/{name}", chats.read(name))
    store.forget(visitor())
    assert not imported(page, file.getvalue()).error
    assert [title for _, title, _ in store.chats(visitor())] == ["First?"]


@pytest.mark.parametrize("spoil", ["no ZIP", "no chat", "half a ZIP", "too large", "nothing"])
def test_what_is_no_export_says_so(page: AppTest, monkeypatch: pytest.MonkeyPatch, spoil: str) -> None:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as made:
        made.writestr("1.json", export._to_json(turn("First?")))
        made.writestr("2 *.json", "[1]" if spoil == "no chat" else export._to_json(turn("Second?")))
    data = {"no ZIP": b"no ZIP", "half a ZIP": file.getvalue()[:300]}.get(spoil, file.getvalue())
    if spoil == "too large":
        monkeypatch.setattr(everything, "MOST", 10)
    if spoil == "nothing":
        zipfile.ZipFile(file := io.BytesIO(), "w").close()
        data = file.getvalue()
    imported(page, data)
    before = "only the chats before it were imported" if spoil == "no chat" else "nothing was imported"
    assert f"is not an exported chat, or is too large: {before}." in page.error[0].value
    assert [title for _, title, _ in store.chats(visitor())] == (["First?"] if spoil == "no chat" else [])


def test_everything_is_deleted(page: AppTest) -> None:
    pytest.importorskip("features.conversations")
    question, answer = turn("A secret")
    question.content = [{"type": "text", "text": "A secret"}, PICTURE]
    mine(question, answer)
    other = begin(*turn("Another's"), owner=OTHER)
    store.delete(visitor(), mine(*turn("Deleted before")))
    page.session_state["app.export"] = True
    say(page.run(), "Another secret")
    second = AppTest.from_file(str(PAGE), default_timeout=60)
    second.query_params["c"] = page.query_params["c"]
    assert ("human", "Another secret") in transcript(second.run())
    press(page, "Delete everything")
    assert "human" not in [who for who, _ in transcript(page)]
    assert "c" not in page.query_params
    assert "human" not in [who for who, _ in transcript(second.run())]
    assert texts(OTHER, other)
    left = str(everything_stored())
    assert "Another's" in left
    assert "secret" not in left
    assert "before" not in left


def test_what_is_deleted_is_not_left_in_the_file(database: str) -> None:
    mine(*turn("A very private question"))
    store.forget(visitor())
    store.engine().dispose()  # the last connection writes the journal back, and removes it
    with open(database.removeprefix("sqlite:///"), "rb") as file:
        assert b"private" not in file.read()


def test_a_database_that_is_away_is_a_sentence(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise store.ChatError(store.AWAY)

    page.session_state["app.export"] = True
    say(page.run(), "Hello")
    monkeypatch.setattr(store, "forget", away)
    press(page, "Delete everything")
    assert [error.value for error in page.error] == [store.AWAY]
    monkeypatch.setattr(store, "sizes", away)
    assert store.AWAY in [warning.value for warning in page.run().warning]
    assert ("human", "Hello") in transcript(page)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip_that_says_less_than_it_holds_is_read_no_further(page: AppTest, method: int) -> None:
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as chats:
        chats.writestr("bomb.json", bytes(50_000_000))
    data = file.getvalue().replace((50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    tracemalloc.start()
    assert "is not an exported chat" in imported(page, data).error[0].value
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()
