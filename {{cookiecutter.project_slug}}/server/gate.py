"""What a browser sends reaches Streamlit one event at a time: the next one enters when the run of the page has ended.

Streamlit ends a run at the next event, even before that run has taken what its own event brought, and at a failed send
it drops what it has not read yet. So a message is lost now and then: one in a hundred with eight busy users on two
cores. Here, at the door, an event that comes during a run asks the page to end it, and waits.
"""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from weakref import WeakValueDictionary

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

PATIENCE_SECONDS = 5  # then an event enters all the same: the run hangs, or Streamlit never began it
OPENING_SECONDS = 0.5  # then the next page opens all the same: this one waits for something slow


class _Session:
    """A session's runs of the page: whether one is in progress, and whether an event waits for its end."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.over.set()
        self.waiting = 0
        self.wake: Callable[[], None] = lambda: None
        self.opening: asyncio.Task[None] | None = None  # kept, for the event loop does not

    async def end_run(self) -> None:
        self.waiting += 1
        self.wake()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), PATIENCE_SECONDS)
        self.waiting -= 1


_sessions: WeakValueDictionary[str, _Session] = WeakValueDictionary()  # by Streamlit's id; connections keep them


@contextmanager
def watch_for_events(changed: threading.Condition) -> Generator[Callable[[], bool]]:
    """Give a function that says whether an event waits for this run's end; `changed` is notified when one comes.

    For a run that takes long: one that sees an event waiting shall end soon.
    """
    context = get_script_run_ctx(suppress_warning=True)
    session = _sessions.get(context.session_id) if context else None

    def wake() -> None:
        with changed:
            changed.notify_all()

    if session:
        session.wake = wake
    yield lambda: bool(session and session.waiting)


_opening = asyncio.Lock()


async def _one_opens(session: _Session) -> None:
    """Wait for this session's turn to open the page.

    Python runs one thread at a time, so pages that are drawn beside each other are all ready late: with 40 users at
    once, a page opens in two thirds of the time like this.
    """
    await _opening.acquire()

    async def let_the_next_one_in() -> None:
        try:
            await asyncio.wait_for(session.over.wait(), OPENING_SECONDS)
        except TimeoutError:
            pass
        finally:
            _opening.release()

    session.over.clear()
    session.opening = asyncio.create_task(let_the_next_one_in())


class OneEventAtATime:
    """ASGI middleware for Streamlit's own WebSocket; every other connection passes untouched."""

    def __init__(self, app: ASGIApp, wait_until_ready: Callable[[], None]) -> None:
        """Wrap an app.

        Parameters:
            app: The app.
            wait_until_ready: Is called in another thread before a connection enters: a page that imports what another
                thread is importing fails.
        """
        self.app, self.wait_until_ready = app, wait_until_ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" or not scope["path"].endswith("/_stcore/stream"):
            return await self.app(scope, receive, send)
        await asyncio.to_thread(self.wait_until_ready)
        _, _, *returning = scope["subprotocols"]  # after its own name and a token, the session of one that comes back
        session = _sessions.setdefault(returning[0], _Session()) if returning else _Session()
        await session.end_run()  # of the connection before, which may not have noticed that it is lost
        await self.app(scope, _Entrance(session, receive, opens=not returning), _Exit(session, send))
        return None


class _Entrance:
    """Hands on what a browser sends, when it may enter."""

    def __init__(self, session: _Session, receive: Receive, opens: bool) -> None:
        self.session, self.receive, self.opens, self.first = session, receive, opens, True

    async def __call__(self) -> Message:
        message = await self.receive()
        data = message.get("bytes")
        event = BackMsg.FromString(data) if data else None
        if message["type"] == "websocket.disconnect":  # at which Streamlit ends the run, too
            await self.session.end_run()
        elif event and event.WhichOneof("type") == "rerun_script":
            await self.session.end_run()
            if self.first and self.opens:
                await _one_opens(self.session)
            self.session.over.clear()
            if self.first and event.rerun_script.fragment_id:
                # A session that is new, after a restart, would drop the event of a fragment that it does not know.
                event.rerun_script.fragment_id = ""
                message = {**message, "bytes": event.SerializeToString()}
            self.first = False
        return message


class _Exit:
    """Hands on what Streamlit sends, and learns from it when a run begins and when it is over."""

    def __init__(self, session: _Session, send: Send) -> None:
        self.session, self.send = session, send

    async def __call__(self, message: Message) -> None:
        if data := message.get("bytes"):
            told = ForwardMsg.FromString(data)
            if told.HasField("new_session"):  # also for a run that an edit of a file has begun
                _sessions[told.new_session.initialize.session_id] = self.session
                self.session.over.clear()
            elif told.HasField("script_finished") and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self.session.over.set()
        with suppress(OSError):  # a lost connection is found by the reader, after what still came over it
            await self.send(message)
