"""A message that comes at the wrong moment: without chat/delivery.py, Streamlit would drop it."""

import asyncio
import inspect
import threading
import time
from typing import Any

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests
from streamlit.runtime.state import SafeSessionState, SessionState
from streamlit.web.server.starlette.starlette_websocket import StarletteSessionClient

from chat.delivery import deliver_everything

deliver_everything()


class State(SessionState):
    """A session's state that notes what runs bring, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def on_script_will_rerun(self, fresh_widget_states: WidgetStates | None, **_: object) -> None:
        assert fresh_widget_states
        self.notes.append(f"{fresh_widget_states.widgets[0].id} begins")
        time.sleep(0.05)
        self.notes.append(f"{fresh_widget_states.widgets[0].id} is taken over")

    def on_script_finished(self, *_: object, **__: object) -> None:
        self.notes.append("tidied")


def states(name: str) -> WidgetStates:
    """Return what a browser sends along with a message."""
    sent = WidgetStates()
    sent.widgets.add(id=name)
    return sent


def run_of(state: SessionState) -> SafeSessionState:
    """Return the state as a run of the page sees it that Streamlit ends because the next event has come."""
    # What none of this touches may be None.
    arguments: dict[str, Any] = dict.fromkeys(inspect.signature(ScriptRunner).parameters, None)
    arguments |= {"session_state": state, "initial_rerun_data": RerunData()}
    runner = ScriptRunner(**arguments)
    runner._execing = True
    runner._script_thread = threading.current_thread()
    runner.request_stop()
    return runner._session_state


def test_a_run_that_is_ended_before_it_began_still_brings_its_message() -> None:
    state = State()
    run = run_of(state)
    run.on_script_will_rerun(states("first"))
    assert state.notes == ["first begins", "first is taken over"]
    with pytest.raises(StopException):
        _ = run["anything"]


def test_messages_come_in_the_order_in_which_they_were_sent() -> None:
    state = State()
    runs = [run_of(state) for _ in range(3)]
    threads = [threading.Thread(target=run.on_script_will_rerun, args=(states(str(n)),)) for n, run in enumerate(runs)]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.join()
    assert state.notes == [f"{n} {what}" for n in range(3) for what in ("begins", "is taken over")]


def test_no_run_tidies_the_widgets_while_another_takes_over() -> None:
    state = State()
    earlier, later = run_of(state), run_of(state)
    earlier.on_script_will_rerun(states("earlier"))
    state.notes.clear()
    takes_over = threading.Thread(target=later.on_script_will_rerun, args=(states("later"),))
    takes_over.start()
    while not state.notes:
        time.sleep(0.001)
    earlier.on_script_finished(frozenset())
    takes_over.join()
    assert state.notes == ["later begins", "later is taken over", "tidied"]


def test_a_run_that_is_ended_before_its_thread_begins_still_begins() -> None:
    requests = ScriptRequests()
    requests.request_rerun(RerunData(widget_states=states("first")))
    requests.request_stop()
    first = requests.on_scriptrunner_ready()
    assert first.type.name == "RERUN"
    assert first.rerun_data.widget_states == states("first")
    stop = requests.on_scriptrunner_yield()
    assert stop
    assert stop.type.name == "STOP"


def test_a_message_is_read_also_when_sending_fails_first() -> None:
    async def receive() -> dict[str, Any]:
        return next(events)

    async def send(message: Any) -> None:
        if message["type"] == "websocket.send":
            raise OSError("the connection is lost")

    events = iter(
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "bytes": b"the last message"},
            {"type": "websocket.disconnect", "code": 1006},
        ]
    )

    async def page() -> None:
        websocket = WebSocket({"type": "websocket", "headers": []}, receive, send)
        await websocket.accept()
        client = StarletteSessionClient(websocket)
        client.write_forward_msg(ForwardMsg())
        await asyncio.sleep(0.01)
        client.write_forward_msg(ForwardMsg())  # raises if the client counts as gone, which would end the session
        assert await websocket.receive_bytes() == b"the last message"
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive_bytes()
        await client.aclose()

    asyncio.run(page())
