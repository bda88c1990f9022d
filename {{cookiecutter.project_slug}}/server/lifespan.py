"""How the server starts and ends: the first visitor waits for nothing, and answers in progress may end first."""

import asyncio
import gc
import logging
import pkgutil
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

ending = threading.Event()  # set once the server has been told to end
at_end: set[Callable[[], None]] = set()  # called again and again while it waits for what is in progress
_in_progress: dict[Future[Any], float] = {}


def let_end(task: Future[Any], seconds: float) -> None:
    """Give a task so many seconds to end by itself when the server is told to end; then it is cancelled."""
    _in_progress[task] = seconds
    task.add_done_callback(_in_progress.pop)


class WarmUp(threading.Thread):
    """Takes the given steps in turn; `lifespan` is that of an `st.App`, and `join` waits for the last step."""

    def __init__(self, *steps: str) -> None:
        """Prepare to take the steps.

        Parameters:
            steps: Each a module to import, or "module:function" for one of its functions to call, too.
        """
        super().__init__(name="warm-up", daemon=True)
        self.steps = steps

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncGenerator[None]:
        """Begin as the server starts."""
        self.start()
        end = signal.getsignal(signal.SIGTERM)  # the server's own, which closes all connections at once
        if hasattr(signal, "SIGHUP") and callable(end):  # not on Windows, nor where another server runs the app
            # nohup has SIGHUP ignored.
            for number in [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]:
                asyncio.get_running_loop().add_signal_handler(number, _end_gently, number.name, end)
        yield

    def run(self) -> None:
        for step in self.steps:
            if callable(found := pkgutil.resolve_name(step)):
                found()
        # What has been imported stays, so the garbage collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(5_000)  # from 700 with Python 3.11, where it took 2.6 ms of a turn instead of 1.5


def _end_gently(name: str, end: Callable[..., Any], waited: float = 0) -> None:
    """Let the server end as soon as nothing is in progress any more, and pages have had a moment to show that."""
    ending.set()
    in_progress = dict(_in_progress)
    for task in [task for task, seconds in in_progress.items() if seconds <= waited]:
        task.cancel()
    if in_progress or (at_end and not waited):  # what a page has just sent may begin something
        for let_go in [*at_end]:
            let_go()
        asyncio.get_running_loop().call_later(0.5, _end_gently, name, end, waited + 0.5)
    else:
        logging.getLogger(__name__).warning("Shutting down: %s.", name)
        end(signal.SIGTERM, None)
