"""Messages arrive, in order, also when the machine is busy.

Streamlit hands what the browser sent (a message, a pressed button) to a new run of the page. If the next event comes
before that run has begun, the run is ended first, and what it brought is lost: with eight busy users on two cores, that
befell a message in 4 of 100 sessions. So a run takes over what it brings before it heeds any end, and runs do so in the
order in which they were made. This changes two classes inside Streamlit (seen in 1.67): when Streamlit changes there,
see whether this file can go or has to follow; tests/test_delivery.py shows what it has to do. One hole is left: if the
connection drops within some 20 ms of sending, a message was still lost in 1 of 400.
"""

import threading
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequest, ScriptRequests, ScriptRequestType
from streamlit.runtime.state.safe_session_state import SafeSessionState

WAIT_SECONDS = 2  # for the run before; one that brought nothing never says that it is done


def deliver_everything() -> None:
    """Make it so, once in a process."""
    if hasattr(SafeSessionState, "_delivers_everything"):
        return
    make, take_over = SafeSessionState.__init__, SafeSessionState.on_script_will_rerun
    set_field = object.__setattr__  # an ordinary one would set session state
    latest_run: WeakValueDictionary[int, threading.Event] = WeakValueDictionary()  # of each session's state

    def make_with_place(self: Any, state: Any, yield_callback: Any) -> None:
        make(self, state, yield_callback)
        if isinstance(yield_callback, MethodType):  # a run's; others only read
            set_field(self, "_before", latest_run.get(id(state)))
            set_field(self, "_delivered", threading.Event())
            latest_run[id(state)] = self._delivered

    def take_over_in_order(self: Any, *args: Any, **kwargs: Any) -> None:
        fields = vars(self)
        if before := fields.get("_before"):
            before.wait(WAIT_SECONDS)
        heed_an_end = self._yield_callback
        set_field(self, "_yield_callback", lambda: None)
        try:
            take_over(self, *args, **kwargs)
        finally:
            set_field(self, "_yield_callback", heed_an_end)
            if "_delivered" in fields:  # the run that calls this for the first time was made before
                self._delivered.set()

    make_requests, get_ready = ScriptRequests.__init__, ScriptRequests.on_scriptrunner_ready

    def make_unbegun(self: Any) -> None:
        make_requests(self)
        self._unbegun = True

    def begin_before_ending(self: Any) -> ScriptRequest:
        brought, first = self._rerun_data, vars(self).pop("_unbegun", False)  # False too if made before this patch
        request = get_ready(self)
        # Ended before its thread got here: it still begins, takes over what it brings, and ends then.
        return ScriptRequest(ScriptRequestType.RERUN, brought) if first and request.type.name == "STOP" else request

    ScriptRequests.__init__ = make_unbegun
    ScriptRequests.on_scriptrunner_ready = begin_before_ending
    SafeSessionState.__init__ = make_with_place
    SafeSessionState.on_script_will_rerun = take_over_in_order
    SafeSessionState._delivers_everything = True  # ty: ignore[missing-attribute]
