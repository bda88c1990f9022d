"""A visitor is known by an account; what a browser sends that is not signed in is not done."""

import asyncio
from typing import Any

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from server import visitor as module
from server.visitor import COOKIE, SignIn, Visitors, visitor

ID = "0123456789abcdef" * 2


def answer(path: str, status: int = 302, location: str = "/", **given: str) -> tuple[int, dict[str, str]]:
    """Return status and headers of what comes of an answer to a request with these headers."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"location", location.encode())]})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    asyncio.run(Visitors(app)({"type": "http", "path": path, "headers": headers}, receive, send))
    return sent[0]["status"], {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}


def test_only_a_person_signs_in_and_out() -> None:
    for path in ("/auth/logout", "/auth/login"):
        assert answer(path, **{"sec-fetch-mode": "navigate"})[0] == 302
        assert answer(path, **{"sec-fetch-mode": "no-cors"})[0] == 403


@pytest.mark.parametrize("base", ["", "/chat"])
def test_a_sign_in_leads_back_to_the_chat_where_it_began(base: str) -> None:
    _, headers = answer(f"{base}/auth/login", referer=f"http://localhost:8501{base}/?x=1&c={ID}&y=2")
    cookie = headers["set-cookie"]
    assert cookie == f"{COOKIE}={ID}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"
    _, headers = answer(f"{base}/oauth2callback", location=f"{base}/", cookie=cookie.partition(";")[0])
    assert headers["location"] == f"{base}/?c={ID}"


@pytest.mark.parametrize("c", ["", "x", f"{ID}0", f"{ID}%0d%0a", f"https://evil.example/{ID}", ID.upper(), "\xff" * 32])
def test_it_leads_to_a_chat_of_this_app_and_nowhere_else(c: str) -> None:
    _, headers = answer("/auth/login", referer=f"http://localhost:8501/?c={c}")
    assert headers["set-cookie"].startswith(f"{COOKIE}=new;")
    assert answer("/auth/login")[1]["set-cookie"].startswith(f"{COOKIE}=new;")
    _, headers = answer("/oauth2callback", cookie=f"{COOKIE}={c}")
    assert headers["location"] == "/"


def test_a_provider_that_cannot_be_reached_leads_back_too() -> None:
    assert answer("/auth/login", 400, referer=f"http://localhost/?c={ID}")[0] == 302
    assert answer("/auth/login", 400, referer=f"http://localhost/?c={ID}")[1]["location"] == f"../?c={ID}"


def test_who_signs_out_is_led_nowhere() -> None:
    assert answer("/auth/logout")[1]["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0;")


def test_nothing_else_is_touched() -> None:
    assert answer("/", 200, cookie=f"{COOKIE}={ID}") == (200, {"location": "/"})


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Return the one of a browser session."""
    monkeypatch.setattr(module, "get_script_run_ctx", lambda **_: type("Context", (), {"session_id": "mine"}))
    return SignIn()


def enter(event: BackMsg | bytes, session: str = "mine", comes_back: bool = False) -> bytes:
    """Return what becomes of an event of a browser session."""
    entered: list[bytes] = []
    named = ForwardMsg()
    named.new_session.initialize.session_id = session

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if not comes_back:
            await send({"type": "websocket.send", "bytes": named.SerializeToString()})
        entered.append((await receive())["bytes"])

    async def receive() -> Any:
        data = event if isinstance(event, bytes) else event.SerializeToString()
        return {"type": "websocket.receive", "bytes": data}

    async def send(message: Any) -> None: ...

    scope = {"type": "websocket", "subprotocols": ["streamlit", "token", *([session] if comes_back else [])]}
    asyncio.run(Visitors(app)(scope, receive, send))
    return entered[0]


def press(*ids: str) -> BackMsg:
    """Return the event that presses buttons in a fragment."""
    event = BackMsg()
    event.rerun_script.query_string, event.rerun_script.fragment_id = f"c={ID}", "a fragment"
    for id in ids:
        event.rerun_script.widget_states.widgets.add(id=id, trigger_value=True)
    return event


def test_what_is_sent_while_one_is_signed_in_is_done(sign_in: SignIn) -> None:
    sign_in.has_ended = lambda: False
    event = press("$$ID-0-app.new")
    assert enter(event) == event.SerializeToString()


@pytest.mark.parametrize("comes_back", [False, True])
def test_afterwards_one_gets_the_page_and_no_more(sign_in: SignIn, comes_back: bool) -> None:
    for event in (press("$$ID-0-app.new"), press("$$ID-0-app.sign_in.0-app.new"), press("$$ID-0-app.open.x")):
        left = BackMsg.FromString(enter(event, comes_back=comes_back))
        assert left == BackMsg(rerun_script=ClientState(query_string=f"c={ID}"))
    download, upload = BackMsg(), BackMsg()
    download.backend_operation_request.deferred_file.file_id = "1"
    upload.file_urls_request.file_names.append("")
    for event in (download, upload, b"\xff"):
        assert enter(event, comes_back=comes_back) == BackMsg(rerun_script=ClientState()).SerializeToString()


def test_but_can_sign_in_or_out(sign_in: SignIn) -> None:
    keys = ["$$ID-0-app.sign_in.0", "$$ID-0-app.sign_in.12", "$$ID-0-app.sign_out"]
    left = BackMsg.FromString(enter(press(*keys)))
    assert [widget.id for widget in left.rerun_script.widget_states.widgets] == keys
    assert not left.rerun_script.fragment_id


def test_the_question_is_put_aside(sign_in: SignIn) -> None:
    event = BackMsg()
    event.rerun_script.widget_states.widgets.add(id="$$ID-0-app.question").chat_input_value.data = "Why?"
    assert not BackMsg.FromString(enter(event)).rerun_script.widget_states.widgets
    assert sign_in.unsent == "Why?"


def test_a_session_has_its_own_sign_in(sign_in: SignIn) -> None:
    event = press("$$ID-0-app.new")
    assert enter(event, "another") == event.SerializeToString()  # which is new: its page has no button yet


def test_an_account_is_its_issuer_and_its_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # each test has a visitor of its own

    def who(**claims: str) -> str:
        monkeypatch.setattr(st, "user", {"is_logged_in": True, "iss": "https://a.example", "sub": "1", **claims})
        return visitor()

    ada = who(email="ada@example.org")
    assert who(email="ada@elsewhere.example", name="Ada") == ada
    others = [who(sub="2"), who(iss="https://b.example"), who(iss='https://a.example", "1', sub=""), who(sub="1 ")]
    assert len({ada, *others}) == 5
    monkeypatch.setattr(st, "user", {"is_logged_in": False})
    with pytest.raises(KeyError):
        visitor()
