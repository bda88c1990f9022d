"""Files that go along with a question, as LangChain's standard content blocks."""

import base64
from typing import Any

import streamlit as st
from langchain_core.messages import BaseMessage

from chat.markdown import plain
from chat.message import files_of
from chat.session import Chat

MAX_MEGABYTES = 5  # of one file; providers refuse much larger ones
TEXT_TYPES = ["txt", "md", "csv", "json", "py", "html", "xml", "yaml", "log"]
IMAGE_TYPES = ["png", "jpg", "jpeg", "gif", "webp"]


def accepted(chat: Chat) -> dict[str, Any]:
    """Return the chat input's options for the files that the model reads, by its profile; it reads text in any case."""
    # While there is no model, the input is disabled, and should look as it will later.
    profile = (chat.model.profile if chat.model else {"image_inputs": True, "pdf_inputs": True}) or {}
    types = [*TEXT_TYPES, *(IMAGE_TYPES if profile.get("image_inputs") else [])]
    types += ["pdf"] if profile.get("pdf_inputs") else []
    return {
        "accept_file": "multiple",
        "file_type": types,
        "max_upload_size": MAX_MEGABYTES,
        "kwargs": {"to_block": _to_block},
    }


def show(message: BaseMessage) -> None:
    """Draw what came with a message."""
    for block in files_of(message):
        if block["type"] == "image":
            try:
                st.image(base64.b64decode(block["base64"]), width="content")
            except Exception:  # it is damaged, a picture only by name, or so large that Pillow takes it for a bomb
                st.badge("A picture that cannot be shown", icon=":material/broken_image:", color="gray")
        elif block["type"] == "file":
            with st.expander(plain(block["filename"]), icon=":material/description:"):
                st.caption("A PDF document, which the model is shown.")
        else:
            name, _, text = block["text"].partition("\n")
            with st.expander(plain(name), icon=":material/description:"):
                st.code(text, language=None, wrap_lines=True)


def _to_block(file: Any) -> dict[str, Any]:
    name, mime_type, data = file.name, file.type, file.getvalue()
    ending = name.rpartition(".")[2].lower()
    if ending in TEXT_TYPES:
        return {"type": "text", "text": f"{name}\n{data.decode(errors='replace')}"}
    encoded = base64.b64encode(data).decode()
    if ending in IMAGE_TYPES:
        return {"type": "image", "base64": encoded, "mime_type": mime_type}
    return {"type": "file", "base64": encoded, "mime_type": mime_type, "filename": name}
