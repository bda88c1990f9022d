"""Personas: each file in prompts/ is one, and a session may use an edited one."""

from collections.abc import Callable

import streamlit as st

from chat.prompts import PROMPTS, read_prompt

NO_PERSONAS = ("greeting", "starters")


def choose_persona() -> Callable[[], str]:
    """Draw the choice and return what reads the system prompt when it is needed."""
    edited: dict[str, str] = st.session_state.setdefault("app.edited_prompts", {})
    names = sorted((path.stem for path in PROMPTS.glob("*.md") if path.stem not in NO_PERSONAS), key=_system_first)
    with st.sidebar:
        name = st.selectbox("Persona", names, key="app.persona", format_func=_title) or "system"
        with st.popover("Edit the prompt", icon=":material/edit:", width="stretch"), st.form(f"app.edit.{name}"):
            text = st.text_area("System prompt", edited.get(name) or read_prompt(name), height=200)
            if st.form_submit_button("Use in this session"):
                edited[name] = text
            if _is_development() and st.form_submit_button(f"Save to prompts/{name}.md"):
                (PROMPTS / f"{name}.md").write_text(text, encoding="utf-8", newline="")
                edited.pop(name, None)
    return lambda: edited.get(name) or read_prompt(name)


def _is_development() -> bool:
    """Say whether the page is open on the developer's own screen: no server, and no visitor, may change files."""
    return not st.get_option("server.headless") and st.context.ip_address is None


def _system_first(name: str) -> tuple[bool, str]:
    return name != "system", name


def _title(name: str) -> str:
    return "Default" if name == "system" else name.replace("_", " ").replace("-", " ").capitalize()
