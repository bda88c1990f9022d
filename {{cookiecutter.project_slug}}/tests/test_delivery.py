"""A message that comes at the wrong moment: without chat/delivery.py, Streamlit would drop it."""

import asyncio
import inspect
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner
from streamlit.runtime.state import SessionState
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager
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


class Run(ScriptRunner):
    """A run of a page that is only a message: its thread takes over what the message brought, once it may."""

    def __init__(self, state: State, message: str) -> None:
        sent = WidgetStates()
        sent.widgets.add(id=message)
        # What none of this touches may be None.
        arguments: dict[str, Any] = dict.fromkeys(inspect.signature(ScriptRunner).parameters, None)
        arguments.update(session_state=state, initial_rerun_data=RerunData(widget_states=sent))
        super().__init__(**arguments)
        self.may_begin = threading.Event()

    def _run_script_thread(self) -> None:
        self.may_begin.wait()
        request = self._requests.on_scriptrunner_ready()
        if request.type.name == "RERUN":
            self._session_state.on_script_will_rerun(request.rerun_data.widget_states)

    def finish(self) -> None:
        """Let the thread do its work."""
        self.may_begin.set()
        assert self._script_thread
        self._script_thread.join()


def test_a_run_that_is_ended_before_it_begins_still_brings_its_message() -> None:
    state = State()
    run = Run(state, "first")
    run.start()
    run.request_stop()
    run.finish()
    assert state.notes == ["first begins", "first is taken over"]
    end = run._requests.on_scriptrunner_yield()
    assert end
    assert end.type.name == "STOP"


def test_messages_come_in_the_order_in_which_they_were_sent() -> None:
    state = State()
    runs = [Run(state, str(number)) for number in range(3)]
    for run in runs:
        run.start()
    for run in reversed(runs):
        run.may_begin.set()
        time.sleep(0.01)
    for run in runs:
        run.finish()
    assert state.notes == [f"{n} {what}" for n in range(3) for what in ("begins", "is taken over")]


def test_no_run_tidies_the_widgets_while_another_takes_over() -> None:
    state = State()
    earlier, later = Run(state, "earlier"), Run(state, "later")
    earlier.start()
    earlier.finish()
    state.notes.clear()
    later.start()
    later.may_begin.set()
    while not state.notes:
        time.sleep(0.001)
    earlier._session_state.on_script_finished(frozenset())
    later.finish()
    assert state.notes == ["later begins", "later is taken over", "tidied"]


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


def test_what_is_new_goes_to_no_connection_that_has_been_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    old, other, new = (SimpleNamespace(session=SimpleNamespace(id=name)) for name in ("one", "other", "one"))
    manager = WebsocketSessionManager.__new__(WebsocketSessionManager)
    in_use: dict[str, Any] = {"other": other, "one": old}
    manager._active_session_info_by_id = in_use
    monkeypatch.setattr(st.runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=manager))
    turns = iter(manager.list_active_sessions())
    assert next(turns) is other
    in_use["one"] = new  # the browser comes back meanwhile
    assert list(turns) == []
    assert list(manager.list_active_sessions()) == [other, new]
