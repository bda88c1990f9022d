"""A conversation as Markdown to read and as JSON to restore; the JSON is LangChain's own form of messages."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import streamlit as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, messages_from_dict, messages_to_dict

from chat.markdown import plain
from chat.message import files_of, state_of, text_of
from chat.session import Chat

NAMES = {"human": "You", "ai": "Assistant"}


def offer(chat: Chat) -> None:
    """Draw it in the sidebar. An import fills the chat, if nothing was asked in it yet."""
    expander = st.sidebar.expander("Export and import", icon=":material/save:", key="app.export", on_change="rerun")
    if not expander.open:  # nobody looks, and it would take a tenth of the time of drawing a new page
        return
    messages = chat.history.messages  # not a copy: the chat goes on after this is drawn
    begun = _has_begun(messages)
    with expander:
        row = st.container(horizontal=True)
        row.download_button("Markdown", lambda: _to_markdown(messages), "chat.md", "text/markdown", on_click="ignore")
        row.download_button("JSON", lambda: _to_json(messages), "chat.json", "application/json", on_click="ignore")
        st.file_uploader(
            "Import JSON",
            "json",
            key="app.import",
            on_change=_import,
            args=(chat,),
            disabled=begun,
            help="Into a new chat: what was said in this one would be lost." if begun else None,
        )
        if problem := chat.kept.pop("import_problem", ""):
            st.error(problem)


def _has_begun(messages: Sequence[BaseMessage]) -> bool:
    return any(message.type == "human" for message in messages)


def _to_markdown(messages: Sequence[BaseMessage]) -> str:
    return "\n\n".join(f"**{NAMES[message.type]}:**\n\n{_with_notes(message)}" for message in messages) + "\n"


def _with_notes(message: BaseMessage) -> str:
    names = [block.get("filename") or block.get("text", "a picture").partition("\n")[0] for block in files_of(message)]
    state = state_of(message)
    notes = [*names, "Stopped" if state.get("status") == "stopped" else "", state.get("ended"), state.get("error")]
    return "\n\n".join([text_of(message), *(f"({note})" for note in notes if note)])


def _to_json(messages: Sequence[BaseMessage]) -> str:
    return json.dumps(messages_to_dict(messages), ensure_ascii=False, indent=1)


def _import(chat: Chat) -> None:
    if not (file := st.session_state["app.import"]):
        return
    if _has_begun(chat.history.messages):  # the button may be older than the first question
        chat.kept["import_problem"] = "This chat has begun, so nothing was imported: start a new one for it."
        return
    try:
        messages = _checked(messages_from_dict(json.loads(file.getvalue())))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        chat.kept["import_problem"] = f"{plain(file.name)} is not an exported chat: nothing was changed."
        return
    chat.history.messages[:] = messages


def _checked(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Return the messages rebuilt from what may be in them: a greeting or none, then questions and answers."""
    greeted = messages[0].type == "ai" and "status" not in messages[0].response_metadata
    greeting, turns = messages[:greeted], messages[greeted:]
    if [message.type for message in turns] != ["human", "ai"] * (len(turns) // 2):
        raise ValueError("questions and answers do not take turns")
    checked: list[BaseMessage] = [AIMessage(_text(message.content)) for message in greeting]
    for question, answer in zip(turns[::2], turns[1::2], strict=True):
        checked.append(HumanMessage(_content(question.content), id=str(uuid4())))
        said = answer.response_metadata
        status = said.get("status") if said.get("status") in ("complete", "failed") else "stopped"
        kept: dict[str, Any] = {"status": status}
        kept |= {name: _text(said[name]) for name in ("error", "ended", "thinking") if name in said}
        kept |= {"feedback": int(said["feedback"])} if said.get("feedback") in (0, 1) else {}
        used = answer.usage_metadata if isinstance(answer, AIMessage) else None
        checked.append(AIMessage(_text(answer.content), id=str(uuid4()), response_metadata=kept, usage_metadata=used))
    return checked


def _text(text: Any) -> str:
    text.encode()  # raises if it is no text, or holds half a character
    return text


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return _text(content)
    first, *files = content
    return [{"type": "text", "text": _text(first["text"])}, *(_file(block) for block in files)]


def _file(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "text":
        return {"type": "text", "text": _text(block["text"])}
    base64.b64decode(block["base64"], validate=True)
    fields = {"image": ("type", "base64", "mime_type"), "file": ("type", "base64", "mime_type", "filename")}
    return {field: _text(block[field]) for field in fields[block["type"]]}
