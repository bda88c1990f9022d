"""Conversations in a database, SQLite or PostgreSQL; each question to it carries whose they are."""

import json
import logging
import os
import re
import time
import unicodedata
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from langchain_core.messages import BaseMessage, HumanMessage, message_to_dict, messages_from_dict
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chat.errors import ChatError
from chat.message import files_of, is_answer, text_of
from chat.settings import ROOT
from server.kept import drop, keep

AWAY = "The database cannot be reached right now: try again in a moment."
REFUSED = "The database refused this, or took too long: try again, with less or with other words."
NEWER = "The database belongs to a later version of this app: update the app, then try again."
UNKNOWN = "There is no such chat."
VERSION = "0001"  # the latest of migrations/versions
UNDO_SECONDS = 3600  # for which a deleted chat can be had back
AT_ONCE = 10  # chats that are taken out in one transaction
LISTED = 50  # chats in the sidebar; a search finds the others
TITLE_LETTERS = 60
SECONDS = 5  # for which one waits for the database
CANCELED = "57014"  # what PostgreSQL says of a statement that took longer
# What libpq asks the system: a connection over which nothing comes back any more is given up.
_PATIENCE = {"keepalives_idle": SECONDS, "keepalives_interval": 2, "keepalives_count": 3}
_PATIENCE |= {"connect_timeout": SECONDS, "tcp_user_timeout": SECONDS * 1000}
_CONNECT: Any = {"client_encoding": "utf8"} | _PATIENCE  # else psycopg takes a database in SQL_ASCII for bytes
# Connections are kept: making one takes longer than what a turn does with it.
_POOL: Any = {"pool_size": 10, "max_overflow": 0, "pool_use_lifo": True, "pool_timeout": SECONDS}
_SET_UP = {
    "sqlite": ("PRAGMA journal_mode = WAL", "PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON"),
    "postgresql": (
        f"SET statement_timeout = '{SECONDS}s'",
        f"SET idle_in_transaction_session_timeout = '{SECONDS}s'",  # else a process that hangs keeps others waiting
    ),
}

# SQL that both databases understand; what the columns hold is in migrations/.
MINE = "id = :id AND owner = :owner"
OF_MINE = f"conversation IN (SELECT id FROM conversation WHERE {MINE})"
AT = f"{OF_MINE} AND position = :position AND version = :version"


_sql = cache(sa.text)


def _run(db: sa.Connection, text: str, /, **values: Any) -> sa.CursorResult[Any]:
    return db.execute(_sql(text), values)


class DatabaseAway(ChatError):
    """The database cannot be reached, whatever it is asked."""


class Row(NamedTuple):
    """Where a message stands in the store."""

    owner: str
    id: str  # of its conversation
    position: int
    version: int


class Stored(NamedTuple):
    """A message, as it was found in the store."""

    row: Row
    shown: bool
    beat: float | None
    message: BaseMessage


class Found(NamedTuple):
    """A conversation: how long it is, and the messages asked for."""

    revision: int
    title: str
    kept: dict[str, Any]
    length: int
    messages: list[Stored]


def engine() -> sa.Engine:
    """Return the engine of the database that DATABASE_URL names, else of a file in data/; its tables are there."""
    address = os.environ.get("DATABASE_URL", "").strip() or f"sqlite:///{ROOT / 'data' / 'chats.db'}"
    return keep(f"database {address}", lambda: _connect(address))


