"""What a browser sends reaches Streamlit one event at a time: the next one enters when the run of the page has ended.

Streamlit ends a run at the next event, even before that run has taken what its own event brought, and at a failed send
it drops what it has not read yet. So a message is lost now and then: one in a hundred with eight busy users on two
cores. Here, at the door, an event that comes during a run asks the page to end it, and waits.

What no page of ours sends is dropped here, and a browser whose session is gone gets a new page at once.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from functools import partial
from weakref import WeakValueDictionary

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from server.lifespan import at_end, ending

PATIENCE_SECONDS = 5  # then an event enters all the same: the run hangs, or Streamlit never began it
OPENING_SECONDS = 0.5  # then the next page opens all the same: this one waits for something slow
# Of sessions without a connection, Streamlit keeps the last 128. So it takes a lost connection for open until then, and
# of all that come back, at most so many are without one at once.
ABSENCE_SECONDS = 60
MOST_ABSENT = 500  # of which each may hold a message of 4 MB that has not come whole
MOST_COME_BACK = 32
MOST_IN_LINE = 500  # of new pages; a browser that is turned away tries again by itself
# What our page sends. Of the rest, "clear cache" takes away what all sessions share, and some of it writes files.
WANTED = {"rerun_script", "app_heartbeat", "file_urls_request", "deferred_file"}


class _Session:
    """A session at the door: whether its page is at rest, and who wants it to be."""

    def __init__(self) -> None:
        self.over = asyncio.Event()  # set while no run is in progress
        self.over.set()
        self.begun = asyncio.Event()  # cleared from the request for a run until it begins
        self.begun.set()
        self.drawn = False  # whether a run has begun
        self.loop = asyncio.get_running_loop()
        self.open_enough = asyncio.Event()  # set once a run has ended, or follows an answer that grows
        self.all_read = True  # whether all that its connection brought has entered
        self.waiting = 0  # how many wait for the end of the run
        self.watched = threading.Condition()  # notified when one begins to wait
        self.replaced = asyncio.Event()  # the latest connection's, set when the next one comes; it may end long after
        self.gone = asyncio.Event()  # the latest connection's, set when it has ended
        self.opening: asyncio.Task[None] | None = None  # the event loop itself does not keep it

    async def rest(self) -> bool:
        """Ask the page to end its run, wait for that, and return whether it did."""
        self.waiting += 1
        watched = self.watched  # a run that begins may put another in its place
        with watched:
            watched.notify_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not self.over.is_set():  # another event may enter first
                    await self.over.wait()
        self.waiting -= 1
        return self.over.is_set()

    async def settle(self) -> None:
        """Wait until what the last connection brought has entered."""
        calm = 0
        while calm < 5 and await self.rest():
            calm = calm + 1 if self.all_read else 0  # it may take the loop a few rounds to read the next of it
            await asyncio.sleep(0.01)

    async def open(self) -> None:
        """Wait for this new session's turn to draw its page.

        Python runs one thread at a time, so pages drawn side by side are all ready late: with 40 users at once, a page
        opens in two thirds of the time this way.
        """

        async def let_the_next_one_in() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(OPENING_SECONDS):
                    await self.open_enough.wait()
            _opening.release()

        async with _line:
            await _opening.acquire()
        self.opening = asyncio.create_task(let_the_next_one_in())


_sessions: WeakValueDictionary[str, _Session] = WeakValueDictionary()  # by Streamlit's id; connections keep them
_opening = asyncio.Lock()
_coming_back = asyncio.Semaphore(MOST_COME_BACK)
_absent = asyncio.Semaphore(MOST_ABSENT)
_line = asyncio.Semaphore(MOST_IN_LINE)


def _session() -> _Session | None:
    context = get_script_run_ctx(suppress_warning=True)
    return _sessions.get(context.session_id) if context else None


def watch_for_browser() -> Callable[[], bool]:
    """Return what says whether this session's browser is there."""
    session = _session()
    return lambda: not (session and session.gone.is_set())


