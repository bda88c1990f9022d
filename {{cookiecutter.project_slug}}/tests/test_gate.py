"""At the door: one event at a time, nothing lost with a connection or a session, and other connections untouched."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from server import gate
from server.gate import OneEventAtATime, follows_a_lost_session, watch_for_browser, watch_for_events

STREAM = {"type": "websocket", "path": "/base/_stcore/stream", "subprotocols": ["streamlit", "token"]}
RETURN = STREAM | {"subprotocols": ["streamlit", "token", "mine"]}


def sent(message: BackMsg) -> dict[str, Any]:
    """Return what a browser sends, as it comes."""
    return {"type": "websocket.receive", "bytes": message.SerializeToString()}


def event(query: str, widget: str = "") -> dict[str, Any]:
    """Return what a browser sends at a click."""
    message = BackMsg()
    message.rerun_script.query_string = query
    if widget:
        message.rerun_script.widget_states.widgets.add(id=widget)
    return sent(message)


def told(**fields: Any) -> dict[str, Any]:
    """Return what Streamlit sends."""
    return {"type": "websocket.send", "bytes": ForwardMsg(**fields).SerializeToString()}


OVER = told(script_finished=ForwardMsg.FINISHED_SUCCESSFULLY)
RERUN = told(script_finished=ForwardMsg.FINISHED_EARLY_FOR_RERUN)
COMES = {"type": "websocket.connect"}
GONE = {"type": "websocket.disconnect", "code": 1006}


@pytest.fixture(autouse=True)
def _nobody_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_opening", asyncio.Lock())  # a loop of its own for each test, so a lock too
    monkeypatch.setattr(gate, "_sessions", {})


@pytest.fixture(autouse=True)
def resumed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the sessions that Streamlit still has, which a test fills; nobody waits for those who are absent."""
    sessions: dict[str, Any] = {}
    monkeypatch.setattr(gate, "get_instance", lambda: SimpleNamespace(get_app_session=sessions.get))
    monkeypatch.setattr(gate, "ABSENCE_SECONDS", 0)
    return sessions


async def connect(
    streamlit: Callable[..., Awaitable[None]], events: list[dict[str, Any]], scope: dict[str, Any] = STREAM
) -> list[Any]:
    """Let a browser that sends these events connect, and return what has come to it."""
    received, coming = [], iter(events)

    async def receive() -> Any:
        for event in coming:
            return event
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        received.append(message)
        if message.get("bytes") == b"":
            raise OSError("the connection is lost")

    await OneEventAtATime(streamlit, lambda: None)(scope, receive, send)
    return received


def brought(message: dict[str, Any]) -> str:
    """Return what an event brings."""
    return BackMsg.FromString(message["bytes"]).rerun_script.query_string


def test_an_event_waits_for_the_run_before_it() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert brought(await receive()) == "one"
        second = asyncio.create_task(receive())
        await send(RERUN)  # the page asked for that itself, so it is not over
        assert not (await asyncio.wait([second], timeout=0.05))[0]
        await send(OVER)
        assert brought(await second) == "two"

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


def test_an_event_may_come_just_as_another_turn_begins_to_watch() -> None:
    async def main() -> None:
        session = gate._Session()

        class Left(threading.Condition):
            def __enter__(self) -> bool:
                session.watched = threading.Condition()
                return super().__enter__()

        session.watched = Left()
        assert await session.rest()
        assert not session.waiting

    asyncio.run(main())


def test_a_turn_learns_that_its_browser_has_gone_and_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[Callable[[], bool]] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(told(new_session={"initialize": {"session_id": "mine"}}))
        monkeypatch.setattr(gate, "get_script_run_ctx", lambda **_: SimpleNamespace(session_id="mine"))
        there.append(watch_for_browser())
        assert there[0]()
        await send(OVER)
        if len(scope["subprotocols"]) < 3:
            assert await receive() == GONE
            assert not there[0]()

    asyncio.run(connect(streamlit, [event("one"), GONE]))
    assert not there[0]()
    asyncio.run(connect(streamlit, [event("two")], RETURN))
    assert len(there) == 2


