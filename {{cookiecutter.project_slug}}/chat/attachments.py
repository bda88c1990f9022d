"""Files that go along with a question, as LangChain's standard content blocks."""

import base64
from collections.abc import Callable
from typing import Any

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage

from chat.content import files_of
from chat.markdown import plain
from chat.turn import Chat, start

MAX_MEGABYTES = 5  # of one file; providers refuse much larger ones
TEXT_TYPES = ["txt", "md", "csv", "json", "py", "html", "xml", "yaml", "log"]
IMAGE_TYPES = ["png", "jpg", "jpeg", "gif", "webp"]


def accept_files(model: BaseChatModel | None) -> tuple[Callable[..., None], dict[str, Any]]:
    """Return what takes a question with files, and the chat input's options for what the model's profile says it reads.

    Parameters:
        model: The chat model; text files go to any, as text. None while the input is disabled, and shall look the same.
    """
    profile = (model.profile if model else {"image_inputs": True, "pdf_inputs": True}) or {}
    types = [*TEXT_TYPES, *(IMAGE_TYPES if profile.get("image_inputs") else [])]
    types += ["pdf"] if profile.get("pdf_inputs") else []
    return _ask_with_files, {"accept_file": "multiple", "file_type": types, "max_upload_size": MAX_MEGABYTES}


def show_files(message: BaseMessage) -> None:
    """Draw what came with a message."""
    for block in files_of(message):
        if block["type"] == "image":
            try:
                st.image(base64.b64decode(block["base64"]), width=300)
            except Exception:  # it is damaged, only called a picture, or so large that Pillow takes it for a bomb
                st.badge("A picture that cannot be shown", icon=":material/broken_image:", color="gray")
        elif block["type"] == "file":
            st.badge(plain(block["filename"]), icon=":material/description:", color="gray")
        else:
            name, _, text = block["text"].partition("\n")
            with st.expander(plain(name), icon=":material/description:"):
                st.code(text, language=None, wrap_lines=True)


def _ask_with_files(chat: Chat) -> None:
    typed = st.session_state["app.question"]
    text = typed.text or ", ".join(file.name for file in typed.files)
    blocks = [_block(file.name, file.type, file.getvalue()) for file in typed.files]
    question = HumanMessage([{"type": "text", "text": text}, *blocks] if blocks else text)
    start(question, chat)


def _block(name: str, mime_type: str, data: bytes) -> dict[str, Any]:
    ending = name.rpartition(".")[2].lower()
    if ending in TEXT_TYPES:
        return {"type": "text", "text": f"{name}\n{data.decode(errors='replace')}"}
    encoded = base64.b64encode(data).decode()
    if ending in IMAGE_TYPES:
        return {"type": "image", "base64": encoded, "mime_type": mime_type}
    return {"type": "file", "base64": encoded, "mime_type": mime_type, "filename": name}