def watch_for_events(changed: threading.Condition) -> Callable[[], bool]:
    """Return what says whether an event waits for the end of this run, which should then come soon.

    Parameters:
        changed: Is notified when one begins to wait.
    """
    if not (session := _session()):
        return lambda: False
    session.watched = changed
    session.loop.call_soon_threadsafe(session.open_enough.set)
    return lambda: session.waiting > 0


class OneEventAtATime:
    """ASGI middleware for Streamlit's own WebSocket; every other connection passes untouched."""

    def __init__(self, app: ASGIApp, wait_until_ready: Callable[[], None]) -> None:
        """Wrap an app.

        Parameters:
            app: The app.
            wait_until_ready: Is called in another thread before a connection enters: a page that imports what another
                thread is importing fails.
        """
        self.app, self.wait_until_ready, self.is_ready = app, wait_until_ready, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_page = scope["type"] == "websocket" and scope["path"].endswith("/_stcore/stream")
        asks_for_health = scope["type"] == "http" and scope["path"].endswith("/_stcore/health")
        if (ending.is_set() and (is_page or asks_for_health)) or (is_page and _line.locked()):
            return await Response(status_code=503)(scope, receive, send)  # a balancer goes to another replica
        if not is_page:
            return await self.app(scope, receive, send)
        if not self.is_ready:
            await asyncio.to_thread(self.wait_until_ready)
            self.is_ready = True
        connection = _Connection(receive, send, "".join(scope["subprotocols"][2:3]))
        return await connection.pass_through(partial(self.app, scope))


