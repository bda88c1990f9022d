"""Tokens: of each answer, of the session, and an optional limit. Only what the provider reports is counted."""

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from streamlit.delta_generator import DeltaGenerator

from chat.turn import turns_of_session


def limit_usage(model: BaseChatModel | None, tokens: int) -> BaseChatModel | None:
    """Draw what this session has used, and return the model while that is within the limit.

    Parameters:
        model: The chat model, or None.
        tokens: The most a session may use, in and out together; 0 means no limit.
    """
    answers = [turn.answer for turn in turns_of_session()]
    used = sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
    if used:
        st.sidebar.caption(f"Tokens in this session: {used:,}" + (f" of {tokens:,}" if tokens else ""))
    if tokens and used >= tokens:
        st.warning(f"This session has used the {tokens:,} tokens it may use: reload the page to begin a new one.")
        return None
    return model


def show_usage(place: DeltaGenerator, message: BaseMessage) -> None:
    """Draw what an answer took, if the provider has said so."""
    if isinstance(message, AIMessage) and (used := message.usage_metadata):
        place.caption(f"{used['input_tokens']:,} tokens in, {used['output_tokens']:,} out")
