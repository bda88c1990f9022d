"""Messages arrive, in order, also when the machine is busy or the connection breaks.

Streamlit hands what the browser sent (a message, a pressed button) to a new run of the page, and loses it in three
ways, and what the run draws in a fourth. The first and the third befell one message in some hundred with eight busy
users on two cores, the fourth one session in a hundred that lost its connection twice, on a busier machine; the second
follows from Streamlit's code:

1. The next event comes before the run has taken over what it brought: it is ended first. Here, it is ended after that.
2. Runs take over in another order than their events came, or while another one tidies the session's widgets. Here, a
   run waits for the one before, and they share a lock.
3. The connection breaks: a failed send ends the session before what still came over the connection has been read. Here,
   only the reader ends it, who sees the loss too, after the last message.
4. The browser comes back while Streamlit goes through its list of connections: it then sends what is new to the old one
   of that list. Here, one that is no longer in use is passed over.

So methods of four classes of Streamlit's and Starlette's are wrapped, for the Streamlit in which they were seen. With
another one the app runs on without; tests/test_delivery.py then fails, and shows what this file has to do or whether it
can go.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakValueDictionary

import streamlit as st
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.runtime.state import SafeSessionState
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

SEEN_IN = "1.67."
WAIT_SECONDS = 2  # for the run before, which may have failed


class _Runs:
    """The runs of one session: the lock they share, and where the latest says that it has taken over."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.latest = threading.Event()
        self.latest.set()


_runs_of: WeakValueDictionary[int, _Runs] = WeakValueDictionary()  # by the id of the session's state


def deliver_everything() -> None:
    """Make it so, once in a process."""
    if st.__version__.startswith(SEEN_IN):
        _wrap(ScriptRunner, "start", _start)
        _wrap(ScriptRunner, "request_stop", _request_stop)
        _wrap(SafeSessionState, "on_script_will_rerun", _take_over)
        _wrap(SafeSessionState, "on_script_finished", _tidy)
        _wrap(WebSocket, "send_bytes", _send)
        _wrap(WebsocketSessionManager, "list_active_sessions", lambda all_of, manager: _InUse(all_of(manager)))


def _wrap(owner: type, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    if not hasattr(original, "__wrapped__"):  # else it was done before Streamlit loaded this file anew

        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return around(original, self, *args, **kwargs)

        setattr(owner, name, method)


def _start(start: Callable[..., None], run: Any) -> None:
    run.runs = _runs_of.setdefault(id(run._session_state._state), _Runs())
    run.before, run.taken_over, run.stop_wanted = run.runs.latest, threading.Event(), False
    run.runs.latest = run.taken_over
    if run._requests._rerun_data.widget_states is None:  # it brings nothing
        run.taken_over.set()
    start(run)


def _request_stop(request_stop: Callable[..., None], run: Any) -> None:
    run.stop_wanted = True  # before the look at taken_over; _take_over does both the other way round
    if not hasattr(run, "taken_over") or run.taken_over.is_set():
        request_stop(run)


def _take_over(take_over: Callable[..., None], state: Any, *args: Any, **kwargs: Any) -> None:
    run = getattr(state._yield_callback, "__self__", None)
    if not hasattr(run, "taken_over"):  # made before `start` was wrapped
        return take_over(state, *args, **kwargs)
    run.before.wait(WAIT_SECONDS)
    try:
        with run.runs.lock:
            take_over(state, *args, **kwargs)
    finally:
        run.taken_over.set()
        if run.stop_wanted:
            run.request_stop()


def _tidy(tidy: Callable[..., None], state: Any, *args: Any, **kwargs: Any) -> None:
    run = getattr(state._yield_callback, "__self__", None)
    with getattr(run, "runs", _Runs()).lock:
        tidy(state, *args, **kwargs)


async def _send(send: Callable[..., Any], websocket: Any, data: bytes) -> None:
    try:
        await send(websocket, data)
    except WebSocketDisconnect:
        websocket.application_state = WebSocketState.CONNECTED


class _InUse(list[Any]):
    """A list of connections that looks again, at each one's turn, whether it is still in use."""

    def __iter__(self) -> Iterator[Any]:
        current = st.runtime.get_instance()._session_mgr.get_active_session_info
        return (one for one in super().__iter__() if current(one.session.id) is one)