def _connect(address: str) -> sa.Engine:
    _check_silence()
    begin = time.monotonic()
    try:
        url = sa.make_url(address)
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        if url.drivername == "sqlite" and url.database:
            file = ROOT / url.database  # wherever the app is started
            file.parent.mkdir(parents=True, exist_ok=True)
            url = url.set(database=str(file))
        is_file = url.drivername == "sqlite"  # it does not go away, so no connection is tried before it is used
        options = {"timeout": SECONDS} if is_file else _CONNECT
        made = sa.create_engine(url, connect_args=options, hide_parameters=True, pool_pre_ping=not is_file, **_POOL)
    except (ArgumentError, TypeError, ValueError) as error:  # TypeError: for SQLite in memory, which takes no pool
        raise ChatError("DATABASE_URL is not the address of a database: see README.md.") from error
    except ModuleNotFoundError as error:
        raise ChatError(f"DATABASE_URL needs a package that is not installed ({error.name}): see README.md.") from error
    event.listen(made, "connect", partial(_set_up, _SET_UP.get(made.dialect.name, ())))
    if is_file and url.database:
        event.listen(made, "checkout", partial(_check_file, url.database, address))
    try:
        with made.connect() as db:
            known = sa.inspect(db).has_table("alembic_version")
            version = db.scalar(sa.text("SELECT version_num FROM alembic_version")) if known else None
    except DBAPIError:
        _expect_silence(begin)  # now, for whoever wants to connect next is waiting for this one
        raise
    if version != VERSION:
        from chat.migrate import migrate  # Alembic is not imported where there is nothing to do

        if not migrate(made):
            raise ChatError(NEWER)
    return made


