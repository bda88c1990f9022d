"""The app: what stands between a browser and the page. `streamlit run app.py` starts it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.middleware import Middleware

from chat.settings import allowed_hosts
from server.gate import OneEventAtATime
from server.headers import SecurityHeaders
from server.visitor import VisitorCookie
from server.warm_up import WarmUp

warm_up = WarmUp("server.open_files:raise_limit", "chat.turn", "chat.files", "chat.session:prepare", "chat.tidy:begin")


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncGenerator[None]:
    """Begin with the warm-up; at the end, write down what answers have grown to."""
    async with warm_up.lifespan(app):
        yield
    from chat.writer import writer  # not at the top: the warm-up imports LangChain while the browser loads

    writer().close()


app = st.App(
    "page.py",
    lifespan=lifespan,
    middleware=[
        Middleware(SecurityHeaders, allowed_hosts),
        Middleware(VisitorCookie),
        Middleware(OneEventAtATime, warm_up.join),
    ],
)