class _Connection:
    """One of a browser's connections.

    Parameters:
        receive: Returns what the browser sends.
        send: Takes what it is sent.
        returning: The id of the session to which it wants to come back, or "".
    """

    def __init__(self, receive: Receive, send: Send, returning: str) -> None:
        self._receive, self._send, self._returning = receive, send, returning
        self._session = _sessions.setdefault(returning, _Session()) if returning else _Session()
        self._ahead: asyncio.Future[Message] | None = None  # what the browser sends next, if that was asked for
        self._last = ""  # the type of the message that Streamlit has received last
        self._inside = asyncio.Event()  # set when Streamlit has taken it in, or it has ended
        self._gone = asyncio.Event()  # set when it has ended
        self._replaced = asyncio.Event()  # set when the browser is back with another
        self._closing: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()  # set while no request for a file, or for where one goes, is pending
        self._answered.set()

    async def pass_through(self, app: Callable[[Receive, Send], Awaitable[None]]) -> None:
        """Let it enter, and wait for its end."""
        async with _coming_back if self._returning else nullcontext():
            self._session.replaced.set()
            if self._returning:
                await self._session.settle()
            self._session.replaced, self._session.gone = self._replaced, self._gone
            staying = asyncio.ensure_future(app(self._enter, self._leave))
            staying.add_done_callback(lambda _: (self._inside.set(), self._gone.set()))
            await self._inside.wait()
        at_end.add(self._let_go)
        await self._gone.wait()  # and no longer: a server that is to end waits for this
        at_end.discard(self._let_go)
        self._session.all_read = True
        return await staying if staying.done() else None

    def _let_go(self) -> None:
        """Let a page at rest go to another replica, or wait for the server's next start; the others follow."""
        if self._session.over.is_set() and not self._closing and not self._gone.is_set():
            self._closing = asyncio.create_task(self._leave({"type": "websocket.close", "code": 1012}))

    async def _enter(self) -> Message:
        """Return the next message to Streamlit, once its run of the page has ended."""
        self._session.all_read = True
        if first := self._last == "websocket.connect":
            self._inside.set()
        # What a browser sends to a session that is gone counts only once the new one's page is drawn.
        lost = first and self._returning and not _resume(self._returning)
        while True:
            if lost:
                message = await self._redraw()
            else:
                message, self._ahead = await (self._ahead or self._receive()), None
            event = _parse(message)
            if _is_wanted(event) or message["type"] != "websocket.receive":
                break
        self._last = message["type"]
        self._session.all_read = False
        if message["type"] == "websocket.disconnect":
            await self._end()
        elif event.HasField("rerun_script"):
            await self._session.rest()
            await _patiently(self._answered)  # when a run begins, Streamlit drops whatever it has not sent
            self._session.over.clear()
            self._session.begun.clear()
            if first and await self._goes_before_its_turn():
                self._session.over.set()
                self._session.begun.set()
                return await self._enter()
        elif event.HasField("file_urls_request") or event.HasField("backend_operation_request"):  # one by one
            await _patiently(self._session.begun)
            await _patiently(self._answered)
            self._answered.clear()
        return message

    async def _redraw(self) -> Message:
        """Return what asks for the page at the address where the browser is, as it says next, and brings no event."""
        self._ahead = asyncio.ensure_future(self._receive())
        await asyncio.wait([self._ahead], timeout=OPENING_SECONDS)
        said = _parse(self._ahead.result() if self._ahead.done() else {})
        asked = BackMsg(rerun_script=ClientState(query_string=said.rerun_script.query_string))
        return {"type": "websocket.receive", "bytes": asked.SerializeToString()}

    async def _goes_before_its_turn(self) -> bool:
        """Wait for the turn to draw the page, and say whether the browser went away before it came."""
        turn = asyncio.ensure_future(self._session.open())
        self._ahead = self._ahead or asyncio.ensure_future(self._receive())
        await asyncio.wait({turn, self._ahead}, return_when=asyncio.FIRST_COMPLETED)
        if not turn.done() and self._ahead.result()["type"] == "websocket.disconnect":
            return turn.cancel()
        await turn
        return False

    async def _end(self) -> None:
        """Wait for the end of the run, and for the browser, which may come back soon: then Streamlit is told."""
        self._inside.set()
        self._gone.set()
        if self._session.replaced is self._replaced:  # else Streamlit ends no run for it
            await self._session.rest()
            if self._session.drawn and not _absent.locked():
                async with _absent:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(ABSENCE_SECONDS):
                            await self._replaced.wait()

    async def _leave(self, message: Message) -> None:
        """Send the browser a message of Streamlit's, which may tell that a run begins or ends."""
        told = ForwardMsg.FromString(message.get("bytes") or b"")
        if told.HasField("file_urls_response") or told.HasField("backend_operation_response"):
            self._answered.set()
        if told.HasField("new_session"):  # also for a run that an edit of a file has begun
            _sessions[told.new_session.initialize.session_id] = self._session
            self._session.drawn = True
            self._session.begun.set()
            self._session.over.clear()
        elif told.HasField("script_finished") and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            self._session.over.set()
            self._session.open_enough.set()
        if not self._gone.is_set():
            with suppress(OSError):  # a lost connection is found by the reader, after what still came over it
                await self._send(message)


async def _patiently(event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await event.wait()


def _parse(message: Message) -> BackMsg:
    event = BackMsg()
    with suppress(DecodeError):
        event.ParseFromString(message.get("bytes") or b"")
    return event


def _is_wanted(event: BackMsg) -> bool:
    kind = event.backend_operation_request.WhichOneof("payload") or event.WhichOneof("type")
    return kind in WANTED and len(event.file_urls_request.file_names) <= 1000  # for a million, everybody waits 10 s


def _resume(session_id: str) -> bool:
    """Say whether Streamlit has this session, which a browser has come back to."""
    if (session := get_instance().get_app_session(session_id)) and st.get_option("server.fileWatcherType") == "none":
        session.disconnect_file_watchers()  # for each that comes back, it looks at all modules: 0.2 s for everybody
    return session is not None


def follows_a_lost_session() -> bool:
    """Say whether this session takes the place of one that is gone: the browser has come back for another."""
    context = get_script_run_ctx(suppress_warning=True)
    named = st.context.headers.get("Sec-WebSocket-Protocol", "").replace(" ", "").split(",")[2:3]
    return bool(context and named and named != [context.session_id])
