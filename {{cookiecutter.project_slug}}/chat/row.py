"""The row of quiet buttons under an answer: one component, to which each feature adds its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator

_component = st.components.v2.component(
    "answer_row",
    html="<div class=answer-row></div>",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,  # page.css has them: sent once, and not with each row
)


class Row:
    """What is in the row under one answer.

    Parameters:
        answer: The answer.
        place: Where `draw` puts the row; None while the answer grows.
    """

    def __init__(self, answer: BaseMessage, place: DeltaGenerator | None) -> None:
        self._key = f"app.row.{answer.id}"
        self._place = place
        self._items: list[dict[str, Any]] = []
        self._callbacks: dict[str, Any] = {}

    def button(self, icon: str, label: str, on_click: Callable[[], Any] | None, **looks: Any) -> None:
        """Add a button.

        Parameters:
            icon: One of https://fonts.google.com/icons
            label: Its tooltip, and its name for a screen reader.
            on_click: Is called as any widget's callback is; None disables the button.
            looks: `pressed` (whether it is switched on) or `copies` (the text that it copies to the clipboard, without
                asking the server).
        """
        event = label.lower().replace(" ", "_")
        self._items.append({"event": event, "icon": icon, "label": label, "disabled": on_click is None, **looks})
        if on_click:  # Streamlit accepts no event without one
            self._callbacks[f"on_{event}_change"] = on_click

    def text(self, text: str) -> None:
        """Add a few words in small print."""
        self._items.append({"text": text})

    def announce(self, id: float, *notes: str, reads_answer: bool) -> None:
        """Have a screen reader told how the answer has ended, where features/accessibility.js is; nobody sees it.

        Parameters:
            id: What has the same as the one before is not announced again.
            notes: The words; an error's box is announced by itself.
            reads_answer: Whether the answer comes before them.
        """
        self._items.append({"text": "", "end": [id, " ".join(notes), reads_answer]})

    def draw(self) -> None:
        """Draw the row, or nothing if there is nothing in it: while the answer grew, "Stop" was there."""
        if self._place and not self._items:
            self._place.empty()
        elif self._place:
            with self._place:
                # In a list: for a bare string Streamlit imports pandas, to see whether it is a table (80 MB, 0.3 s).
                _component(key=self._key, data=self._items, **self._callbacks)
