"""Personas: each file in prompts/ is one, and a session may use an edited one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import streamlit as st

from chat.prompts import PROMPTS, read_prompt

NOT_OTHER_PERSONAS = {"system", "greeting", "starters"}


@dataclass
class Persona:
    """The persona that a session uses.

    Parameters:
        name: Of its file in prompts/, without the ending.
        edited: Prompts that this session has edited, by name.
    """

    name: str = "system"
    edited: dict[str, str] = field(default_factory=dict)

    def read(self) -> str:
        """Return the system prompt."""
        return self.edited[self.name] if self.name in self.edited else read_prompt(self.name)


def choose_persona() -> Callable[[], str]:
    """Draw the choice and return what reads the system prompt when it is needed."""
    persona: Persona = st.session_state.setdefault("app.persona_in_use", Persona())
    names = ["system", *sorted({path.stem for path in PROMPTS.glob("*.md")} - NOT_OTHER_PERSONAS)]
    if persona.name not in names:  # its file has gone
        persona.name = "system"
    with st.sidebar:
        st.selectbox("Persona", names, key="app.persona", format_func=_title, on_change=_choose, args=(persona,))
        key = f"app.prompt.{persona.name}.{hash(persona.read())}"  # another field when the file has changed
        with st.popover("Edit the prompt", icon=":material/edit:", width="stretch"), st.form("app.edit_prompt"):
            st.text_area("System prompt", persona.read(), height=200, key=key)
            st.form_submit_button("Use in this session", on_click=_use, args=(persona, key))
            if _is_development():
                st.form_submit_button(f"Save to prompts/{persona.name}.md", on_click=_save, args=(persona, key))
    return persona.read


def _choose(persona: Persona) -> None:
    persona.name = st.session_state["app.persona"]


def _use(persona: Persona, key: str) -> None:
    persona.edited[persona.name] = st.session_state[key]


def _save(persona: Persona, key: str) -> None:
    _use(persona, key)
    file = PROMPTS / f"{persona.name}.md"
    try:
        file.with_suffix(".new").write_text(st.session_state[key], encoding="utf-8", newline="")
        file.with_suffix(".new").replace(file)  # a full disk leaves the old one whole
    except OSError as error:
        st.error(f"prompts/{file.name} cannot be written ({error.strerror}): the edit counts in this session only.")
    else:
        del persona.edited[persona.name]


def _is_development() -> bool:
    """Say whether the page is open on the developer's own screen: no server, and no visitor, may change files."""
    # Behind a tunnel, everybody comes from this machine, but under another name.
    here = urlsplit(st.context.url or "").hostname in ("localhost", "127.0.0.1", "::1")
    return here and st.context.ip_address is None and not st.get_option("server.headless")


def _title(name: str) -> str:
    return "Default" if name == "system" else name.replace("_", " ").replace("-", " ").capitalize()
