"""The last answer again, or to an edited question; the versions so far can be paged through."""

from typing import Any

import streamlit as st
from langchain_core.messages import BaseMessage, HumanMessage
from streamlit.delta_generator import DeltaGenerator

from chat.content import text_of
from chat.turn import Chat, start

Version = list[BaseMessage]  # a question and its answer


def offer_versions(place: DeltaGenerator, message: BaseMessage, chat: Chat) -> None:
    """Draw "Try again", "Edit question" and the pages under the last answer.

    Parameters:
        place: Where they go.
        message: The message drawn above them; nothing is drawn unless it is the last answer.
        chat: Where and how to ask; without a model, only the pages are drawn.
    """
    place = place.empty()  # else those of the answer before would stay until the next one has ended
    if message is not chat.history.messages[-1] or "status" not in message.response_metadata:
        return
    place = place.container(horizontal=True, width="content", vertical_alignment="center")
    question = chat.history.messages[-2]
    if chat.model:
        place.button("Try again", icon=":material/refresh:", type="tertiary", on_click=_ask_again, args=(chat, message))
        key = f"app.edited.{message.id}"
        popover = place.popover("Edit question", icon=":material/edit:", type="tertiary", key=f"app.edit.{message.id}")
        with popover, st.form("app.edit", border=False):
            st.text_area("Your question", text_of(question), key=key)
            st.form_submit_button("Send", on_click=_ask_edited, args=(chat, message, key))
    versions = _versions(question)
    shown = [number for number, version in enumerate(versions, start=1) if version[1] is message]
    if len(versions) > 1 and shown:
        key = f"app.version.{versions[-1][1].id}"  # the same while one pages: a quick second click counts too
        place.pagination(len(versions), default=shown[0], key=key, on_change=_show, args=(chat, question, key))


def _versions(question: BaseMessage) -> list[Version]:
    return st.session_state.setdefault("app.versions", {}).get(question.id, [])


# A click may come when what it was meant for is no longer the last answer: each callback looks first.


def _ask_again(chat: Chat, answer: BaseMessage) -> None:
    if answer is chat.history.messages[-1]:
        _replace(chat, chat.history.messages[-2].content)


def _ask_edited(chat: Chat, answer: BaseMessage, key: str) -> None:
    text = st.session_state[key]
    if not text.strip():
        return
    if answer is not chat.history.messages[-1]:
        start(HumanMessage(text), chat)
        return
    old = chat.history.messages[-2].content
    _replace(chat, text if isinstance(old, str) else [{"type": "text", "text": text}, *old[1:]])


def _replace(chat: Chat, content: Any) -> None:
    *earlier, question, answer = chat.history.messages
    versions = _versions(question) or [[question, answer]]
    chat.history.messages[:] = earlier
    start(HumanMessage(content, id=question.id), chat)
    worth_keeping = [version for version in versions if version[1].text or version[0].content != content]
    st.session_state["app.versions"][question.id] = [*worth_keeping, chat.history.messages[-2:]]


def _show(chat: Chat, question: BaseMessage, key: str) -> None:
    if question.id == chat.history.messages[-2].id:  # each version of it has this id
        chat.history.messages[-2:] = _versions(question)[st.session_state[key] - 1]
