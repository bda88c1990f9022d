"""The last answer again, or to an edited question; the versions so far can be paged through."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from streamlit.delta_generator import DeltaGenerator

from chat.history import BaseChatMessageHistory
from chat.turn import start, text_of

Version = list[BaseMessage]  # a question and its answer


def offer_versions(
    place: DeltaGenerator,
    message: BaseMessage,
    history: BaseChatMessageHistory,
    model: BaseChatModel | None,
    model_settings: dict[str, Any],
    read_system_prompt: Callable[[], str],
) -> None:
    """Draw "Try again", "Edit" and the pages under the last answer.

    Parameters:
        place: Where they go.
        message: The message drawn above them; nothing is drawn unless it is the last answer.
        history, model, model_settings, read_system_prompt: As for `start`; without a model, only the pages are drawn.
    """
    if message is not history.messages[-1] or "status" not in message.response_metadata:
        return
    question = history.messages[-2]
    if model:
        turn = (history, model, model_settings, read_system_prompt)
        place.button("Try again", icon=":material/refresh:", type="tertiary", on_click=_ask_again, args=turn)
        with place.popover("Edit", icon=":material/edit:", type="tertiary"), st.form("app.edit", border=False):
            st.text_area("Your question", text_of(question), key=f"app.edited.{message.id}")
            st.form_submit_button("Send", on_click=_ask_edited, args=(f"app.edited.{message.id}", *turn))
    versions = _versions(question)
    shown = [number for number, version in enumerate(versions, start=1) if version[1] is message]
    if len(versions) > 1 and shown:
        key = f"app.version.{message.id}"
        place.pagination(len(versions), default=shown[0], key=key, on_change=_show, args=(history, key))


def _versions(question: BaseMessage) -> list[Version]:
    return st.session_state.setdefault("app.versions", {}).get(question.id, [])


def _ask_again(history: BaseChatMessageHistory, *turn: Any) -> None:
    _replace(history, history.messages[-2].content, *turn)


def _ask_edited(key: str, history: BaseChatMessageHistory, *turn: Any) -> None:
    old, text = history.messages[-2].content, st.session_state[key]
    _replace(history, text if isinstance(old, str) else [{"type": "text", "text": text}, *old[1:]], *turn)


def _replace(history: BaseChatMessageHistory, content: Any, *turn: Any) -> None:
    *earlier, question, answer = history.messages
    versions = _versions(question) or [[question, answer]]
    history.messages[:] = earlier
    start(HumanMessage(content, id=question.id), history, *turn)
    worth_keeping = [version for version in versions if version[1].text]
    st.session_state["app.versions"][question.id] = [*worth_keeping, history.messages[-2:]]


def _show(history: BaseChatMessageHistory, key: str) -> None:
    history.messages[-2:] = _versions(history.messages[-2])[st.session_state[key] - 1]
