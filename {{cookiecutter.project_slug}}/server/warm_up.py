"""What the first visitor would wait for is done as the server starts, in a thread."""

import gc
import importlib
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any


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
        yield

    def run(self) -> None:
        for step in self.steps:
            module, _, function = step.partition(":")
            imported = importlib.import_module(module)
            if function:
                getattr(imported, function)()
        # What has been imported stays, so the garbage collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(5_000)  # from 700 with Python 3.11, where it took 2.6 ms of a turn instead of 1.5
