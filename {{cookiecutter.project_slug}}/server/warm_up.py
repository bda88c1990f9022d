"""What a page imports is imported as the server starts, in a thread: the first visitor does not wait for all of it."""

import gc
import importlib
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

_done = threading.Event()
_done.set()


def wait_for_imports() -> None:
    """Wait for the thread, if there is one: two threads that import the same package at once fail."""
    _done.wait()


def importing(*modules: str) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Begin to import these modules, and return a lifespan for `st.App`."""
    _done.clear()
    thread = threading.Thread(target=_import, args=modules, daemon=True)
    thread.start()

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncGenerator[None]:
        yield

    return lifespan


def _import(*modules: str) -> None:
    try:
        for module in modules:
            importlib.import_module(module)
        # What has been imported stays, so the garbage collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(5_000)  # from 700 with Python 3.11, where it took 2.6 ms of a turn instead of 1.5
    finally:  # an error is raised again where the page imports
        _done.set()
