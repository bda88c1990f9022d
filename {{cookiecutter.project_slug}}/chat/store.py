"""Conversations in a database, SQLite or PostgreSQL; each question to it carries whose they are."""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from langchain_core.messages import BaseMessage, HumanMessage, message_to_dict, messages_from_dict
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chat.errors import ChatError
from chat.message import files_of, text_of
from chat.settings import ROOT
from server.kept import keep

AWAY = "The database with the chats cannot be reached right now: what is new here stays on this page meanwhile."
NEWER = "The database was written by a later version of this app: update the app, then try again."
UNKNOWN = "There is no such chat."
VERSION = "0001"  # the latest of migrations/versions
UNDO_SECONDS = 3600  # for which a deleted chat can be had back
LISTED = 50  # chats in the sidebar; a search finds the others
TITLE_LETTERS = 60

# What the columns hold, and their types, is in migrations/; those with a type here are turned into Python's own.
_names = ("id", "owner", "name", "first", "text", "revision", "letters", "changed", "deleted")
conversation = sa.table("conversation", *map(sa.column, _names), sa.column("kept", sa.JSON))
_names = ("conversation", "position", "version", "beat", "text")
message = sa.table("message", *map(sa.column, _names), sa.column("shown", sa.Boolean), sa.column("data", sa.JSON))
file = sa.table("file", *map(sa.column, ("conversation", "hash", "data")))
asked = sa.table("asked", *map(sa.column, ("owner", "time")))

# Asked in each run of the page, so it is put together once.
_REVISION = sa.select(conversation.c.revision).where(
    conversation.c.owner == sa.bindparam("owner"),
    conversation.c.id == sa.bindparam("id"),
    conversation.c.deleted.is_(None),
)


class Row(NamedTuple):
    """Where a message stands in the store."""

    owner: str
    conversation: str
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


class Limits(NamedTuple):
    """The table [conversations] of settings.toml; 0 means no limit."""

    keep_days: int
    questions_per_minute: int
    questions_per_day: int
    chats: int
    megabytes: int


def read_limits(settings: Mapping[str, Any]) -> Limits:
    """Return what the settings say of conversations.

    Raises:
        ChatError: One of them is missing, or is no number.
    """
    table = settings.get("conversations")
    numbers = [table.get(name) for name in Limits._fields] if isinstance(table, dict) else [None]
    if not all(type(number) is int for number in numbers):
        names = ", ".join(Limits._fields)
        raise ChatError(f"settings.toml lacks [conversations] with the numbers {names}: fix it, then try again.")
    return Limits(*numbers)


def engine() -> sa.Engine:
    """Return the way to the database that DATABASE_URL names, else to a file in data/; its tables are there."""
    address = os.environ.get("DATABASE_URL", "").strip() or f"sqlite:///{ROOT / 'data' / 'chats.db'}"
    return keep(f"database {address}", lambda: _connect(address))


def _connect(address: str) -> sa.Engine:
    try:
        url = sa.make_url(address)
    except ArgumentError as error:
        raise ChatError("DATABASE_URL is not the address of a database: the README says what to set.") from error
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database:
        (ROOT / url.database).parent.mkdir(parents=True, exist_ok=True)
    patience = {"timeout": 5} if url.drivername == "sqlite" else {"connect_timeout": 5}
    try:
        made = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=patience)
    except ModuleNotFoundError as error:
        raise ChatError(
            f"DATABASE_URL needs a package that is not installed ({error.name}): see the README."
        ) from error
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _set_up_sqlite)
    with made.connect() as db:
        known = sa.inspect(db).has_table("alembic_version")
        version = db.scalar(sa.text("SELECT version_num FROM alembic_version")) if known else None
    if version != VERSION:
        from chat.migrate import migrate  # Alembic is not imported where there is nothing to do

        if not migrate(made):
            raise ChatError(NEWER)
    return made


