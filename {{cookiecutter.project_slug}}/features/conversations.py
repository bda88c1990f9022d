"""Several conversations in the sidebar: new, rename, delete with undo, switch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from chat.markdown import plain
from chat.message import clean, text_of
from chat.session import Chat, session

UNTITLED = "Untitled chat"
MAX_CHATS = 100  # in a session, which keeps deleted ones, too
STYLE_AND_SCRIPT = Path(__file__).with_suffix(".html")


@dataclass
class _Chats:
    """The session's conversations.

    Parameters:
        first: The session key of the first one; the others' are derived from it.
        names: What the user has called each, deleted ones too, by session key; "" means its first question.
        open: The session key of the one that is open.
        deleted: The session keys of those that can be restored.
        renamed: The session key of the one whose name is being changed, or "".
    """

    first: str
    names: dict[str, str]
    open: str
    deleted: list[str] = field(default_factory=list)
    renamed: str = ""

    def kept(self) -> list[str]:
        return [key for key in reversed(self.names) if key not in self.deleted]

    def title(self, key: str) -> str:
        return self.names[key] or _first_question(key) or UNTITLED


def choose(chat: Chat) -> None:
    """Draw the list, and switch the chat to the conversation that is open."""
    first = chat.session_key  # settings.toml may have another one some day
    chats: _Chats = session().setdefault(f"conversations of {first}", _Chats(first, {first: ""}, first))
    with st.sidebar:
        full = len(chats.names) >= MAX_CHATS
        looks: Any = {"icon": ":material/edit_square:", "width": "stretch", "shortcut": "ctrl+shift+o"}
        st.button("New chat", key="app.new", on_click=_begin, args=(chats,), disabled=full, **looks)
        with st.container(key="app.chats", gap=None):
            for key in chats.kept():
                _draw(chats, key)
        if chats.deleted:
            undo = ":material/undo:"
            st.button("Undo delete", key="app.undo", icon=undo, width="stretch", on_click=_undo, args=(chats,))
        note = st.container(gap=None)
        no_more = f" You have reached the limit of {MAX_CHATS} chats in this tab." if full else ""
        note.caption(f"Chats end when the page is reloaded or the server restarts, or after 12 hours offline.{no_more}")
        note.html(STYLE_AND_SCRIPT, unsafe_allow_javascript=True)
    chat.session_key = chats.open
    chat.kept["titled"] = _first_question(chats.open)


def show_new_title(chat: Chat) -> None:
    """Draw the whole page again when the first question has given the chat its title."""
    if chat.kept["titled"] != _first_question(chat.session_key):
        st.rerun()


def _first_question(key: str) -> str:
    questions = (text_of(message) for message in st.session_state.get(key, []) if message.type == "human")
    return " ".join(next(questions, "").split())[:60]


def _draw(chats: _Chats, key: str) -> None:
    if chats.renamed == key:
        name = chats.names[key] or _first_question(key)
        st.text_input("New name", name, key=f"app.name.{key}", on_change=_rename, args=(chats, key))
        st.button("Done", key="app.renaming_done", on_click=_rename, args=(chats, key))
        return
    row = st.container(horizontal=True, gap=None, wrap=False)
    title = plain(chats.title(key))
    kind = "secondary" if key == chats.open else "tertiary"
    row.button(title, key=f"app.open.{key}", type=kind, width="stretch", on_click=_open, args=(chats, key))
    looks: Any = {"icon": ":material/more_vert:", "help": "Rename or delete", "type": "tertiary"}
    menu, options = f"Options of {title}", ["Rename", "Delete"]
    row.menu_button(menu, options, key=f"app.menu.{key}", on_click=_act, args=(chats, key), **looks)


# A second click may come before the page has changed: what it was meant for may be gone.


def _begin(chats: _Chats) -> None:
    if empty := [key for key in chats.kept() if not _first_question(key)]:
        chats.open = empty[0]
    elif len(chats.names) < MAX_CHATS:
        chats.open = f"{chats.first} {len(chats.names) + 1}"
        chats.names[chats.open] = ""


def _open(chats: _Chats, key: str) -> None:
    if key in chats.kept():
        chats.open = key


def _rename(chats: _Chats, key: str) -> None:
    if isinstance(name := st.session_state.get(f"app.name.{key}"), str):
        name = clean(name).strip()[:60]
        chats.names[key] = "" if name == _first_question(key) else name
    chats.renamed = ""


def _act(chats: _Chats, key: str) -> None:
    chosen = st.session_state.get(f"app.menu.{key}")
    if chosen == "Rename":
        chats.renamed = key
    elif chosen == "Delete" and key in (kept := chats.kept()) and (len(kept) > 1 or len(chats.names) < MAX_CHATS):
        chats.deleted.append(key)
        if not (kept := chats.kept()):
            _begin(chats)
        elif chats.open == key:
            chats.open = kept[0]


def _undo(chats: _Chats) -> None:
    if chats.deleted:
        _open(chats, chats.deleted.pop())
