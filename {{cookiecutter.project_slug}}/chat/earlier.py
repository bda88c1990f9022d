"""The latest messages at once, earlier ones on demand: a long chat sends no more to the browser than a short one."""

from collections.abc import Sequence

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator

LATEST = 10  # messages; up to 9 more are drawn, so that those on the page change places seldom
MORE = 50


def latest(place: DeltaGenerator, messages: Sequence[BaseMessage], session_key: str) -> Sequence[BaseMessage]:
    """Draw what brings earlier messages, if there are any, and return those to draw.

    Parameters:
        place: Where it goes, above the messages.
        messages: All of them.
        session_key: Of the conversation.
    """
    earlier = st.session_state.setdefault("app.earlier", {})
    hidden = max(0, len(messages) - LATEST - earlier.get(session_key, 0)) // LATEST * LATEST
    if hidden and messages[hidden].type == "ai":  # with its question
        hidden -= 1
    if hidden:
        label = f"Show earlier messages ({hidden:,})"
        place.button(label, key="app.show_earlier", type="tertiary", on_click=_show_more, args=(session_key,))
    return messages[hidden:]


def _show_more(session_key: str) -> None:
    earlier = st.session_state["app.earlier"]
    earlier[session_key] = earlier.get(session_key, 0) + MORE
