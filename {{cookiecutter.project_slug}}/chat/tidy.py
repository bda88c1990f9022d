"""Conversations that are too old, or deleted for good, are taken out of the database from time to time."""

import asyncio
from contextlib import suppress

from chat import store
from chat.errors import ChatError
from chat.settings import read_settings
from server.kept import keep
from server.loop import loop

EVERY_SECONDS = 600


def begin() -> None:
    """Begin, once in a process."""
    keep("tidy", lambda: asyncio.run_coroutine_threadsafe(_tidy(), loop))


async def _tidy() -> None:
    while True:
        with suppress(ChatError):  # the settings cannot be read, or the database is away: the next time, then
            await asyncio.to_thread(lambda: store.tidy(read_settings()["conversations"]["keep_days"]))
        await asyncio.sleep(EVERY_SECONDS)