def _set_up_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    for pragma in ("journal_mode = WAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _transaction() -> Generator[sa.Connection]:
    try:
        with engine().begin() as db:
            yield db
    except (DBAPIError, PoolTimeout, OSError) as error:
        logging.getLogger(__name__).warning("No database: %s", type(error).__name__)  # its text may hold a message
        raise ChatError(AWAY) from error


def _mine(owner: str, id: str) -> Any:
    return sa.and_(conversation.c.id == id, conversation.c.owner == owner)


def _of_mine(table: sa.TableClause, owner: str, id: str) -> Any:
    return table.c.conversation.in_(sa.select(conversation.c.id).where(_mine(owner, id)))


def _at(row: Row) -> Any:
    here = (message.c.position == row.position, message.c.version == row.version)
    return sa.and_(_of_mine(message, row.owner, row.conversation), *here)


def _touch(db: sa.Connection, owner: str, id: str, letters: int = 0, **values: Any) -> int | None:
    """Change a conversation, which nobody else can until the transaction ends; return its revision, or None."""
    values |= {"revision": conversation.c.revision + 1, "letters": conversation.c.letters + letters}
    return db.scalar(sa.update(conversation).where(_mine(owner, id)).values(values).returning(conversation.c.revision))


def revision(owner: str, id: str) -> int | None:
    """Return which revision of a conversation is the latest, or None if the owner has no such conversation."""
    with _transaction() as db:
        return db.scalar(_REVISION, {"owner": owner, "id": id})


def load(owner: str, id: str, most: int | None = None, before: int | None = None) -> Found | None:
    """Return a conversation with its latest messages, and with every version of the last question and its answer.

    Parameters:
        owner: Whose it is; of somebody else's, there is nothing to be seen.
        id: Which one.
        most: How many messages; None for all.
        before: Where those messages end that are wanted, without this one; None for the end of the conversation.
    """
    with _transaction() as db:
        one = db.execute(sa.select(conversation).where(_mine(owner, id), conversation.c.deleted.is_(None))).first()
        if not one:
            return None
        mine = _of_mine(message, owner, id)
        length = (db.scalar(sa.select(sa.func.max(message.c.position)).where(mine)) or 0) + 1
        end = length if before is None else before
        wanted = message.c.position.between(max(0, end - (most or end)), end - 1)
        or_last = sa.or_(message.c.shown, message.c.position >= length - 2)
        query = sa.select(message).where(mine, wanted, or_last).order_by(message.c.position, message.c.version)
        rows = db.execute(query).all()
        hashes = {block["stored"] for row in rows for block in _blocks(row.data) if "stored" in block}
        there = (_of_mine(file, owner, id), file.c.hash.in_(hashes))
        files = (
            {each.hash: json.loads(each.data) for each in db.execute(sa.select(file).where(*there))} if hashes else {}
        )
    for row in rows:
        for block in _blocks(row.data):
            block.update(files.get(block.pop("stored", ""), {}))
    messages = messages_from_dict([row.data for row in rows])
    pairs = zip(rows, messages, strict=True)
    found = [Stored(Row(owner, id, row.position, row.version), row.shown, row.beat, it) for row, it in pairs]
    return Found(one.revision, one.name or one.first, one.kept, length, found)


def add(
    owner: str, id: str, messages: Sequence[BaseMessage], kept: Mapping[str, Any], limits: Limits, at: Row | None = None
) -> tuple[int, str, list[Row]]:
    """Store new messages; return the conversation's revision, its title, and where each message stands.

    The conversation's row is taken first, so nobody else gives out the same positions.

    Parameters:
        owner: Whose they are.
        id: The conversation, which is made if it is new.
        messages: They go to the end.
        kept: What features keep with the conversation.
        limits: What an owner can have.
        at: Where the question stands that these are another version of; if more has been said since, they go to the
            end, too.

    Raises:
        ChatError: That is too much, or the database cannot be reached.
    """
    now = time.time()
    letters = sum(len(text_of(one)) for one in messages)
    questions = [text_of(one) for one in messages if isinstance(one, HumanMessage)]
    asks = any(map(_grows, messages))  # else it was imported, or could not be stored when it was asked
    with _transaction() as db:
        revision = _touch(db, owner, id, letters, changed=now, deleted=None, kept=kept)
        if revision is None:
            new = {"name": "", "first": "", "text": "", "revision": 0, "letters": letters, "changed": now}
            with suppress(IntegrityError), db.begin_nested():  # another tab may make it at the same moment
                db.execute(sa.insert(conversation).values(id=id, owner=owner, kept=kept, **new))
            if not (revision := _touch(db, owner, id)):
                raise ChatError(UNKNOWN)
        _check(db, owner, limits, now, asks)
        begin = db.scalar(sa.select(sa.func.max(message.c.position) + 1).where(_of_mine(message, owner, id))) or 0
        version = 0
        if at and at.position == begin - len(messages):
            begin = at.position
            there = (_of_mine(message, owner, id), message.c.position >= begin)
            version = db.scalar(sa.select(sa.func.max(message.c.version) + 1).where(*there)) or 0
            db.execute(sa.update(message).where(*there).values(shown=False))
        elif at:
            for one in messages:
                one.id = str(uuid4())  # they are no longer a version of those that have this id
        if asks:
            db.execute(sa.insert(asked).values(owner=owner, time=now))
        if begin <= 1 and questions:
            _touch_title(db, owner, id, questions[0])
        files: dict[str, str] = {}
        rows = [_to_columns(one, files) for one in messages]
        places = [Row(owner, id, begin + number, version) for number in range(len(messages))]
        for place, row, one in zip(places, rows, messages, strict=True):
            row |= {"conversation": id, "position": place.position, "version": version, "shown": True}
            row["beat"] = now if _grows(one) else None
        db.execute(sa.insert(message), rows)
        known = {*db.scalars(sa.select(file.c.hash).where(_of_mine(file, owner, id)))} if files else set()
        for hash, data in files.items():
            if hash not in known:
                db.execute(sa.insert(file).values(conversation=id, hash=hash, data=data))
                more = conversation.c.letters + len(data)
                db.execute(sa.update(conversation).where(_mine(owner, id)).values(letters=more))
        name, first = db.execute(sa.select(conversation.c.name, conversation.c.first).where(_mine(owner, id))).one()
    return revision, name or first, places


def _check(db: sa.Connection, owner: str, limits: Limits, now: float, asks: bool) -> None:
    mine = conversation.c.owner == owner
    questions = sa.select(sa.func.count()).where(asked.c.owner == owner)
    for most, seconds, span in ((limits.questions_per_minute, 60, "minute"), (limits.questions_per_day, 86400, "day")):
        if asks and most and (db.scalar(questions.where(asked.c.time > now - seconds)) or 0) >= most:
            raise ChatError(f"You may ask {most:,} questions a {span}: wait a little, then try again.")
    chats, letters = db.execute(
        sa.select(sa.func.count(), sa.func.sum(conversation.c.letters)).where(mine, conversation.c.deleted.is_(None))
    ).one()
    if 0 < limits.chats < chats:
        raise ChatError(f"You have {limits.chats:,} chats, and can keep no more: delete one, then try again.")
    if 0 < limits.megabytes * 2**20 < (letters or 0):
        raise ChatError(f"Your chats take up more than {limits.megabytes:,} MB: delete some, then try again.")


def write(answers: Sequence[tuple[Row, bool, BaseMessage]]) -> set[Row]:
    """Write what answers have grown to, all in one transaction; return those that somebody has stopped or deleted.

    Parameters:
        answers: Where each stands, whether it goes on, and what it is.
    """
    stopped = set()
    with _transaction() as db:
        for row, goes_on, answer in sorted(answers, key=lambda each: each[0]):
            columns = {**_to_columns(answer, {}), "beat": time.time() if goes_on else None}
            wanted = sa.func.coalesce(message.c.beat, 1) > 0 if goes_on else sa.true()
            if not goes_on:  # first the conversation, as everywhere, else two could wait for each other
                letters = {"letters": conversation.c.letters + len(answer.text)}
                db.execute(sa.update(conversation).where(_mine(row.owner, row.conversation)).values(letters))
            if not db.execute(sa.update(message).where(_at(row), wanted).values(columns)).rowcount:
                stopped.add(row)
    return stopped


def save(row: Row, changed: BaseMessage) -> int | None:
    """Write a message that has been changed; return its conversation's revision."""
    with _transaction() as db:
        revision = _touch(db, row.owner, row.conversation)
        db.execute(sa.update(message).where(_at(row)).values(_to_columns(changed, {})))
    return revision


def look(row: Row) -> Stored | None:
    """Return an answer as it stands in the store."""
    with _transaction() as db:
        found = db.execute(sa.select(message).where(_at(row))).first()
    return Stored(row, found.shown, found.beat, messages_from_dict([found.data])[0]) if found else None


def stop(row: Row) -> None:
    """Ask whoever lets an answer grow to stop it: the time of its last beat gets a minus sign."""
    with _transaction() as db:
        db.execute(sa.update(message).where(_at(row), message.c.beat > 0).values(beat=-time.time()))


def show(row: Row, question: str) -> int | None:
    """Show one version of a question and its answer, and no other; return the conversation's revision."""
    with _transaction() as db:
        revision = _touch(db, row.owner, row.conversation)
        there = (
            _of_mine(message, row.owner, row.conversation),
            message.c.position.in_((row.position, row.position + 1)),
        )
        db.execute(sa.update(message).where(*there).values(shown=message.c.version == row.version))
        if row.position <= 1:
            _touch_title(db, row.owner, row.conversation, question)
    return revision


def chats(owner: str, text: str = "") -> list[tuple[str, str, float | None]]:
    """Return an owner's latest conversations: id, title, and when it was deleted if it can still be had back.

    Parameters:
        owner: Whose.
        text: What their title or a message must have in it.
    """
    mine = sa.select(conversation).where(conversation.c.owner == owner)
    deleted = mine.where(conversation.c.deleted > time.time() - UNDO_SECONDS).order_by(conversation.c.deleted)
    query = mine.where(conversation.c.deleted.is_(None)).order_by(conversation.c.changed.desc())
    if text := text.casefold():
        said = (message.c.conversation == conversation.c.id, message.c.text.contains(text, autoescape=True))
        hits = sa.select(message.c.position).where(message.c.shown, *said).exists()
        query = query.where(sa.or_(conversation.c.text.contains(text, autoescape=True), hits))
    with _transaction() as db:
        rows = [*db.execute(query.limit(LISTED)), *db.execute(deleted.limit(LISTED))]
    return [(row.id, row.name or row.first, row.deleted) for row in rows]


def rename(owner: str, id: str, name: str) -> None:
    """Give a conversation a name; "" stands for its first question."""
    with _transaction() as db:
        _touch(db, owner, id, name=name, text=name.casefold())


def delete(owner: str, id: str, undo: bool = False) -> None:
    """Delete a conversation, which can be undone for a while."""
    with _transaction() as db:
        _touch(db, owner, id, deleted=None if undo else time.time())


def forget(owner: str, id: str) -> None:
    """Delete a conversation for good."""
    with _transaction() as db:
        db.execute(sa.delete(conversation).where(_mine(owner, id)))


def tidy(keep_days: int) -> None:
    """Take out, with their files, everybody's conversations that are deleted for good or too old.

    Parameters:
        keep_days: How long one is kept after the last question; 0 for ever.
    """
    now = time.time()
    gone = [conversation.c.deleted < now - UNDO_SECONDS]
    gone += [conversation.c.changed < now - keep_days * 86400] if keep_days else []
    with _transaction() as db:
        db.execute(sa.delete(conversation).where(sa.or_(*gone)))
        db.execute(sa.delete(asked).where(asked.c.time < now - 86400))


def _grows(one: BaseMessage) -> bool:
    return one.response_metadata.get("status") == "running"


def _touch_title(db: sa.Connection, owner: str, id: str, question: str) -> None:
    first = " ".join(question.split())[:TITLE_LETTERS]
    db.execute(sa.update(conversation).where(_mine(owner, id)).values(first=first))


def _blocks(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = data["data"]["content"]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _to_columns(one: BaseMessage, files: dict[str, str]) -> dict[str, Any]:
    """Return a message as its row has it; what came along is put into `files`, by hash."""
    data = message_to_dict(one)
    if files_of(one):
        first, *blocks = data["data"]["content"]
        texts = [json.dumps(block, sort_keys=True) for block in blocks]
        hashes = [sha256(text.encode()).hexdigest() for text in texts]
        files |= dict(zip(hashes, texts, strict=True))
        data["data"]["content"] = [first, *({"stored": hash} for hash in hashes)]
    return {"text": text_of(one).casefold(), "data": data}
