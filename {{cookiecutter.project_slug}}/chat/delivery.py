"""Every message arrives, in order, however busy the machine is.

Streamlit hands what the browser sent (a message, a pressed button) to a new run of the page. If the next event comes
before that run has begun, the run is ended first, and what it brought is lost: with eight busy users on two cores, that
befell a message in 4 of 100 sessions. So a run takes over what it brings before it heeds any end, and runs do so in the
order in which they were made. This changes a class inside Streamlit (seen in 1.67): tests/test_delivery.py fails when
Streamlit changes there, and then this file can go or has to follow.
"""

import threading
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

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

    SafeSessionState.__init__ = make_with_place
    SafeSessionState.on_script_will_rerun = take_over_in_order
    SafeSessionState._delivers_everything = True  # ty: ignore[missing-attribute]
