"""Thumbs on answers, kept with the message."""

from functools import partial

from langchain_core.messages import BaseMessage

from chat.message import is_answer, state_of
from chat.row import Row
from chat.session import Chat

THUMBS = {1: ("thumb_up", "Good answer"), 0: ("thumb_down", "Bad answer")}


def ask(row: Row, message: BaseMessage, chat: Chat) -> None:
    """Add the thumbs of an answer; a second press takes one back."""
    if message.text and is_answer(message):
        for value, (icon, label) in THUMBS.items():
            pressed = state_of(message).get("feedback") == value
            row.button(icon, label, partial(_keep, chat, message, None if pressed else value), pressed=pressed)


def _keep(chat: Chat, message: BaseMessage, feedback: int | None) -> None:
    state_of(message)["feedback"] = feedback
    chat.history.save(message)