def _set_up(settings: Sequence[str], connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for setting in settings:
        cursor.execute(setting)
    cursor.close()
    connection.commit()


def _check_file(path: str, address: str, _: Any, record: Any, __: Any) -> None:
    """Give up a connection to a file that has been deleted or replaced: what it writes, nobody would find again."""
    file = os.stat(path).st_ino if os.path.exists(path) else None
    if record.info.setdefault("file", file) != file:
        drop(f"database {address}")  # the new file has no tables yet
        raise DisconnectionError


def _check_silence() -> None:
    """Raise an error if the database has just let somebody else wait in vain: a page asks it several things."""
    if time.monotonic() < _silence["until"]:
        raise TimeoutError


def _expect_silence(begin: float) -> None:
    if time.monotonic() > begin + 1:
        _silence["until"] = time.monotonic() + 2


_silence = {"until": 0.0}


@contextmanager
def transaction() -> Generator[sa.Connection]:
    """Begin a transaction; raise a ChatError if the database cannot be reached or refuses something."""
    begin = time.monotonic()
    try:
        _check_silence()
        with engine().begin() as db:
            yield db
    except (DBAPIError, PoolTimeout, OSError) as error:
        refused = isinstance(error, DataError) or getattr(getattr(error, "orig", None), "sqlstate", "") == CANCELED
        if not refused:
            _expect_silence(begin)
        logging.getLogger(__name__).warning("No database: %s", type(error).__name__)  # its text may hold a message
        raise (ChatError(REFUSED) if refused else DatabaseAway(AWAY)) from error


def _hold(db: sa.Connection, owner: str) -> None:
    """Let nobody else add to what an owner has until the transaction ends. SQLite lets only one write anyway."""
    if db.dialect.name == "postgresql":
        _run(db, "SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))", owner=owner)


def _touch(db: sa.Connection, owner: str, id: str, change: str = "", only: str = "", **values: Any) -> Any:
    """Change a conversation, which nobody else can until the transaction ends; return its row, None if it has none."""
    text = f"UPDATE conversation SET revision = revision + 1{change} WHERE {MINE}{only} RETURNING revision, name, first"
    return _run(db, text, owner=owner, id=id, **values).first()


def revision(owner: str, id: str) -> int | None:
    """Return which revision of a conversation is the latest, or None if the owner has no such conversation."""
    with transaction() as db:
        text = f"SELECT revision FROM conversation WHERE {MINE} AND deleted IS NULL"
        return _run(db, text, owner=owner, id=id).scalar()


def load(owner: str, id: str, most: int | None = None, before: int | None = None) -> Found | None:
    """Return a conversation with its latest messages, and with every version of the last question and its answer.

    Parameters:
        owner: Whose it is; of somebody else's, there is nothing to be seen.
        id: Which one.
        most: How many messages; None for all, with every version of each.
        before: Where those messages end that are wanted, without this one; None for the end of the conversation.
    """
    mine = {"owner": owner, "id": id}
    length = f"(SELECT max(position) + 1 FROM message WHERE {OF_MINE}) AS length"
    wanted = "position >= :begin AND position < :end AND (shown OR position >= :last)"
    with transaction() as db:
        text = f"SELECT revision, name, first, CAST(kept AS TEXT) AS kept, {length} FROM conversation WHERE {MINE}"
        if not (one := _run(db, f"{text} AND deleted IS NULL", **mine).first()):
            return None
        end = one.length if before is None else before
        span = {"begin": max(0, end - (most or end)), "end": end, "last": one.length - 2 if most else 0}
        text = "SELECT position, version, shown, beat, CAST(data AS TEXT) AS data FROM message"
        text += f" WHERE {OF_MINE} AND {wanted} ORDER BY position, version"
        rows = _run(db, text, **mine, **span).all()
        saved = [json.loads(row.data) for row in rows]
        contents = [each["data"]["content"] for each in saved if isinstance(each["data"]["content"], list)]
        if stored := [block for content in contents for block in content if "stored" in block]:
            text = _sql(f"SELECT hash, data FROM file WHERE {OF_MINE} AND hash IN :hashes")
            hashes = sa.bindparam("hashes", [block["stored"] for block in stored], expanding=True)
            files = {row.hash: row.data for row in db.execute(text.bindparams(hashes), mine)}
            if not files.keys() >= {block["stored"] for block in stored}:
                return None  # it has been deleted for good just now
            for block in stored:
                block.update(json.loads(files[block.pop("stored")]))
    messages = zip(rows, messages_from_dict(saved), strict=True)
    found = [Stored(Row(owner, id, row.position, row.version), bool(row.shown), row.beat, it) for row, it in messages]
    return Found(one.revision, one.name or one.first, json.loads(one.kept), one.length, found)


def add(
    owner: str,
    id: str,
    messages: Sequence[BaseMessage],
    kept: Mapping[str, Any],
    settings: Mapping[str, Any],
    at: Row | None = None,
) -> tuple[int, str, list[Row]]:
    """Store new messages; return the conversation's revision, its title, and where each message stands.

    The conversation's row is taken first, so nobody else gives out the same positions.

    Parameters:
        owner: Whose they are.
        id: The conversation, which is made if it is new.
        messages: They go to the end.
        kept: What features keep with the conversation.
        settings: The app's, which limit what an owner can have; 0 means no limit.
        at: Where the question stands that these are another version of; if more has been said since, they go to the
            end, too.

    Raises:
        ChatError: That is too much, or the database cannot be reached.
    """
    mine: dict[str, Any] = {"owner": owner, "id": id, "now": time.time()}
    files: dict[str, str] = {}
    rows = [_to_columns(one, files) for one in messages]
    question = next((text_of(one) for one in messages if isinstance(one, HumanMessage)), "")
    asks = any(map(_grows, messages))  # else it was imported, or could not be stored when it was asked
    change, only = ", changed = :now, kept = :kept, size = size + :size", " AND deleted IS NULL"
    values: dict[str, Any] = {**mine, "kept": json.dumps(kept), "size": sum(len(row["data"]) for row in rows)}
    with transaction() as db:
        _hold(db, owner)
        touched = _touch(db, change=change, only=only, **values)
        if not touched:  # it is new, or was deleted in another tab; yet another may make it at the same moment
            _set_aside(db, mine)
            text = "INSERT INTO conversation (id, owner, name, first, text, kept, revision, size, changed)"
            text += " VALUES (:id, :owner, '', :first, '', '{}', 0, 0, 0) ON CONFLICT (id) DO NOTHING"
            _run(db, text, first=" ".join(question.split())[:TITLE_LETTERS], **mine)
            if not (touched := _touch(db, change=change, only=only, **values)):
                raise ChatError(UNKNOWN)
        begin, version = _check(db, mine, settings, asks) + 1, 0
        if at and at.position == begin - 2:
            begin, there = at.position, f"{OF_MINE} AND position >= :begin"
            version = _run(db, f"SELECT max(version) + 1 FROM message WHERE {there}", begin=begin, **mine).scalar() or 0
            _run(db, f"UPDATE message SET shown = FALSE WHERE {there}", begin=begin, **mine)
        elif at:
            for one in messages:
                one.id = str(uuid4())  # they are no longer a version of those that have this id
            rows = [_to_columns(one, files) for one in messages]
        if asks:
            _run(db, "INSERT INTO asked (owner, time) VALUES (:owner, :now)", **mine)
        places = [Row(owner, id, begin + number, version) for number in range(len(messages))]
        for place, row, one in zip(places, rows, messages, strict=True):
            row |= place._asdict() | {"beat": mine["now"] if _grows(one) else None}
        text = "INSERT INTO message (conversation, position, version, shown, beat, text, data)"
        db.execute(_sql(f"{text} VALUES (:id, :position, :version, TRUE, :beat, :text, :data)"), rows)
        text = "INSERT INTO file (conversation, hash, data) VALUES (:id, :hash, :data) ON CONFLICT DO NOTHING"
        for hash, data in files.items():
            if _run(db, text, hash=hash, data=data, **mine).rowcount:
                _resize(db, owner, id, len(data))
    return touched.revision, touched.name or touched.first, places


def _set_aside(db: sa.Connection, mine: Mapping[str, Any]) -> None:
    """Give a deleted conversation another id, under which it can still be had back."""
    columns = "owner, name, first, text, kept, revision, size, changed, deleted"
    text = f"INSERT INTO conversation (id, {columns}) SELECT :other, {columns} FROM conversation WHERE {MINE}"
    if _run(db, f"{text} AND deleted IS NOT NULL", other=(other := uuid4().hex), **mine).rowcount:
        for table in ("message", "file"):
            _run(db, f"UPDATE {table} SET conversation = :other WHERE {OF_MINE}", other=other, **mine)
        _run(db, f"DELETE FROM conversation WHERE {MINE}", **mine)


def _resize(db: sa.Connection, owner: str, id: str, more: int) -> None:
    _run(db, f"UPDATE conversation SET size = size + :more WHERE {MINE}", owner=owner, id=id, more=more)


def _check(db: sa.Connection, mine: Mapping[str, Any], settings: Mapping[str, Any], asks: bool) -> int:
    """Return the position of the conversation's last message; raise a ChatError if its owner has too much."""
    chats = "FROM conversation WHERE owner = :owner AND deleted IS NULL"
    text = f"""SELECT
        (SELECT count(*) FROM asked WHERE owner = :owner AND time BETWEEN :now - 60 AND :later) AS minute,
        (SELECT count(*) FROM asked WHERE owner = :owner AND time BETWEEN :now - 86400 AND :later) AS day,
        (SELECT count(*) {chats}) AS chats, (SELECT sum(size) {chats}) AS size,
        (SELECT sum(size) FROM conversation WHERE owner = :owner) AS size_with_deleted,
        (SELECT max(position) FROM message WHERE {OF_MINE}) AS last"""
    has = _run(db, text, **mine, later=mine["now"] + 60).one()  # any later was asked before the clock was set back
    limits = settings["conversations"]
    for number, most, sentence in (
        (asks * (has.minute + 1), settings["questions_per_minute"], "{:,} questions a minute: wait a minute"),
        (asks * (has.day + 1), limits["questions_per_day"], "{:,} questions in 24 hours: wait a few hours"),
        (has.chats, limits["chats"], "{:,} chats: delete one"),
        (has.size / 2**20, limits["megabytes"], "{:,} MB for your chats: delete some"),
        (has.size_with_deleted / 2**20, 2 * limits["megabytes"], "{:,} MB, deleted chats included: wait an hour"),
    ):
        if 0 < most < number:
            raise ChatError(f"You have reached the limit of {sentence.format(most)}, then try again.")
    return -1 if has.last is None else has.last


def write(answers: Sequence[tuple[Row, bool, BaseMessage | None]]) -> set[Row]:
    """Write what answers have grown to, all in one transaction; return those that somebody has stopped or deleted.

    Parameters:
        answers: Where each stands, whether it goes on, and what it is; None if it is what was written last.
    """
    stopped = set()
    with transaction() as db:
        for row, goes_on, answer in sorted(answers, key=lambda each: each[0]):
            columns = _to_columns(answer, {}) if answer else {}
            if not goes_on:  # first the conversation, as everywhere, else two could wait for each other
                _resize(db, row.owner, row.id, len(columns.get("data", "")))
            columns["beat"] = time.time() if goes_on else None
            change = ", ".join(f"{name} = :{name}" for name in columns)
            text = f"UPDATE message SET {change} WHERE {AT} AND (:ended OR coalesce(beat, 1) > 0)"
            if not _run(db, text, ended=not goes_on, **row._asdict(), **columns).rowcount:
                stopped.add(row)
    return stopped


def break_off(found: Stored) -> bool:
    """Write that an answer has broken off; return False if it has been written meanwhile: then it is alive."""
    text = f"UPDATE message SET text = :text, data = :data, beat = NULL WHERE {AT} AND beat = :beat"
    with transaction() as db:
        columns = _to_columns(found.message, {})
        return bool(_run(db, text, beat=found.beat, **found.row._asdict(), **columns).rowcount)


def save(row: Row, changed: BaseMessage) -> int | None:
    """Write what a visitor or a refusal has changed of a message; return its conversation's revision."""
    text = f"SELECT CAST(data AS TEXT) FROM message WHERE {AT}"
    with transaction() as db:
        touched = _touch(db, row.owner, row.id)
        if stored := _run(db, text, **row._asdict()).scalar():  # which may be more than this process has seen
            data = json.loads(stored)
            now = changed.response_metadata
            data["data"]["response_metadata"] |= {name: now[name] for name in ("feedback", "refused") if name in now}
            _run(db, f"UPDATE message SET data = :data WHERE {AT}", data=json.dumps(data), **row._asdict())
    return touched and touched.revision


def look(row: Row) -> Stored | None:
    """Return an answer as it stands in the store."""
    with transaction() as db:
        text = f"SELECT shown, beat, CAST(data AS TEXT) AS data FROM message WHERE {AT}"
        found = _run(db, text, **row._asdict()).first()
    if not found:
        return None
    return Stored(row, bool(found.shown), found.beat, messages_from_dict([json.loads(found.data)])[0])


def stop(row: Row) -> None:
    """Ask whoever lets an answer grow to stop it: the time of its last beat gets a minus sign."""
    with transaction() as db:
        _run(db, f"UPDATE message SET beat = -abs(beat) WHERE {AT}", **row._asdict())


def show(row: Row) -> int | None:
    """Show one version of a question and its answer, and no other; return the conversation's revision."""
    with transaction() as db:
        touched = _touch(db, row.owner, row.id)
        text = f"UPDATE message SET shown = (version = :version) WHERE {OF_MINE} AND position >= :position"
        _run(db, f"{text} AND position <= :position + 1", **row._asdict())
    return touched and touched.revision


def chats(owner: str, text: str = "") -> list[tuple[str, str, float | None]]:
    """Return an owner's latest conversations: id, title, and when it was deleted if it can still be had back.

    Parameters:
        owner: Whose.
        text: What their title or a message must have in it.
    """
    mine = "SELECT id, name, first, deleted FROM conversation WHERE owner = :owner AND deleted"
    said = "SELECT 1 FROM message WHERE conversation = id AND shown AND message.text LIKE :text ESCAPE '~'"
    said += " LIMIT 1 OFFSET 0"  # else PostgreSQL may look through everybody's messages first
    hit = f"AND (conversation.text LIKE :text ESCAPE '~' OR EXISTS ({said}))" if text else ""
    pattern = re.sub("([~%_])", r"~\1", _folded(text))
    values = {"owner": owner, "text": f"%{pattern}%", "since": time.time() - UNDO_SECONDS, "most": LISTED}
    with transaction() as db:
        listed = _run(db, f"{mine} IS NULL {hit} ORDER BY changed DESC LIMIT :most", **values).all()
        deleted = _run(db, f"{mine} > :since ORDER BY deleted DESC LIMIT :most", **values).all()
    return [(row.id, row.name or row.first, row.deleted) for row in [*listed, *deleted]]


def rename(owner: str, id: str, name: str) -> None:
    """Give a conversation a name; "" stands for its first question."""
    with transaction() as db:
        _touch(db, owner, id, ", name = :name, text = :text", name=name, text=_folded(name))


def delete(owner: str, id: str) -> None:
    """Delete a conversation, which can be undone for a while."""
    with transaction() as db:
        _touch(db, owner, id, ", deleted = :now", now=time.time())


def restore(owner: str, id: str, settings: Mapping[str, Any]) -> None:
    """Bring a deleted conversation back; raise a ChatError if its owner would have too much."""
    with transaction() as db:
        _hold(db, owner)
        if _touch(db, owner, id, ", deleted = NULL"):
            _check(db, {"owner": owner, "id": id, "now": time.time()}, settings, asks=False)


def sizes(owner: str) -> dict[str, int]:
    """Return the ids of all conversations of an owner, the oldest first, and how many characters each takes."""
    with transaction() as db:
        text = "SELECT id, size FROM conversation WHERE owner = :owner AND deleted IS NULL ORDER BY changed"
        return {row.id: row.size for row in _run(db, text, owner=owner)}


def forget(owner: str, id: str = "") -> None:
    """Delete a conversation for good, or all that an owner has: one after another, so that nobody waits for long."""
    with transaction() as db:
        ids = [id] if id else _run(db, "SELECT id FROM conversation WHERE owner = :owner", owner=owner).scalars().all()
    for each in ids:
        with transaction() as db:
            _run(db, f"DELETE FROM conversation WHERE {MINE}", owner=owner, id=each)


def tidy(keep_days: int) -> None:
    """Take out, with their files, everybody's conversations that are deleted for good or too old.

    Few at a time: else others would wait, and the database would give up on very many.

    Parameters:
        keep_days: How long one is kept after the last question; 0 for ever.
    """
    now = time.time()
    values = {"undo": now - UNDO_SECONDS, "old": now - keep_days * 86400 if keep_days else 0, "most": AT_ONCE}
    some = "SELECT id FROM conversation WHERE deleted < :undo OR changed < :old LIMIT :most"
    taken = AT_ONCE
    while taken == AT_ONCE:
        with transaction() as db:
            taken = _run(db, f"DELETE FROM conversation WHERE id IN ({some})", **values).rowcount
    with transaction() as db:
        _run(db, "DELETE FROM asked WHERE time < :day", day=now - 86400)


def _grows(one: BaseMessage) -> bool:
    return one.response_metadata.get("status") == "running"


def _to_columns(one: BaseMessage, files: dict[str, str]) -> dict[str, Any]:
    """Return a message as its row has it; what came along is put into `files`, by hash."""
    data = message_to_dict(one)
    if files_of(one):
        first, *blocks = data["data"]["content"]
        texts = [json.dumps(block, sort_keys=True) for block in blocks]
        hashes = [sha256(text.encode()).hexdigest() for text in texts]
        data["data"]["content"] = [first, *({"stored": hash} for hash in hashes)]
        files |= zip(hashes, texts, strict=True)
    searched = text_of(one) if isinstance(one, HumanMessage) or is_answer(one) else ""  # each chat has the greeting
    return {"text": _folded(searched), "data": json.dumps(data)}


def _folded(text: str) -> str:
    """Return a text as it is searched: without case and accents, however they are encoded."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", apart))
