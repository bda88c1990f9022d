"""A conversation as Markdown to read and as JSON to restore; the JSON is LangChain's own form of messages."""

import json
from collections.abc import Sequence

import streamlit as st
from langchain_core.messages import BaseMessage, messages_from_dict, messages_to_dict

from chat.history import BaseChatMessageHistory
from chat.turn import text_of

NAMES = {"human": "You", "ai": "Assistant"}


def offer_export(history: BaseChatMessageHistory) -> None:
    """Draw it in the sidebar.

    Parameters:
        history: The conversation that is exported, or that an import fills if nothing was asked in it yet.
    """
    messages = list(history.messages)
    begun = any(message.type == "human" for message in messages)
    with st.sidebar.expander("Export and import", icon=":material/save:"):
        row = st.container(horizontal=True)
        row.download_button("Markdown", lambda: _to_markdown(messages), "chat.md", "text/markdown", on_click="ignore")
        row.download_button("JSON", lambda: _to_json(messages), "chat.json", "application/json", on_click="ignore")
        st.file_uploader(
            "Import JSON",
            "json",
            key="app.import",
            max_upload_size=20,
            on_change=_import,
            args=(history,),
            disabled=begun,
            help="Into a new chat: what was said in this one would be lost." if begun else None,
        )
        if problem := st.session_state.pop("app.import_problem", ""):
            st.error(problem)


def _to_markdown(messages: Sequence[BaseMessage]) -> str:
    return "\n\n".join(f"**{NAMES[message.type]}:**\n\n{text_of(message)}" for message in messages) + "\n"


def _to_json(messages: Sequence[BaseMessage]) -> str:
    return json.dumps(messages_to_dict(messages), ensure_ascii=False, indent=1)


def _import(history: BaseChatMessageHistory) -> None:
    if not (file := st.session_state["app.import"]):
        return
    try:
        messages = messages_from_dict(json.loads(file.getvalue()))
        if not messages or not all(message.type in NAMES for message in messages):
            raise ValueError("nothing but questions and answers belongs here")
        for message in messages:
            text_of(message)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        st.session_state["app.import_problem"] = f"{file.name} is no exported chat: nothing was changed."
        return
    for message in messages:
        if message.response_metadata.get("status") == "running":
            message.response_metadata["status"] = "stopped"
    history.messages[:] = messages
