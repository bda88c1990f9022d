"""Thumbs on answers, kept with the message: `response_metadata["feedback"]` is 1 for up and 0 for down."""

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator


def ask_for_feedback(place: DeltaGenerator, message: BaseMessage) -> None:
    """Draw the thumbs of an answer.

    Parameters:
        place: Where they go.
        message: The answer that takes the feedback.
    """
    if message.text and message.response_metadata:  # the greeting has none
        key, given = f"app.feedback.{message.id}", message.response_metadata.get("feedback")
        place.feedback("thumbs", key=key, default=given, on_change=_keep, args=(message, key))


def _keep(message: BaseMessage, key: str) -> None:
    message.response_metadata["feedback"] = st.session_state[key]
