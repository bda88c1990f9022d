"""Files that go along with a question, as LangChain's standard content blocks."""

from functools import partial
from typing import Any

import streamlit as st
from langchain_core.messages import BaseMessage

from chat.chain import is_unread
from chat.errors import ChatError
from chat.files import MAX_CHARS, MAX_FILES, MAX_MEGABYTES, MAX_MEGABYTES_TOGETHER, name_of, preview, to_block
from chat.markdown import plain
from chat.message import files_of
from chat.session import Chat

SHOWN_CHARS = 10_000  # of a text file; a browser would stand still for minutes over some megabytes


def accepted(chat: Chat) -> dict[str, Any]:
    """Return the chat input's options: files of all types, since their names tell little."""
    limits = {"max_chars": MAX_CHARS, "max_upload_size": MAX_MEGABYTES}
    return {"accept_file": "multiple", **limits, "kwargs": {"to_block": partial(_to_block, chat)}}


def show(message: BaseMessage) -> None:
    """Draw what came with a message."""
    for block in files_of(message):
        if block["type"] == "image":
            if copy := preview(block):
                st.image(copy, width="content")
            else:
                st.badge("A picture that cannot be shown", icon=":material/broken_image:", color="gray")
            continue
        with st.expander(plain(name_of(block)), icon=":material/description:"):
            if block["type"] == "file":
                st.caption("A PDF document, sent to the model.")
                continue
            text = block["text"].partition("\n")[2]
            more = f"\n… and {len(text) - SHOWN_CHARS:,} more characters" if len(text) > SHOWN_CHARS else ""
            st.code(text[:SHOWN_CHARS] + more, language=None, wrap_lines=True)


def _to_block(chat: Chat, file: Any) -> dict[str, Any]:
    files = st.session_state["app.question"].files
    if len(files) > MAX_FILES or sum(each.size for each in files) > MAX_MEGABYTES_TOGETHER * 2**20:
        most = f"{MAX_FILES} files, {MAX_MEGABYTES_TOGETHER} MB in total"
        raise ChatError(f"A question can have at most {most}: ask again with fewer.")
    block = to_block(file.name, file.getvalue())
    if chat.model and is_unread(block, chat.model.profile or {}):
        kind, model = "pictures" if block["type"] == "image" else "PDFs", plain(chat.model_settings["name"])
        raise ChatError(f"{model} cannot read {kind}: ask another model about {plain(file.name)}, or ask without it.")
    return block
