"""Who visits: the account that a browser is signed in to. What it sends after that has ended is not done."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from weakref import WeakValueDictionary

import streamlit as st
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

COOKIE = "chat_signing_in"  # the chat that one was at when one began to sign in
OPTIONS = "Path=/; HttpOnly; SameSite=Lax"
SECONDS = 600
ALLOWED = re.compile(r"-app\.sign_(in\.\d+|out)$")  # the ids of the widgets of whoever is not signed in
CHAT = re.compile("[?&]c=([0-9a-f]{32})(?![^&#])")


class SignIn:
    """What a browser session has signed in with, if it has; `has_ended` is asked before what it sends is done."""

    def __init__(self) -> None:
        self.has_ended: Callable[[], bool] = lambda: True
        self.unsent = ""  # the question that came too late
        if context := get_script_run_ctx(suppress_warning=True):
            _sign_ins[context.session_id] = self


_sign_ins: WeakValueDictionary[str, SignIn] = WeakValueDictionary()  # by Streamlit's session id; sessions keep them


class Visitors:
    """ASGI middleware that asks at each event whether the browser is signed in, and leads back once it is again.

    Callbacks run before the page, and some events bring no run of it, so the page alone cannot ask.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._watch(scope, receive, send)
        elif scope["type"] == "http" and "/_stcore/upload_file/" in scope["path"]:
            sign_in = _sign_ins.get(scope["path"].split("/")[-2])
            ended = not sign_in or await asyncio.to_thread(sign_in.has_ended)
            await (Response(status_code=403) if ended else self.app)(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith(("/auth/login", "/auth/logout", "/oauth2callback")):
            if Headers(scope=scope).get("sec-fetch-mode", "navigate") == "navigate":
                await self._lead_back(scope, receive, send)
            else:  # a picture in an answer, say
                await Response(status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        id, is_known = "".join(scope["subprotocols"][2:3]), False  # of the session that a browser comes back to

        async def receive_checked() -> Message:
            message = await receive()
            sign_in = _sign_ins.get(id)
            if message.get("bytes") and sign_in and await asyncio.to_thread(sign_in.has_ended):
                message["bytes"] = _only_the_page(message["bytes"], sign_in)
            return message

        async def send_and_learn(message: Message) -> None:
            nonlocal id, is_known
            told = ForwardMsg() if is_known else ForwardMsg.FromString(message.get("bytes") or b"")
            if told.HasField("new_session"):
                id, is_known = told.new_session.initialize.session_id, True
            await send(message)

        await self.app(scope, receive_checked, send_and_learn)

    async def _lead_back(self, scope: Scope, receive: Receive, send: Send) -> None:
        given, route = MutableHeaders(scope=scope), scope["path"].rpartition("/")[2]
        cookie = cookie_parser(given.get("cookie", "")).get(COOKIE, "")
        chat = CHAT.search(given.get("referer", "") if route == "login" else f"?c={cookie}")
        back = f"?c={chat[1]}" if chat else ""

        async def send_there(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if route == "login":
                    headers.append("Set-Cookie", f"{COOKIE}={chat[1] if chat else 'new'}; Max-Age={SECONDS}; {OPTIONS}")
                    if message["status"] >= 400:  # the provider cannot be reached, which the page says
                        message["status"], headers["Location"] = 302, f"../{back}"
                elif route == "logout":
                    headers.append("Set-Cookie", f"{COOKIE}=; Max-Age=0; {OPTIONS}")
                elif "Location" in headers:
                    headers["Location"] += back
            await send(message)

        await self.app(scope, receive, send_there)


def _only_the_page(data: bytes, sign_in: SignIn) -> bytes:
    """Return an event that asks for the page, to sign in or out at most; what was typed is put aside."""
    event, left = BackMsg(), BackMsg(rerun_script=ClientState())
    with suppress(DecodeError):
        event.ParseFromString(data)
    left.rerun_script.query_string = event.rerun_script.query_string
    for widget in event.rerun_script.widget_states.widgets:
        if ALLOWED.search(widget.id):
            left.rerun_script.widget_states.widgets.append(widget)
        if widget.HasField("chat_input_value"):
            sign_in.unsent = widget.chat_input_value.data
    return left.SerializeToString()


def visitor() -> str:
    """Return who is signed in: a hash, the same at each visit."""
    return sha256(_identity().encode()).hexdigest()


def _identity() -> str:
    """Return what nobody else can have: the two that the provider promises to give to no other account."""
    return json.dumps([st.user["iss"], st.user["sub"]])
