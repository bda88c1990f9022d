"""At the door: one event at a time, nothing lost with a connection, and other connections untouched."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from server import gate
from server.gate import OneEventAtATime, watch_for_events

STREAM = {"type": "websocket", "path": "/base/_stcore/stream", "subprotocols": ["streamlit", "token"]}


def event(query: str, fragment_id: str = "") -> dict[str, Any]:
    """Return what a browser sends at a click."""
    message = BackMsg()
    message.rerun_script.query_string, message.rerun_script.fragment_id = query, fragment_id
    return {"type": "websocket.receive", "bytes": message.SerializeToString()}


def told(**fields: Any) -> dict[str, Any]:
    """Return what Streamlit sends."""
    return {"type": "websocket.send", "bytes": ForwardMsg(**fields).SerializeToString()}


OVER = told(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)
RERUN = told(script_finished=ForwardMsg.FINISHED_EARLY_FOR_RERUN)
GONE = {"type": "websocket.disconnect", "code": 1006}


@pytest.fixture(autouse=True)
def _nobody_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_opening", asyncio.Lock())  # a loop of its own for each test, so a lock too


async def connect(
    streamlit: Callable[..., Awaitable[None]], events: list[dict[str, Any]], scope: dict[str, Any] = STREAM
) -> list[Any]:
    """Let a browser that sends these events connect, and return what has come to it."""
    received, coming = [], iter(events)

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        received.append(message)
        if message.get("bytes") == b"":
            raise OSError("the connection is lost")

    await OneEventAtATime(streamlit, lambda: None)(scope, receive, send)
    return received


def brought(message: dict[str, Any]) -> tuple[str, str]:
    """Return what an event brings."""
    event = BackMsg.FromString(message["bytes"]).rerun_script
    return event.query_string, event.fragment_id


def test_an_event_waits_for_the_run_before_it() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert brought(await receive())[0] == "one"
        second = asyncio.create_task(receive())
        await send(RERUN)  # the page asked for that itself, so it is not over
        assert not (await asyncio.wait([second], timeout=0.05))[0]
        await send(OVER)
        assert brought(await second)[0] == "two"

    asyncio.run(connect(streamlit, [event("one"), event("two")]))


def test_a_run_that_takes_long_learns_that_an_event_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(told(new_session={"initialize": {"session_id": "mine"}}))
        changed = threading.Condition()
        monkeypatch.setattr(gate, "get_script_run_ctx", lambda **_: SimpleNamespace(session_id="mine"))
        event_waits = watch_for_events(changed)
        assert not event_waits()
        with changed:
            notified = asyncio.get_running_loop().run_in_executor(None, wait_for, changed, event_waits)
            second = asyncio.create_task(receive())
        assert await notified
        await send(OVER)
        await second
        assert not event_waits()

    def wait_for(changed: threading.Condition, event_waits: Callable[[], bool]) -> bool:
        with changed:
            return changed.wait_for(event_waits, 30)

    asyncio.run(connect(streamlit, [event("one"), event("two")]))


def test_what_a_lost_connection_brought_enters_before_the_one_that_comes_back() -> None:
    order: list[str] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        back = len(scope["subprotocols"]) == 3
        order.append("comes back" if back else "comes")
        while (message := await receive()) != GONE:
            order.append(brought(message)[0])
            await send(told(new_session={"initialize": {"session_id": "mine"}}))
            if message == event("one") and not back:
                order.append("lost")
                again = asyncio.create_task(connect(streamlit, [GONE], STREAM | {"subprotocols": ["", "", "mine"]}))
                returning.append(again)
                await asyncio.sleep(0.02)
            await send(OVER)

    async def lose_and_come_back() -> None:
        await connect(streamlit, [event("one"), event("two"), event("three"), GONE])
        await returning[0]

    returning: list[asyncio.Task[Any]] = []
    asyncio.run(lose_and_come_back())
    assert order == ["comes", "one", "lost", "two", "three", "comes back"]


def test_a_run_that_hangs_does_not_hold_up_an_event_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert [brought(await receive())[0] for _ in range(2)] == ["one", "two"]

    monkeypatch.setattr(gate, "PATIENCE_SECONDS", 0.01)
    asyncio.run(connect(streamlit, [event("one"), event("two")]))


def test_the_end_of_a_connection_waits_for_the_run_too() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        end = asyncio.create_task(receive())
        assert not (await asyncio.wait([end], timeout=0.05))[0]
        await send(OVER)
        assert await end == GONE

    asyncio.run(connect(streamlit, [event("one"), GONE]))


def test_the_end_of_a_connection_that_another_has_replaced_ends_no_run() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        if len(scope["subprotocols"]) == 3:
            await receive()
            returned.set()
            await ended.wait()  # its run is in progress
            return
        await send(told(new_session={"initialize": {"session_id": "mine"}}))
        await send(OVER)
        assert await receive() == GONE
        ended.set()

    async def replace() -> None:
        async def receive_late() -> Any:
            await returned.wait()
            return GONE

        async def send(message: Any) -> None: ...

        first = OneEventAtATime(streamlit, lambda: None)(STREAM, receive_late, send)
        again = connect(streamlit, [event("one")], STREAM | {"subprotocols": ["", "", "mine"]})
        async with asyncio.timeout(gate.PATIENCE_SECONDS):  # it would wait for so long
            await asyncio.gather(first, again)

    returned, ended = asyncio.Event(), asyncio.Event()
    asyncio.run(replace())


def test_a_failed_send_ends_nothing() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.send", "bytes": b""})
        assert brought(await receive())[0] == "the last one"

    asyncio.run(connect(streamlit, [event("the last one")]))


def test_a_connections_first_event_runs_the_whole_page() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert brought(await receive()) == ("one", "")
        await send(OVER)
        assert brought(await receive()) == ("two", "a fragment")

    asyncio.run(connect(streamlit, [event("one", "a fragment"), event("two", "a fragment")]))


def test_pages_open_one_after_the_other() -> None:
    order: list[str] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        name = brought(await receive())[0]
        order.append(f"{name} opens")
        await asyncio.sleep(0.01)
        order.append(f"{name} is open")
        await send(OVER)

    async def both() -> None:
        await asyncio.gather(*(connect(streamlit, [event(name)]) for name in ("one", "two")))

    asyncio.run(both())
    assert order == ["one opens", "one is open", "two opens", "two is open"]


@pytest.mark.parametrize("scope", [{"type": "http", "path": "/"}, {"type": "websocket", "path": "/mine"}])
def test_other_connections_pass_untouched(scope: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def other(*call: Any) -> None:
        seen.extend(call)

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        raise AssertionError

    asyncio.run(OneEventAtATime(other, lambda: None)(scope, receive, send))
    assert seen == [scope, receive, send]
