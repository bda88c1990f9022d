"""A conversation as Markdown to read and as JSON to restore; the JSON is LangChain's own form of messages."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import streamlit as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, messages_to_dict
from langchain_core.messages.ai import UsageMetadata
from streamlit.runtime.uploaded_file_manager import UploadedFile

#% if cookiecutter.tools != "none"
from chat import steps
#% endif
from chat.errors import ChatError
#% if cookiecutter.conversations != "session"
from chat.everything import offer_all
#% endif
from chat.files import MAX_FILES, name_of, take, to_block
from chat.markdown import plain
from chat.message import clean, content_of, files_of, notes_of, state_of, text_of
from chat.session import Chat

NAMES = {"human": "You", "ai": "Assistant"}
SAID = {"error": "This answer failed.", "ended": "This answer ended early."}  # an import cannot speak for the app
# Of an import, lest it take the memory, or stop everybody for seconds:
MAX_VALUES, MAX_MESSAGES, MAX_CHARS_OF_MESSAGE = 1_000_000, 10_000, 500_000


def offer(chat: Chat) -> None:
    """Draw it in the sidebar. An import fills the chat, if nothing was asked in it yet."""
    expander = st.sidebar.expander("Export and import", icon=":material/save:", key="app.export", on_change="rerun")
    if not expander.open:  # nobody looks, and it would take a tenth of the time of drawing a new page
        return
    chat.history.reach()
    messages = chat.history.messages  # not a copy: the chat goes on after this is drawn
    begun = _has_begun(messages)
    why = "Start a new chat to import: importing here would overwrite this one." if begun else None
    with expander:
        looks: Any = {"on_click": "ignore", "width": "stretch"}
        st.download_button("Export as Markdown", lambda: _to_markdown(messages), "chat.md", "text/markdown", **looks)
        st.download_button("Export as JSON", lambda: _to_json(messages), "chat.json", "application/json", **looks)
        st.file_uploader(
            "Import JSON", "json", key="app.import", on_change=_import, args=(chat,), disabled=begun, help=why
        )
        below = st.empty()
        #% if cookiecutter.conversations != "session"
        offer_all(chat, _to_json, _read)
        #% endif
        if problem := chat.kept.pop("import_problem", ""):
            below.error(problem)


def _has_begun(messages: Sequence[BaseMessage]) -> bool:
    return any(message.type == "human" for message in messages)


def _to_markdown(messages: Sequence[BaseMessage]) -> str:
    return "\n\n".join(f"**{NAMES[message.type]}:**\n\n{_with_notes(message)}" for message in messages) + "\n"


def _with_notes(message: BaseMessage) -> str:
    notes = [*map(name_of, files_of(message)), *notes_of(message), state_of(message).get("error")]
    parts = [text_of(message), *(f"({note})" for note in notes if note)]
    #% if cookiecutter.tools != "none"
    parts = [*steps.as_markdown(message), *parts]
    #% endif
    return "\n\n".join(parts)


def _to_json(messages: Sequence[BaseMessage]) -> str:
    return json.dumps(messages_to_dict(messages), ensure_ascii=False, indent=1)


def _import(chat: Chat) -> None:
    if not isinstance(file := st.session_state["app.import"], UploadedFile):  # the server may have restarted
        return
    if _has_begun(chat.history.messages):  # the button may be older than the first question
        chat.kept["import_problem"] = "This chat has begun, so nothing was imported: start a new chat, then import."
        return
    try:
        messages = _read(file.getvalue())
    except ChatError as problem:
        chat.kept["import_problem"] = f"Nothing was imported. {problem}"
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        chat.kept["import_problem"] = f"{plain(file.name)} is not an exported chat: nothing was changed."
    else:
        chat.history.clear()
        chat.history.add_messages(messages)


def _read(data: bytes) -> list[BaseMessage]:
    take(len(data))
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ValueError("too much for a chat")
    return _checked(json.loads(data))


def _checked(saved: list[dict[str, Any]]) -> list[BaseMessage]:
    """Return messages made from what may be in them: a greeting or none, then questions and answers."""
    greeted = saved[0]["type"] == "ai" and "status" not in saved[0]["data"].get("response_metadata", {})
    turns = saved[greeted:MAX_MESSAGES]
    if [message["type"] for message in turns] != ["human", "ai"] * ((len(saved) - greeted) // 2):
        raise ValueError("questions and answers do not take turns, or are too many")
    checked: list[BaseMessage] = [AIMessage(_text(saved[0]["data"]["content"]))] if greeted else []
    for question, answer in zip(turns[::2], turns[1::2], strict=True):
        checked += [HumanMessage(_content(question["data"]["content"]), id=str(uuid4())), _answer(answer["data"])]
    return checked


def _answer(saved: dict[str, Any]) -> AIMessage:
    said = saved.get("response_metadata") or {}
    status = said.get("status") if said.get("status") in ("complete", "failed") else "stopped"
    kept: dict[str, Any] = {"status": status}
    kept |= {name: sentence if said[name] else "" for name, sentence in SAID.items() if name in said}
    kept |= {"thinking": _text(said["thinking"])} if "thinking" in said else {}
    kept |= {"feedback": int(said["feedback"])} if said.get("feedback") in (0, 1) else {}
    kept |= {name: True for name in ("refused", "unsent") if said.get(name) is True}
    #% if cookiecutter.tools != "none"
    kept |= steps.checked(said)
    #% endif
    counts: Any = {name: (saved.get("usage_metadata") or {}).get(name) for name in UsageMetadata.__required_keys__}
    used = counts if all(type(count) is int and 0 <= count < 10**9 for count in counts.values()) else None
    return AIMessage(_text(saved["content"]), id=str(uuid4()), response_metadata=kept, usage_metadata=used)


def _text(text: str) -> str:
    if len(text) > MAX_CHARS_OF_MESSAGE:
        raise ValueError("too long for an answer")
    return clean(text)


def _content(content: Any) -> Any:
    first, *files = [{"text": content}] if isinstance(content, str) else content
    if len(files) > MAX_FILES or not first["text"].strip():
        raise ValueError("too many files, or no question")
    return content_of(_text(first["text"]), [_file(block) for block in files])


def _file(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "text":
        name, _, text = clean(block["text"]).partition("\n")
        return to_block(name, text.encode())
    name = {"image": "A picture", "file": str(block.get("filename"))}[block["type"]]
    return to_block(name, base64.b64decode(block["base64"], validate=True))
