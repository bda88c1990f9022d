"""A visitor is known by a cookie that nobody can guess and no script can read."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest

from server.visitor import Visitors, visitor

SECRET = "0123456789abcdef" * 4


def cookie(given: str = "", scheme: str = "http", content_type: str = "text/html", **headers: str) -> str:
    """Return what the middleware sets in answer to a request that brings a cookie."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type.encode())]}
        )

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    brought = [
        (name.replace("_", "-").encode(), value.encode()) for name, value in {**headers, "cookie": given}.items()
    ]
    scope = {"type": "http", "scheme": scheme, "headers": brought}
    asyncio.run(Visitors(app)(scope, receive, send))
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    if "set-cookie" in answered:
        assert answered["cache-control"] == "private, no-cache"
    return answered.get("set-cookie", "")


def test_a_new_visitor_gets_one_that_only_the_server_reads() -> None:
    first, second = cookie(), cookie()
    assert re.fullmatch("chat_visitor=[0-9a-f]{64}; Max-Age=[0-9]+; Path=/; HttpOnly; SameSite=Lax", first)
    assert first != second


def test_it_goes_over_https_alone_where_the_page_does() -> None:
    assert cookie(scheme="https").endswith("; Secure")
    for told in ("https", "https,http", "HTTPS , http"):
        assert cookie(x_forwarded_proto=told).endswith("; Secure")
    assert not cookie(x_forwarded_proto="http, https").endswith("; Secure")


def test_who_comes_back_keeps_it() -> None:
    assert cookie(f"other=1; chat_visitor={SECRET}").startswith(f"chat_visitor={SECRET};")


@pytest.mark.parametrize(
    "given", ["chat_visitor=guess", "chat_visitor=" + "A" * 64, 'chat_visitor="; HttpOnly', "\xff"]
)
def test_one_that_is_not_ours_is_replaced(given: str) -> None:
    assert re.match("chat_visitor=[0-9a-f]{64};", cookie(given))


def test_it_comes_with_the_page_alone() -> None:
    assert not cookie(content_type="text/javascript")


def test_the_store_does_not_learn_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.visitor._identity", lambda: SECRET)
    mine = visitor()
    assert SECRET not in mine
    monkeypatch.setattr("server.visitor._identity", lambda: mine)
    assert visitor() != mine
    monkeypatch.setattr("server.visitor._identity", lambda: "")  # a browser that keeps no cookies
    assert visitor() not in (mine, "")


@pytest.mark.parametrize(
    ("given", "protocols"),
    [
        (f"chat_visitor={SECRET}", ["streamlit", "token", "mine"]),
        (f"chat_visitor={SECRET[::-1]}", ["streamlit", "token"]),
        ("", ["streamlit", "token"]),
    ],
    ids=["its visitor", "another", "nobody"],
)
def test_a_session_is_its_visitors_alone(given: str, protocols: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.visitor.get_script_run_ctx", lambda **_: SimpleNamespace(session_id="mine"))
    monkeypatch.setattr("server.visitor._identity", lambda: SECRET)
    visitor()
    for known, passed in (("mine", protocols), ("elsewhere", ["streamlit", "token", "elsewhere"])):
        asked = ["streamlit", "token", known]
        headers = [(b"cookie", given.encode()), (b"sec-websocket-protocol", ", ".join(asked).encode())]
        scope = {"type": "websocket", "subprotocols": asked, "headers": headers}

        async def app(scope: Any, receive: Any, send: Any, passed: list[str] = passed) -> None:
            assert scope["subprotocols"] == passed
            assert dict(scope["headers"])[b"sec-websocket-protocol"].decode() == ", ".join(passed)

        async def nothing(*_: Any) -> Any:
            raise AssertionError

        asyncio.run(Visitors(app)(scope, nothing, nothing))
