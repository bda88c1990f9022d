"""One event loop for the whole process, in a thread beside the pages: what runs in it outlives a run of the page."""

import atexit
import sys
import threading
from contextlib import suppress

if sys.platform == "win32":  # there is no uvloop for it
    from asyncio import new_event_loop
else:  # with 40 users, an answer takes a tenth less processor time
    from uvloop import new_event_loop

loop = new_event_loop()
# A cancelled task may leave others behind, and asyncio would report each. Who starts a task here handles its errors.
loop.set_exception_handler(lambda *_: None)
_ended = threading.Event()


def _run() -> None:
    while not _ended.is_set():
        with suppress(SystemExit):  # some library may raise it, and would end everybody's tasks
            loop.run_forever()


_thread = threading.Thread(target=_run, name="loop", daemon=True)
_thread.start()


@atexit.register
def _end() -> None:
    """End the thread before Python ends: a loop that is taken down while it runs would crash it."""
    _ended.set()
    loop.call_soon_threadsafe(loop.stop)
    _thread.join(1)
