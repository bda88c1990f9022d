"""Where conversations are kept: in the database; a browser session holds the latest messages of those it has opened."""

import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from chat import store
from chat.errors import ChatError
from chat.history import History
from chat.message import says_something, state_of
from chat.store import DatabaseAway, Row, Stored
from chat.writer import WRITE_SECONDS, writer
from server.gate import watch_for_events
from server.visitor import visitor

AT_FIRST = 20  # messages that are read when a conversation is opened
BEAT_SECONDS = 10  # without a word from whoever let an answer grow, and it has broken off
BROKE_OFF = "The answer broke off: try again."
DELETED = "This chat was deleted in another tab or on another device. A message sent here starts a new one."
KEPT = "Keep this page open: what is new here is saved once it is back."
ID = re.compile("[0-9a-f]{32}")
LASTING = ("model", "persona", "edited_prompts")  # of what features keep with a chat; the rest is the page's


def open_history(chat: Any) -> History:
    """Return the history of the conversation that is open in a chat."""
    history = chat.kept.get("history") or chat.kept.setdefault("history", StoredHistory(chat, visitor()))
    history.settings = chat.settings  # they may have been edited
    history.messages = history.messages  # puts them under the session key
    return history


class StoredHistory(History):
    """A conversation of which the store has all and `messages` the latest.

    What could not be stored stays in `messages`, and goes into the store as soon as that is back.
    """

    outlives_session = True

    def __init__(self, chat: Any, owner: str) -> None:
        """Open a conversation, which is new if the owner has none like it; it is stored with its first question."""
        super().__init__(key=chat.settings["session_key"])
        key = chat.session_key  # a name, where an app has one conversation for each visitor
        self.owner, self.id = owner, key if ID.fullmatch(key) else sha256(f"{owner} {key}".encode()).hexdigest()[:32]
        self.settings, self._kept = chat.settings, chat.kept
        self.messages = []
        self.title, self.versions = "", {}
        self._revision: int | None = None
        self._first = 0  # the position of the first of `messages`
        self._rows: dict[int, tuple[BaseMessage, Row]] = {}  # by identity: where each message stands
        self._changes: list[Callable[[], int | None]] = []  # that are not stored yet
        self.refresh()

    @property
    def has_unsaved(self) -> bool:
        """Whether there is something that the store does not have yet."""
        return bool(self.problem or self._changes)

    def reach(self, most: int | None = None) -> int:
        more = self._first if most is None else min(self._first, most - len(self.messages))
        if more <= 0:
            return self._first
        with self._trying():
            if found := store.load(self.owner, self.id, more, self._first):
                self._rows |= {id(one.message): (one.message, one.row) for one in found.messages}
                self.messages[:0] = [one.message for one in found.messages]
                self._first -= more
        return self._first

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.messages.extend(messages)
        with self._trying():
            self._store()

    def clear(self) -> None:
        self.messages.clear()
        self._rows.clear()
        self._first, self.title, self.versions = 0, "", {}
        if self._revision:
            with self._trying():
                store.forget(self.owner, self.id)
                self._revision = None

    def refresh(self) -> None:
        with self._trying():
            self._save()
            broke_off = any(state_of(message).get("error") == BROKE_OFF for message in self.messages[-1:])
            # What broke off may go on after all: its process could not reach the database.
            if self._revision != store.revision(self.owner, self.id) or broke_off:
                self._load(max(AT_FIRST, len(self.messages) + 2))
            self._store()

    def save(self, message: BaseMessage) -> None:
        self.save_later(message)
        with self._trying():
            self._save()

    def save_later(self, message: BaseMessage) -> None:
        if row := self._row_of(message):
            self._changes.append(partial(store.save, row, message))

    def show(self, version: Sequence[BaseMessage]) -> None:
        super().show(version)
        if row := self._row_of(version[0]):
            self._changes.append(partial(store.show, row))
            with self._trying():
                self._save()

    def follow(self, turn: Any) -> None:
        if row := self._row_of(turn.answer):
            writer().follow(row, turn)

    def followed(self) -> Sequence[Any]:
        last = self.messages[-1] if self.messages else None
        row = self._row_of(last)
        if not last or not row or state_of(last).get("status") != "running":
            return ()
        return (writer().turns.get(row) or _Elsewhere(last, row),)

    @contextmanager
    def _trying(self) -> Generator[None]:
        try:
            yield
        except DatabaseAway as problem:
            self.problem = f"{problem} {KEPT}"
        except ChatError as problem:
            self.problem = str(problem)
        else:
            self.problem = ""

    def _row_of(self, message: BaseMessage | None) -> Row | None:
        return self._rows.get(id(message), (None, None))[1]

    def _mine(self, revision: int | None) -> None:
        """Take note of a change of ours; if others have changed something before it, it is read at the next look."""
        if revision and self._revision and revision == self._revision + 1:
            self._revision = revision

    def _save(self) -> None:
        while self._changes:
            self._mine(self._changes[0]())
            del self._changes[0]

    def _new(self) -> list[BaseMessage]:
        return [message for message in self.messages if id(message) not in self._rows]

    def _store(self) -> None:
        new = self._new()
        if not any(isinstance(message, HumanMessage) for message in new):
            return  # a greeting alone is not worth keeping
        at = next((row for message, row in self._rows.values() if message.id and message.id == new[0].id), None)
        kept = {name: self._kept[name] for name in LASTING if name in self._kept}
        revision, self.title, rows = store.add(self.owner, self.id, new, kept, self.settings, at)
        earlier = [one for one in self.messages if (row := self._row_of(one)) and row.position < rows[0].position]
        self.messages[:] = [*earlier, *new]
        self._rows |= {id(message): (message, row) for message, row in zip(new, rows, strict=True)}
        if self._revision is None:
            self._revision = revision
        self._mine(revision)

    def _load(self, most: int) -> None:
        found, new = store.load(self.owner, self.id, most), self._new()
        if not found:
            was_there, self._revision, self.title = self._revision is not None, None, ""
            if was_there:
                self.messages[:], self._rows, self._first, self.versions = new, {}, 0, {}
                raise ChatError(DELETED)
            return
        if self._revision is None:
            self._kept |= found.kept
        while new and not isinstance(new[0], HumanMessage):
            del new[0]  # the greeting, which is there already
        stored = [self._alive(one) for one in found.messages]
        self._rows = {id(one.message): (one.message, one.row) for one in stored}
        waiting = {one.id for one in new if one.id}  # another version of what is stored, whose place it takes
        shown = [one for one in stored if one.shown and one.message.id not in waiting]
        self.messages[:] = [*(one.message for one in shown), *new]
        self._revision, self.title = found.revision, found.title
        self._first = shown[0].row.position if shown else 0
        self.versions = _versions([one for one in stored if one.row.position >= found.length - 2])

    def _alive(self, one: Stored) -> Stored:
        """Put in the growing message itself, if it grows in this process; mark what nobody writes any more."""
        if turn := writer().turns.get(one.row):
            return one._replace(message=turn.answer)
        if state_of(one.message).get("status") == "running" and abs(time.time() - abs(one.beat or 0)) > BEAT_SECONDS:
            broken = one._replace(message=one.message.model_copy(deep=True))
            broken.message.response_metadata |= {"status": "failed", "error": BROKE_OFF}
            return broken if store.break_off(broken) else one
        return one


