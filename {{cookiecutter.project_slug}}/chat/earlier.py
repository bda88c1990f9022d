"""The latest messages at once, earlier ones on demand: a long chat is as fast as a short one, also in the browser."""

from collections.abc import Sequence

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator

LATEST = 10  # messages; up to 9 more are drawn, so that those on the page change places seldom
MORE = 50


def latest(place: DeltaGenerator, messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    """Draw what brings earlier messages, if there are any, and return those to draw.

    Parameters:
        place: Where it goes, above the messages.
        messages: All of them.
    """
    shown = LATEST + st.session_state.get("app.earlier", 0)
    hidden = max(0, len(messages) - shown) // LATEST * LATEST
    if hidden:
        label = f"Show earlier messages ({hidden:,})"
        place.button(label, key="app.show_earlier", type="tertiary", on_click=_show_more)
    return messages[hidden:]


def _show_more() -> None:
    st.session_state["app.earlier"] = st.session_state.get("app.earlier", 0) + MORE
