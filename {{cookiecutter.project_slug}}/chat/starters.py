"""The empty page: what this is, and questions to start with, from prompts/starters.md."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from chat.history import BaseChatMessageHistory
from chat.prompts import read_prompt
from chat.turn import start


def offer_starters(
    history: BaseChatMessageHistory,
    model: BaseChatModel | None,
    model_settings: dict[str, Any],
    read_system_prompt: Callable[[], str],
) -> None:
    """Draw them until the first message.

    Parameters:
        history, model, model_settings, read_system_prompt: As for `start`; without a model nothing can be asked.
    """
    if any(message.type == "human" for message in history.messages):
        return
    st.caption(f"You are talking with {model_settings['name']}. Type a message below, or start with one of these:")
    questions = [line.lstrip("- ") for line in read_prompt("starters").splitlines() if line.startswith("- ")]
    for number, question in enumerate(questions):
        turn = (HumanMessage(question), history, model, model_settings, read_system_prompt)
        st.button(question, key=f"app.starter.{number}", on_click=start, args=turn, disabled=model is None)
