"""A message that comes at the wrong moment: without chat/delivery.py, Streamlit would drop it."""

import threading
import time

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.safe_session_state import SafeSessionState

from chat.delivery import deliver_everything


class State(SessionState):
    """A session's state that notes what runs bring, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.brought: list[str] = []

    def on_script_will_rerun(self, fresh_widget_states: WidgetStates | None, **_: object) -> None:
        assert fresh_widget_states
        time.sleep(0.05)
        self.brought.append(fresh_widget_states.widgets[0].id)


def states(name: str) -> WidgetStates:
    """Return what a browser sends along with a message."""
    sent = WidgetStates()
    sent.widgets.add(id=name)
    return sent


class Run:
    """A run of the page that Streamlit ends because the next event has come."""

    def end(self) -> None:
        raise StopException


def test_a_run_that_is_ended_before_it_began_still_brings_its_message() -> None:
    deliver_everything()
    state = State()
    run = SafeSessionState(state, Run().end)
    run.on_script_will_rerun(states("first"))
    assert state.brought == ["first"]
    with pytest.raises(StopException):
        _ = run["anything"]


def test_messages_come_in_the_order_in_which_they_were_sent() -> None:
    deliver_everything()
    state = State()
    runs = [SafeSessionState(state, Run().end) for _ in range(3)]
    threads = [threading.Thread(target=run.on_script_will_rerun, args=(states(str(n)),)) for n, run in enumerate(runs)]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.join()
    assert state.brought == ["0", "1", "2"]


def test_a_run_that_is_ended_before_its_thread_begins_still_begins() -> None:
    deliver_everything()
    requests = ScriptRequests()
    requests.request_rerun(RerunData(widget_states=states("first")))
    requests.request_stop()
    first = requests.on_scriptrunner_ready()
    assert first.type.name == "RERUN"
    assert first.rerun_data.widget_states == states("first")
    assert requests.on_scriptrunner_ready().type.name == "STOP"
