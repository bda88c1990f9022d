"""One's own conversations in the sidebar: new, rename, delete with undo, search; each has an address of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from chat import store
from chat.errors import ChatError
from chat.keeping import ID
from chat.markdown import plain
from chat.message import clean
from chat.session import Chat, session
from server.visitor import visitor

UNTITLED = "Untitled chat"
NOT_FOUND = "This chat was not found: it may have been deleted, or the link is incomplete. Start a new one here."
# For so long, an event may come that the browser sent before it learned of its new address.
LATE_SECONDS = 0.5  # no longer: whoever has gone to the wrong chat goes Back at once
STYLE_AND_SCRIPT = Path(__file__).with_suffix(".html")


@dataclass
class _Chats:
    """What a browser session knows of its visitor's conversations.

    Parameters:
        open: The id of the one that is open.
        address: What stands after `?c=`: the same id once its first question is stored.
        left: What stood there before, and until when it may still be named.
        unknown: Whether the browser came with an address that is not known.
        titles: What the sidebar shows, by id.
        title: The title of the one that is open.
        deleted: The ids of those that can be restored, the latest last.
        renamed: The id of the one whose name is being changed, or "".
        problem: The sentence for what could not be done.
    """

    open: str = field(default_factory=lambda: uuid4().hex)
    address: str = ""
    left: tuple[str, float] = ("", 0)
    unknown: bool = False
    titles: dict[str, str] = field(default_factory=dict)
    title: str = ""
    deleted: list[str] = field(default_factory=list)
    renamed: str = ""
    problem: str = ""

    def go(self, key: str) -> None:
        """Open a conversation; "" for a new one."""
        self.open, self.unknown, self.left = key or uuid4().hex, False, (self.address, time.monotonic() + LATE_SECONDS)
        self.set_address(key)

    def set_address(self, key: str) -> None:
        self.address = key
        if key:
            st.query_params["c"] = key
        else:
            st.query_params.pop("c", None)

    def follow(self, asked: str, owner: str) -> None:
        """Go where the browser has gone: back, forward, or to an address that it was given."""
        left, until = self.left
        if asked == left and time.monotonic() < until:
            self.set_address(self.address)
        elif asked != self.address:
            known = bool(ID.fullmatch(asked)) and store.revision(owner, asked) is not None
            self.open, self.address, self.unknown = asked if known else uuid4().hex, asked, bool(asked) and not known

    def attempt(self, what: Callable[[], Any]) -> None:
        try:
            what()
        except ChatError as problem:
            self.problem = str(problem)


def choose(chat: Chat) -> None:
    """Draw the list, and switch the chat to the conversation that is open."""
    chats: _Chats = session().setdefault("conversations", _Chats())
    owner, notice = visitor(), st.empty()
    chats.follow(st.query_params.get("c", ""), owner)
    if chats.unknown:
        notice.warning(NOT_FOUND)
    chat.session_key = chats.open
    chats.title = chat.history.title
    for kept in session()["chats"].values():  # what could not be stored in another chat is, as soon as it can
        if (other := kept.get("history")) and other is not chat.history:
            if other.has_unsaved:
                other.refresh()
            elif not other.followed():
                del kept["history"]  # with its files; it is read again when it is opened
    with st.sidebar:
        new, icon = partial(_begin, chats), ":material/edit_square:"
        st.button("New chat", "app.new", icon=icon, width="stretch", shortcut="ctrl+shift+o", on_click=new)
        text = st.text_input("Search", "", 200, "app.search", placeholder="Search", label_visibility="collapsed")
        chats.attempt(partial(_list, chats, owner, clean(text or "").strip()))
        with st.container(key="app.chats", gap=None):
            for key in chats.titles:
                _draw(chats, key)
        if chats.deleted:
            undo = ":material/undo:"
            st.button("Undo delete", key="app.undo", icon=undo, width="stretch", on_click=_undo, args=(chats, chat))
        note = st.container(gap=None)
        if chats.problem:
            note.warning(chats.problem)
        elif text and not chats.titles:
            note.caption("Nothing found.")
        elif len(chats.titles) >= store.LISTED:
            note.caption("Search to find older chats.")
        note.html(STYLE_AND_SCRIPT, unsafe_allow_javascript=True)
    chats.problem = ""


def show_new_title(chat: Chat) -> None:
    """Give the conversation its address once it is stored, and draw the page again when its title has changed."""
    chats: _Chats = session()["conversations"]
    if is_new := bool(chat.history.title) and chats.address != chats.open:
        chats.go(chats.open)
    if is_new or chats.title != chat.history.title:
        chats.title = chat.history.title
        st.rerun()


def _list(chats: _Chats, owner: str, text: str) -> None:
    found = store.chats(owner, text)
    chats.titles = {key: title for key, title, deleted in found if not deleted}
    if chats.open not in chats.titles and not text:
        chats.titles = {chats.open: chats.title or UNTITLED, **chats.titles}
    chats.deleted = [key for key, _, deleted in reversed(found) if deleted]


def _draw(chats: _Chats, key: str) -> None:
    title = plain(chats.titles[key])
    if chats.renamed == key:
        st.text_input("New name", chats.titles[key], key=f"app.name.{key}", on_change=_rename, args=(chats, key))
        st.button("Done", key="app.renaming_done", on_click=_rename, args=(chats, key))
        return
    row = st.container(horizontal=True, gap=None, wrap=False)
    kind = "secondary" if key == chats.open else "tertiary"
    row.button(title, key=f"app.open.{key}", type=kind, width="stretch", on_click=_open, args=(chats, key))
    looks: Any = {"icon": ":material/more_vert:", "help": "Rename or delete", "type": "tertiary"}
    menu, options = f"Options of {title}", ["Rename", "Delete"]
    row.menu_button(menu, options, key=f"app.menu.{key}", on_click=_act, args=(chats, key), **looks)


# A second click may come before the page has changed: what it was meant for may be gone.


def _begin(chats: _Chats) -> None:
    if chats.address:  # else the one that is open is new enough
        chats.go("")


def _open(chats: _Chats, key: str) -> None:
    if key in chats.titles and key != chats.open:
        chats.go(key)


def _rename(chats: _Chats, key: str) -> None:
    name = st.session_state.get(f"app.name.{key}")
    if isinstance(name, str) and key in chats.titles and (name := clean(name).strip()[:60]) != chats.titles[key]:
        chats.attempt(partial(store.rename, visitor(), key, name))
    if not chats.problem:  # else what was typed stays, to be tried again
        chats.renamed = ""


def _act(chats: _Chats, key: str) -> None:
    chosen = st.session_state.get(f"app.menu.{key}")
    if key not in chats.titles:
        return
    if chosen == "Rename":
        chats.renamed = key
    elif chosen == "Delete":
        chats.attempt(partial(store.delete, visitor(), key))
        if chats.open == key:
            chats.go(next((other for other in chats.titles if other != key), ""))


def _undo(chats: _Chats, chat: Chat) -> None:
    if chats.deleted:
        key = chats.deleted.pop()
        chats.attempt(lambda: store.restore(visitor(), key, chat.settings))
        if not chats.problem:
            chats.go(key)
