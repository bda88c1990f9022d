"""The empty page: what this is, and questions to start with, from prompts/starters.md."""

from contextlib import suppress

import streamlit as st
from langchain_core.messages import HumanMessage

from chat.errors import ChatError
from chat.markdown import plain
from chat.session import Chat
from chat.settings import read_prompt
from chat.turn import start


def offer(chat: Chat) -> None:
    """Draw them until the first message; without a model, nothing can be asked."""
    place = st.empty()  # removes at once those that a question leaves behind
    if any(message.type == "human" for message in chat.history.messages):
        return
    with suppress(ChatError):  # no file, no questions
        lines = [line for line in read_prompt("starters").splitlines() if line.startswith("- ")]
        invitation = " Type a message, or start with one of these:" if lines and chat.model else ""
        place = place.container()
        place.caption(f"You are talking with {plain(chat.model_settings['name'])}.{invitation}")
        for number, line in enumerate(lines):
            question = HumanMessage(line.removeprefix("- "))
            args, key = (question, chat), f"app.starter.{number}"
            place.button(plain(question.text), key=key, on_click=_ask, args=args, disabled=not chat.model)


def _ask(question: HumanMessage, chat: Chat) -> None:
    if not question.id:  # else it was pressed twice
        start(question, chat)
