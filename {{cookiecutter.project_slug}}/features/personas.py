"""Personas: each file in prompts/ is one. A chat has its own, and may use an edited prompt."""

from functools import partial

import streamlit as st

from chat import choice, settings
from chat.errors import ChatError
from chat.files import MAX_CHARS
from chat.message import clean
from chat.session import Chat
from chat.settings import read_prompt

NOT_OTHER_PERSONAS = {"system", "greeting", "starters"}


def choose(chat: Chat) -> None:
    """Draw the choice, and let the chat use the persona that was chosen for it."""
    name = choice.choose(chat, "persona", _names(), _title)
    edited: dict[str, str] = chat.kept.setdefault("edited_prompts", {})
    chat.read_system_prompt = lambda: edited[name] if name in edited else read_prompt(name)
    label = "Edit the prompt (edited)" if name in edited else "Edit the prompt"
    open_editor = partial(chat.kept.update, editing_prompt=True)
    st.sidebar.button(label, icon=":material/edit:", width="stretch", on_click=open_editor)
    if chat.kept.get("editing_prompt"):
        close = partial(chat.kept.update, editing_prompt=False)
        st.dialog("Edit the prompt", width="medium", on_dismiss=close)(_edit)(chat, name)


def _names() -> list[str]:
    return ["system", *sorted({path.stem for path in settings.PROMPTS.glob("*.md")} - NOT_OTHER_PERSONAS)]


def _title(name: str) -> str:
    return "Default" if name == "system" else name.replace("_", " ").replace("-", " ").capitalize()


def _edit(chat: Chat, name: str) -> None:
    if not chat.kept.get("editing_prompt"):
        st.rerun()
    try:
        text = chat.read_system_prompt()
    except ChatError as problem:
        st.error(str(problem))
        return
    key = f"app.prompt.{name}.{hash(text)}"  # another field when the file has changed
    with st.form("app.edit_prompt", border=False):  # else each leaving of the field would run the dialog
        most = max(MAX_CHARS, len(text))
        st.text_area(f"System prompt of the persona {_title(name)}", text, height=400, key=key, max_chars=most)
        st.caption("Takes effect with your next message, in this chat only.")
        row = st.container(horizontal=True)
        row.form_submit_button("Use in this chat", on_click=_use, args=(chat, name, key))
        if name in chat.kept["edited_prompts"]:
            row.form_submit_button(f"Revert to prompts/{name}.md", on_click=_revert, args=(chat, name))
        if chat.settings["save_prompts"]:
            row.form_submit_button(f"Save to prompts/{name}.md", on_click=_save, args=(chat, name, key))
    if problem := chat.kept.pop("prompt_problem", ""):
        st.error(problem)


def _use(chat: Chat, name: str, key: str) -> None:
    if isinstance(text := st.session_state.get(key), str):
        chat.kept["edited_prompts"][name] = clean(text)
    chat.kept["editing_prompt"] = False


def _revert(chat: Chat, name: str) -> None:
    chat.kept["edited_prompts"].pop(name, None)
    chat.kept["editing_prompt"] = False


def _save(chat: Chat, name: str, key: str) -> None:
    _use(chat, name, key)
    text, file = chat.kept["edited_prompts"].get(name), settings.PROMPTS / f"{name}.md"
    if text is None or name not in _names() or not chat.settings["save_prompts"]:
        return
    try:
        file.with_suffix(".new").write_text(text, encoding="utf-8", newline="")
        file.with_suffix(".new").replace(file)  # a full disk leaves the old one intact
    except OSError as error:
        problem = f"prompts/{file.name} cannot be written ({error.strerror}): the edit applies to this chat only."
        chat.kept.update(prompt_problem=problem, editing_prompt=True)
    else:
        _revert(chat, name)
