"""Tokens: of each answer, of the session with an optional limit, and how full the model's context is."""

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from streamlit.delta_generator import DeltaGenerator

from chat.context import context_tokens, count_tokens
from chat.turn import Chat, turns_of_session


def limit_usage(model: BaseChatModel | None, limit: int) -> BaseChatModel | None:
    """Return the model while what this session has used is within the limit, else None.

    Parameters:
        model: The chat model, or None.
        limit: The tokens that a session may use, in and out together; 0 means no limit.
    """
    return None if limit and _used() >= limit else model


def show_usage(place: DeltaGenerator, message: BaseMessage) -> None:
    """Draw what an answer took, if the provider has said so."""
    if isinstance(message, AIMessage) and (used := message.usage_metadata):
        place.caption(f"{used['input_tokens']:,} tokens in, {used['output_tokens']:,} out")


def show_total(model: BaseChatModel | None, limit: int) -> None:
    """Draw what the session has used. Comes last on the page, to count the answer that grew there.

    Parameters:
        model: What `limit_usage` returned; if this answer was the last one allowed, the page is drawn again.
        limit: As for `limit_usage`.
    """
    if limit and _used() >= limit:
        if model:
            st.rerun()
        st.warning(f"This session has used the {limit:,} tokens it may use: reload the page to begin a new one.")
    if used := _used():
        st.sidebar.caption(f"Tokens in this session: {used:,}" + (f" of {limit:,}" if limit else ""))


def show_context(chat: Chat) -> None:
    """Draw how much of the model's context the chat takes, in the sidebar, where its profile says how much there is.

    Parameters:
        chat: The chat; what the provider reported for the last answer is counted, else it is estimated.
    """
    if not chat.model or not (size := context_tokens(chat.model)) or not chat.history.messages:
        return
    last = chat.history.messages[-1]
    used = last.usage_metadata if isinstance(last, AIMessage) else None
    messages = chat.history.messages[-chat.model_settings["history_messages"] :]  # from -0: all
    tokens = used["total_tokens"] if used else count_tokens(messages)
    full = min(tokens / size, 1)
    st.sidebar.progress(full, f"Context: {full:.0%} of {size:,} tokens")


def _used() -> int:
    answers = [turn.answer for turn in turns_of_session()]
    return sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
