"""The last answer again, or to an edited question; the versions so far can be paged through."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from langchain_core.messages import BaseMessage, HumanMessage

from chat.errors import ChatError, Refusal
from chat.files import MAX_CHARS, name_of
from chat.message import content_of, files_of, is_answer, says_something, state_of, text_of
from chat.row import Row
from chat.session import Chat
from chat.turn import running_turn, start

Version = list[BaseMessage]  # a question and its answer

HIDE_THE_QUESTION = ".stChatMessage:has([class*=st-key-app-edit]) div:has(> .stText) { display: none }"
PARTS: Any = {
    kind: Path(__file__).with_suffix(f".{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
}
_editor = st.components.v2.component("edit_question", **PARTS)


def offer(row: Row, message: BaseMessage, chat: Chat) -> None:
    """Add "Try again", "Edit" and the pages under the last answer; without a model, the pages alone."""
    if message is not chat.history.messages[-1] or not is_answer(message):
        return
    question = chat.history.messages[-2]
    if chat.model:
        row.button("refresh", "Try again", partial(_ask_again, chat, message))
        row.button("edit", "Edit the question", partial(chat.kept.update, editing=question.id))
    versions = _versions(chat, question)
    shown = next((number for number, version in enumerate(versions) if version[1] is message), 0)
    if len(versions) > 1:
        earlier, later = partial(_show, chat, question, shown - 1), partial(_show, chat, question, shown + 1)
        row.button("chevron_left", "Earlier version", earlier if shown else None)
        row.text(f"{shown + 1}/{len(versions)}")
        row.button("chevron_right", "Later version", later if shown + 1 < len(versions) else None)


def edit(question: BaseMessage, chat: Chat) -> None:
    """Draw a field in the question's place while it is edited."""
    edited = bool(chat.model) and chat.kept.get("editing", "") == question.id
    if not edited and question is not chat.history.messages[-2]:
        return
    place = st.empty()  # takes the field away at once when it has been sent
    if edited:
        key = f"app.edit.{question.id}"
        with place.container():
            st.html(f"<style>{HIDE_THE_QUESTION}</style>")
            # In a list: for a bare string Streamlit imports pandas, to see whether it is a table (80 MB, 0.3 s).
            _editor(
                key=key,
                data=[text_of(question), MAX_CHARS, *map(name_of, files_of(question))],
                on_send_change=partial(_ask_edited, chat, question, key),
                on_cancel_change=partial(chat.kept.pop, "editing", None),
            )


def _versions(chat: Chat, question: BaseMessage) -> list[Version]:
    return chat.history.versions.get(question.id, [])


# A click may come when what it was meant for is no longer the last answer: each callback looks first.


def _ask_again(chat: Chat, answer: BaseMessage) -> None:
    if answer is chat.history.messages[-1]:
        unsent = Refusal(state_of(answer).get("error", "")) if state_of(answer).get("unsent") else None
        _replace(chat, chat.history.messages[-2].content, unsent)


def _ask_edited(chat: Chat, question: BaseMessage, key: str) -> None:
    match st.session_state.get(key, {}).get("send"):  # nothing, if the field has gone in the meantime
        case {"text": str(text), "files": list(chosen)} if text.strip() and chat.kept.get("editing") == question.id:
            files = [file for number, file in enumerate(files_of(question)) if number in chosen]
            content = content_of(text[:MAX_CHARS], files)
        case _:
            return
    chat.kept.pop("editing", None)
    if question.id == chat.history.messages[-2].id:
        _replace(chat, content)
    else:
        start(HumanMessage(content), chat)


def _replace(chat: Chat, content: Any, problem: ChatError | None = None) -> None:
    chat.kept.pop("editing", None)
    if turn := running_turn(chat.history):
        turn.stop()
    *earlier, question, answer = chat.history.messages
    versions = _versions(chat, question) or [[question, answer]]
    chat.history.messages[:] = earlier
    start(HumanMessage(content, id=question.id), chat, problem)
    worth_keeping = [version for version in versions if says_something(version[1]) or version[0].content != content]
    chat.history.versions[question.id] = [*worth_keeping, chat.history.messages[-2:]]


def _show(chat: Chat, question: BaseMessage, number: int) -> None:
    if question.id == chat.history.messages[-2].id:  # each version of it has this id
        chat.history.show(_versions(chat, question)[number])
