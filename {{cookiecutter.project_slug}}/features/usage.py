"""Tokens: of each answer, of the session with an optional limit, and how full the model's context is."""

import streamlit as st
from langchain_core.messages import AIMessage, BaseMessage

from chat.context import context_tokens, count_tokens
from chat.message import is_answer
from chat.row import Row
from chat.session import Chat
from chat.turn import turns_of_session


def limit(chat: Chat) -> None:
    """Take the model away when the session has used all the tokens that settings.toml allows it."""
    if _limit_reached(chat):
        chat.model = None
        most = chat.settings["tokens_per_session"]
        st.bottom.warning(f"This session has used the {most:,} tokens it may use: reload the page to start a new one.")


def show(row: Row, message: BaseMessage) -> None:
    """Add how many tokens an answer took, if the provider says so."""
    if isinstance(message, AIMessage) and (used := message.usage_metadata):
        row.text(f"{used['input_tokens']:,} tokens in, {used['output_tokens']:,} out")


def show_total(chat: Chat) -> None:
    """Draw how full the model's context is, and what the session has used. Comes last, to count the answer above it."""
    if chat.model and _limit_reached(chat):
        st.rerun()
    used, most = _used(), chat.settings["tokens_per_session"]
    total = f"{used:,}" + (f" of {most:,}" if most else "") + " tokens used in this session" if used else ""
    st.bottom.caption(" · ".join(filter(None, [_context(chat), total])) or "&nbsp;", text_alignment="center")


def _context(chat: Chat) -> str:
    last = chat.history.messages[-1] if chat.history.messages else None
    if not chat.model or not (size := context_tokens(chat.model)) or not last or not is_answer(last):
        return ""
    used = last.usage_metadata if isinstance(last, AIMessage) else None  # as the provider counts, else an estimate
    messages = chat.history.messages[-chat.model_settings["history_messages"] :]  # from -0: all
    tokens = used["total_tokens"] if used else count_tokens(messages)
    #% if cookiecutter.tools != "none"
    tokens = last.response_metadata.get("context", tokens)
    #% endif
    return f"Context {min(tokens / size, 1):.0%} of {size:,} tokens"


def _limit_reached(chat: Chat) -> bool:
    return 0 < chat.settings["tokens_per_session"] <= _used()


def _used() -> int:
    answers = [turn.answer for turn in turns_of_session()]
    return sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
