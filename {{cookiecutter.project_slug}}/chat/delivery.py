"""Messages arrive, in order, also when the machine is busy or the connection breaks.

Streamlit hands what the browser sent (a message, a pressed button) to a new run of the page, and loses it in four ways,
most of which befell one message in some hundred with eight busy users on two cores:

1. The next event comes before the run has begun: the run is ended before it takes over what it brought.
2. The same, before the run's thread has begun.
3. Runs take over in another order than their events came, or while another one tidies the session's widgets.
4. The connection breaks: a failed send ends the session before what still came over the connection has been read.

So methods of three classes of Streamlit's and Starlette's are wrapped here, for the Streamlit in which they were seen.
With another one the app runs on without; tests/test_delivery.py then fails, and shows what this file has to do or
whether it can go.
"""

import functools
import threading
from collections.abc import Callable
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

import streamlit as st
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests
from streamlit.runtime.state.safe_session_state import SafeSessionState

SEEN_IN = "1.67."
WAIT_SECONDS = 2  # for the run before; one that brought nothing never says that it has taken over

_set = object.__setattr__  # an ordinary one would set session state


class _Runs:
    """The runs of one session: the lock they share, and where the latest says that it has taken over."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.latest: threading.Event | None = None


_runs_of: WeakValueDictionary[int, _Runs] = WeakValueDictionary()  # by the id of the session's state
_finding_runs = threading.Lock()


def deliver_everything() -> None:
    """Make it so, once in a process."""
    if st.__version__.startswith(SEEN_IN):
        _wrap(SafeSessionState, "__init__", _make_state_of_run)
        _wrap(SafeSessionState, "on_script_will_rerun", _take_over)
        _wrap(SafeSessionState, "on_script_finished", _tidy)
        _wrap(ScriptRequests, "__init__", _make_requests_of_run)
        _wrap(ScriptRequests, "on_scriptrunner_ready", _get_ready)
        _wrap(WebSocket, "send_bytes", _send)


def _wrap(owner: type, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    if not hasattr(original, "__wrapped__"):  # else it was done before Streamlit loaded this file anew

        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return around(original, self, *args, **kwargs)

        setattr(owner, name, method)


def _runs(self: Any) -> _Runs:
    with _finding_runs:
        runs = vars(self).get("_runs") or _runs_of.setdefault(id(self._state), _Runs())
        _set(self, "_runs", runs)  # keeps it alive
        return runs


def _make_state_of_run(make: Callable[..., None], self: Any, state: Any, yield_callback: Any) -> None:
    make(self, state, yield_callback)
    if isinstance(yield_callback, MethodType):  # a run's; others only read
        runs = _runs(self)
        _set(self, "_before", runs.latest)
        runs.latest = threading.Event()
        _set(self, "_taken_over", runs.latest)


def _take_over(take_over: Callable[..., None], self: Any, *args: Any, **kwargs: Any) -> None:
    """Take over what the browser sent, after the run before, and heed no end until that is done."""
    fields = vars(self)
    if before := fields.get("_before"):
        before.wait(WAIT_SECONDS)
    heed_an_end = self._yield_callback
    _set(self, "_yield_callback", lambda: None)
    try:
        with _runs(self).lock:
            take_over(self, *args, **kwargs)
    finally:
        _set(self, "_yield_callback", heed_an_end)
        if "_taken_over" in fields:  # the run that calls this for the first time was made before
            self._taken_over.set()


def _tidy(tidy: Callable[..., None], self: Any, *args: Any, **kwargs: Any) -> None:
    with _runs(self).lock:
        tidy(self, *args, **kwargs)


def _make_requests_of_run(make: Callable[..., None], self: Any) -> None:
    make(self)
    self._unbegun = True


def _get_ready(get_ready: Callable[..., Any], self: Any) -> Any:
    """Begin also if ended before the thread got here: the run takes over what it brings, and ends then."""
    unbegun = vars(self).pop("_unbegun", False)  # False too if made before this was wrapped
    request = get_ready(self)
    if unbegun and request.type.name == "STOP":
        self._state = type(self._state)["RERUN"]
        request = get_ready(self)
        self.request_stop()
    return request


async def _send(send: Callable[..., Any], self: Any, data: bytes) -> None:
    """Let a send on a lost connection pass: the reader sees the loss too, after the last message."""
    try:
        await send(self, data)
    except WebSocketDisconnect:
        self.application_state = WebSocketState.CONNECTED
