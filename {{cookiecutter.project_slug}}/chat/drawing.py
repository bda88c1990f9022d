"""One page is drawn at a time, each from its top to its end.

Python runs one thread at a time, so pages that are drawn beside each other are all ready late: with 40 users at once,
a page opens in two thirds of the time like this.
"""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

WAIT_SECONDS = 0.5  # then a page is drawn all the same: the one before may wait for something slow
LOOK_SECONDS = 0.05  # how often it is looked for a page that was ended in the middle, and so did not say that it ended

_changed = threading.Condition()
_drawing: threading.Thread | None = None


def begin_drawing() -> None:
    """Wait until no other page is being drawn."""
    global _drawing
    until = time.monotonic() + WAIT_SECONDS
    with _changed:
        while not _may_draw() and time.monotonic() < until:
            _changed.wait(LOOK_SECONDS)
        _drawing = threading.current_thread()


def end_drawing() -> bool:
    """Let the next page be drawn; return whether it was this one's turn still."""
    global _drawing
    with _changed:
        if _drawing is not threading.current_thread():
            return False
        _drawing = None
        _changed.notify()
        return True


@contextmanager
def others_may_draw() -> Generator[None]:
    """Let other pages be drawn while this one waits in the block."""
    began = end_drawing()
    yield
    if began:
        begin_drawing()


def _may_draw() -> bool:
    return _drawing in (None, threading.current_thread()) or not _drawing.is_alive()
