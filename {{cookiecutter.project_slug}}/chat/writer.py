"""What grows is written down as it does: all answers of the process in one transaction."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from chat import store
from chat.errors import ChatError
from chat.store import DatabaseAway, Row
from server.kept import keep
from server.loop import loop

WRITE_SECONDS = 0.5  # so that with the time that writing takes, the store is at most a second behind


class Writer:
    """Writes the answers of `turns`, by where each stands, until they have ended and the store has their end."""

    def __init__(self) -> None:
        self.turns: dict[Row, Any] = {}
        self._written: dict[Row, Any] = {}  # what the store has of each
        self._one_at_a_time = asyncio.Lock()  # else an older state could come after the end
        self._beats: asyncio.Task[None] | None = None

    def follow(self, row: Row, turn: Any) -> None:
        """Write from now on what this turn's answer, which stands there, grows to; or its end, at once."""
        if turn.running:
            self.turns[row] = turn
            loop.call_soon_threadsafe(self._begin)
        else:
            asyncio.run_coroutine_threadsafe(self._write(growing=False), loop)

    def _begin(self) -> None:
        if not self._beats or self._beats.done():
            self._beats = loop.create_task(self._beat())

    async def _beat(self) -> None:
        while self.turns:
            await asyncio.sleep(WRITE_SECONDS)
            await self._write(growing=True)

    async def _write(self, growing: bool) -> None:
        async with self._one_at_a_time:  # answers that end meanwhile are written together
            turns = [(row, turn) for row, turn in [*self.turns.items()] if growing or not turn.running]
            if not await self._wrote(turns) and len(turns) > 1:
                for each in turns:  # one that cannot be written does not keep the others from it
                    await self._wrote([each])

    async def _wrote(self, turns: Sequence[tuple[Row, Any]]) -> bool:
        """Say whether these can be written; while the database is away, the next beat tries again, or `close` does."""
        try:
            answers = [(row, *turn.snapshot()) for row, turn in turns]
            grown = [(row, on, None if on and it == self._written.get(row) else it) for row, on, it in answers]
            stopped = await asyncio.to_thread(store.write, grown) if grown else ()
        except DatabaseAway:
            self._written.clear()  # another process may take these answers for broken off, and write that
            return True
        except Exception as error:
            logging.getLogger(__name__).warning("Answers cannot be stored: %s", type(error).__name__)
            if len(turns) == 1 and not (turns[0][1].running or isinstance(error, ChatError)):  # nor will it be later
                self._forget(turns[0][0])
            return False
        for row, goes_on, written in answers:
            self._written[row] = written
            if goes_on and row in stopped:
                self.turns[row].stop()
            elif not goes_on and written.response_metadata == self.turns[row].answer.response_metadata:
                self._forget(row)  # else a thumb came in between, and is written with the next beat
        return True

    def _forget(self, row: Row) -> None:
        self.turns.pop(row, None)
        self._written.pop(row, None)

    def close(self) -> None:
        """Stop what grows, as the server ends, and write it."""
        for turn in [*self.turns.values()]:
            turn.stop()
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._write(growing=True), loop).result(5)


def writer() -> Writer:
    """Return this process's writer."""
    return keep("writer", Writer)
