"""The app: what stands between a browser and the page. `streamlit run app.py` starts it."""

import streamlit as st
from starlette.middleware import Middleware

from chat.settings import allowed_hosts
from server.gate import OneEventAtATime
from server.headers import SecurityHeaders
from server.visitor import VisitorCookie
from server.warm_up import WarmUp

warm_up = WarmUp("server.open_files:raise_limit", "chat.turn", "chat.files", "chat.session:prepare", "chat.tidy:begin")
app = st.App(
    "page.py",
    lifespan=warm_up.lifespan,
    middleware=[
        Middleware(SecurityHeaders, allowed_hosts),
        Middleware(VisitorCookie),
        Middleware(OneEventAtATime, warm_up.join),
    ],
)
