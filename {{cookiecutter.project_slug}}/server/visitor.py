"""Who visits: a cookie that nobody can guess, which only this server reads and no script in the page."""

import re
import threading
from hashlib import sha256
from secrets import token_hex

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner import get_script_run_ctx

COOKIE = "chat_visitor"
DAYS = 400  # browsers keep none for longer; each visit begins them anew
SECRET = re.compile("[0-9a-f]{64}")
MOST_SESSIONS = 10_000
# By session, of the latest: Streamlit lets everybody into a session who knows its id, which is in the paths of uploads.
_visitors: dict[str, str] = {}
_lock = threading.Lock()


class Visitors:
    """ASGI middleware that gives each visitor a cookie with the page.

    Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        given = MutableHeaders(scope=scope)
        secret = cookie_parser(given.get("cookie", "")).get(COOKIE, "")
        if scope["type"] == "websocket":
            protocols = scope["subprotocols"]
            id = "".join(protocols[2:3])  # of the session that a browser comes back to
            if _visitors.get(id, mine := _hash(secret, id)) != mine:
                scope["subprotocols"] = protocols[:2]
                given["Sec-WebSocket-Protocol"] = ", ".join(protocols[:2])
            return await self.app(scope, receive, send)
        secret = secret if SECRET.fullmatch(secret) else token_hex(32)
        outermost = given.get("x-forwarded-proto", "").partition(",")[0].strip().lower()  # of several proxies
        secure = "; Secure" if "https" in (scope["scheme"], outermost) else ""

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    options = f"Max-Age={DAYS * 86400}; Path=/; HttpOnly; SameSite=Lax{secure}"
                    headers.append("Set-Cookie", f"{COOKIE}={secret}; {options}")
                    headers["Cache-Control"] = "private, no-cache"  # a cache would give everybody the same one
            await send(message)

        await self.app(scope, receive, send_with_cookie)
        return None


def visitor() -> str:
    """Return who visits: a hash, so that whoever sees it cannot come as that visitor.

    Where a browser keeps no cookies, each of its sessions is a visitor of its own.
    """
    context = get_script_run_ctx(suppress_warning=True)
    session_id = context.session_id if context else ""
    with _lock:
        _visitors[session_id] = mine = _hash(_identity(), session_id)
        if len(_visitors) > MOST_SESSIONS:
            del _visitors[next(iter(_visitors))]
    return mine


def _hash(secret: str, session_id: str) -> str:
    known = secret if SECRET.fullmatch(secret) else f"session {session_id}"
    return sha256(known.encode()).hexdigest()


def _identity() -> str:
    return str(st.context.cookies.get(COOKIE, ""))
