"""What grows is written down each second: all answers of the process in one transaction."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from chat import store
from chat.errors import ChatError
from chat.store import Row
from server.kept import keep
from server.loop import loop

SECONDS = 1


class Writer:
    """Writes the answers of `turns`, by where each stands, until they have ended and the store has their end."""

    def __init__(self) -> None:
        self.turns: dict[Row, Any] = {}
        self._told: dict[Row, Callable[[int], None]] = {}
        self._one_at_a_time = asyncio.Lock()  # else an older state could come after the end
        self._tasks: set[Any] = set()

    def follow(self, row: Row, turn: Any, on_end: Callable[[int], None]) -> None:
        """Write this turn's answer from now on.

        Parameters:
            row: Where it stands.
            turn: Lets it grow.
            on_end: Is called with the conversation's revision once its end has been written.
        """
        idle = not self.turns
        self.turns[row], self._told[row] = turn, on_end
        if idle:
            self._start(self._beat())

    def finish(self, row: Row) -> None:
        """Write at once the end of this answer."""
        self._start(self._write([row]))

    def _start(self, work: Any) -> None:
        task = asyncio.run_coroutine_threadsafe(work, loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _beat(self) -> None:
        while self.turns:
            await asyncio.sleep(SECONDS)
            await self._write([*self.turns])

    async def _write(self, rows: Sequence[Row]) -> None:
        async with self._one_at_a_time:
            answers = [(row, *self.turns[row].snapshot()) for row in rows if row in self.turns]
            try:
                told = await asyncio.to_thread(store.write, answers)
            except ChatError:  # the next beat tries again
                return
            except Exception as error:
                logging.getLogger(__name__).error("Answers were not written: %s", type(error).__name__)
                return
            for row, goes_on, _ in answers:
                if not goes_on:
                    self._told.pop(row)(told.get(row, 0))
                    del self.turns[row]
                elif row in told:
                    self.turns[row].stop()


def writer() -> Writer:
    """Return the one of this process."""
    return keep("writer", Writer)