def test_what_a_lost_connection_brought_enters_before_the_one_that_comes_back() -> None:
    order: list[str] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        back = len(scope["subprotocols"]) == 3
        order.append("comes back" if back else "comes")
        while (message := await receive()) != GONE:
            order.append(brought(message))
            await send(told(new_session={"initialize": {"session_id": "mine"}}))
            if message == event("one") and not back:
                order.append("lost")
                again = asyncio.create_task(connect(streamlit, [GONE], RETURN))
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
        assert [brought(await receive()) for _ in range(2)] == ["one", "two"]

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
        again = connect(streamlit, [event("one")], RETURN)
        async with asyncio.timeout(gate.PATIENCE_SECONDS):  # it would wait for so long
            await asyncio.gather(first, again)

    returned, ended = asyncio.Event(), asyncio.Event()
    asyncio.run(replace())


def test_a_failed_send_ends_nothing() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.send", "bytes": b""})
        assert brought(await receive()) == "the last one"

    asyncio.run(connect(streamlit, [event("the last one")]))


@pytest.mark.parametrize("code", [1001, 1006])
def test_who_comes_back_soon_has_not_been_away(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    order: list[str] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await send(told(new_session={"initialize": {"session_id": "mine"}}))
        await send(OVER)
        assert (await receive())["type"] == "websocket.disconnect"
        order.append("Streamlit is told")

    async def lose_and_come_back() -> None:
        await connect(streamlit, [{**GONE, "code": code}])
        order.append("the server is free to end")
        await asyncio.sleep(0.05)
        order.append("comes back")
        await connect(streamlit, [GONE], RETURN)

    monkeypatch.setattr(gate, "ABSENCE_SECONDS", 60)
    asyncio.run(lose_and_come_back())
    assert order[:3] == ["the server is free to end", "comes back", "Streamlit is told"]


def test_nobody_waits_for_who_never_saw_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.disconnect"
        told.set()

    async def come_and_go() -> None:
        await connect(streamlit, [GONE])
        async with asyncio.timeout(gate.PATIENCE_SECONDS):
            await told.wait()

    told = asyncio.Event()
    monkeypatch.setattr(gate, "ABSENCE_SECONDS", 60)
    asyncio.run(come_and_go())


UNWANTED: dict[str, dict[str, Any]] = {
    "what all sessions share": {"clear_cache": True},
    "another program's work": {"load_git_info": True},
    "the server's end": {"debug_shutdown_runtime": True},
    "files written": {"backend_operation_request": {"install_skills": {}}},
    "a minute's work": {"file_urls_request": {"file_names": [""] * 1001}},
    "nothing": {},
}


@pytest.mark.parametrize("unwanted", UNWANTED.values(), ids=UNWANTED)
def test_what_no_page_of_ours_sends_is_dropped(unwanted: dict[str, Any]) -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert BackMsg.FromString((await receive())["bytes"]).file_urls_request.file_names == ["notes.txt"]
        await send(told(file_urls_response={"response_id": "1"}))
        assert brought(await receive()) == "one"

    upload, other = BackMsg(), sent(BackMsg(**unwanted))
    upload.file_urls_request.file_names.append("notes.txt")
    asyncio.run(connect(streamlit, [other, sent(upload), other, event("one")]))


def test_a_browsers_files_are_made_one_after_the_other() -> None:
    asked = BackMsg()
    asked.backend_operation_request.deferred_file.file_id = "any"

    async def streamlit(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        second = asyncio.ensure_future(receive())
        await asyncio.sleep(0.05)
        assert not second.done()
        await send(told(backend_operation_response={"request_id": "1"}))
        await second

    asyncio.run(connect(streamlit, [sent(asked), sent(asked)]))


def test_no_run_begins_while_an_upload_address_is_pending() -> None:
    """Streamlit drops what it has not sent yet when a run begins: the browser would wait for ever."""
    upload = BackMsg()
    upload.file_urls_request.file_names.append("notes.txt")

    async def streamlit(_scope: Any, receive: Any, send: Any) -> None:
        assert brought(await receive()) == "one"
        for what in (told(new_session={"initialize": {"session_id": "mine"}}), told(file_urls_response={})):
            following = asyncio.ensure_future(receive())
            await asyncio.sleep(0.05)
            assert not following.done()
            await send(OVER)  # of the run before
            await send(what)
            await following
        assert brought(following.result()) == "two"

    asyncio.run(connect(streamlit, [event("one"), sent(upload), event("two")]))


def test_a_text_and_what_cannot_be_read_are_dropped() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert brought(await receive()) == "one"

    text = {"type": "websocket.receive", "text": "Hello", "bytes": None}
    asyncio.run(connect(streamlit, [text, {**text, "bytes": b"\xff"}, event("one")]))


def test_a_browser_whose_session_is_gone_gets_the_new_page_before_its_event_counts() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == COMES
        assert await receive() == event("where it is")
        asked = asyncio.create_task(receive())
        assert not (await asyncio.wait([asked], timeout=0.05))[0]
        await send(OVER)
        assert await asked == event("where it is", "a question")

    asyncio.run(connect(streamlit, [COMES, event("where it is", "a question")], RETURN))


def test_a_server_that_ends_lets_go_of_pages_at_rest_and_takes_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    is_ending = threading.Event()
    monkeypatch.setattr(gate, "ending", is_ending)

    def let_go() -> None:
        for each in [*gate.at_end]:
            each()

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()
        is_ending.set()
        let_go()
        await asyncio.sleep(0)
        await send(OVER)
        let_go()
        let_go()
        await asyncio.sleep(0)

    async def one_page() -> list[Any]:
        return await connect(streamlit, [COMES, event("one")])

    assert [message["type"] for message in asyncio.run(one_page())] == ["websocket.send", "websocket.close"]
    for scope in (STREAM, {"type": "http", "path": "/_stcore/health", "method": "GET"}):
        (head, *_) = asyncio.run(connect(streamlit, [], scope))
        assert head["status"] == 503


@pytest.mark.parametrize(("watcher", "ended"), [("auto", []), ("none", ["mine"])])
def test_a_session_that_is_still_there_goes_on(
    resumed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, watcher: str, ended: list[str]
) -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == COMES
        assert brought(await receive()) == "a question"

    unwatched: list[str] = []
    resumed["mine"] = SimpleNamespace(disconnect_file_watchers=lambda: unwatched.append("mine"))
    monkeypatch.setattr(gate.st, "get_option", {"server.fileWatcherType": watcher}.get)
    asyncio.run(connect(streamlit, [COMES, event("a question")], RETURN))
    assert unwatched == ended


@pytest.mark.parametrize(
    ("protocols", "lost"),
    [("streamlit, token", False), ("streamlit, token, mine", False), ("streamlit,token,old", True)],
)
def test_a_page_knows_that_it_follows_a_lost_session(
    monkeypatch: pytest.MonkeyPatch, protocols: str, lost: bool
) -> None:
    monkeypatch.setattr(gate, "get_script_run_ctx", lambda **_: SimpleNamespace(session_id="mine"))
    monkeypatch.setattr(gate.st, "context", SimpleNamespace(headers={"Sec-WebSocket-Protocol": protocols}))
    assert follows_a_lost_session() is lost


def test_pages_open_one_after_the_other() -> None:
    order: list[str] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == COMES
        name = brought(await receive())
        order.append(f"{name} opens")
        await asyncio.sleep(0.01)
        order.append(f"{name} is open")
        await send(OVER)

    async def both() -> None:
        await asyncio.gather(*(connect(streamlit, [COMES, event(name)]) for name in ("one", "two")))

    asyncio.run(both())
    assert order == ["one opens", "one is open", "two opens", "two is open"]


def test_who_goes_before_the_page_is_drawn_holds_up_nobody() -> None:
    order: list[str] = []

    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == COMES
        message = await receive()
        if message == GONE:
            order.append("gone")
            return
        order.append(brought(message))
        if order[-1] == "first":
            await has_gone.wait()
        await send(OVER)

    async def all_three() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(connect(streamlit, [COMES, event("first")]))
            await group.create_task(connect(streamlit, [COMES, event("tab that is closed at once"), GONE]))
            has_gone.set()
            group.create_task(connect(streamlit, [COMES, event("last")]))

    has_gone = asyncio.Event()
    asyncio.run(all_three())
    assert order == ["first", "gone", "last"]


def test_what_comes_while_a_page_waits_for_its_turn_enters_after_it() -> None:
    async def streamlit(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == COMES
        assert brought(await receive()) == "one"
        await send(OVER)
        assert brought(await receive()) == "two"

    asyncio.run(connect(streamlit, [COMES, event("one"), event("two")]))


def test_of_too_many_new_pages_some_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def streamlit(*_: Any) -> None:
        raise AssertionError("it has entered")

    monkeypatch.setattr(gate, "_line", asyncio.Semaphore(0))
    (head, *_) = asyncio.run(connect(streamlit, [COMES]))
    assert head["status"] == 503


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