def _versions(last: list[Stored]) -> dict[str | None, list[list[BaseMessage]]]:
    pairs: dict[int, list[Stored]] = {}
    for one in last:
        pairs.setdefault(one.row.version, []).append(one)
    whole = [pair for pair in pairs.values() if len(pair) == 2]
    worth_showing = [pair for pair in whole if pair[1].shown or says_something(pair[1].message)]
    return {pair[0].message.id: [[one.message for one in pair] for pair in worth_showing] for pair in whole[:1]}


class _Elsewhere:
    """An answer that grows in another process: the store is asked how far it is."""

    note = ""

    def __init__(self, answer: Any, row: Row) -> None:
        self.answer, self._row, self._beat, self._seen = answer, row, 0.0, time.monotonic()

    @property
    def running(self) -> bool:
        return state_of(self.answer).get("status") == "running"

    def follow(self) -> Iterator[str]:
        changed = threading.Condition()
        event_waits = watch_for_events(changed)
        while True:
            yield self.answer.text
            if not self.running or event_waits():
                return
            with changed:
                changed.wait_for(event_waits, WRITE_SECONDS)
            self._look()

    def stop(self) -> None:
        with suppress(ChatError):  # the button stays, to be pressed again
            store.stop(self._row)

    def _look(self) -> None:
        try:
            found = store.look(self._row)
        except ChatError:  # the next look may succeed; meanwhile, nobody can write
            self._seen = time.monotonic()
            return
        if found:
            if (beat := abs(found.beat or 0)) != self._beat:  # the other machine's clock may be set back
                self._beat, self._seen = beat, time.monotonic()
            for field in ("content", "response_metadata", "usage_metadata"):
                setattr(self.answer, field, getattr(found.message, field))
        if self.running and self._seen < time.monotonic() - BEAT_SECONDS:
            self.answer.response_metadata |= {"status": "failed", "error": BROKE_OFF}
