"""Several conversations in the sidebar: new, rename, delete with undo, switch. They live as long as the tab."""

from dataclasses import dataclass

import streamlit as st

from chat.content import text_of
from chat.markdown import plain

UNTITLED = "Untitled chat"


@dataclass
class Conversation:
    """One of the session's conversations.

    Parameters:
        session_key: Where Streamlit's session state keeps its messages.
        name: What the user called it; "" means its first question.
    """

    session_key: str
    name: str = ""

    @property
    def title(self) -> str:
        """The name, else the first question, else that it is new."""
        messages = st.session_state.get(self.session_key, [])
        questions = (text_of(message) for message in messages if message.type == "human")
        return self.name or " ".join(next(questions, "").split())[:60] or UNTITLED


def choose_conversation(session_key: str) -> str:
    """Draw the list and return the session key of the conversation that is open.

    Parameters:
        session_key: Of the first conversation; the others' are derived from it.
    """
    if st.session_state.get("app.first_key") != session_key:  # at first, and when settings.toml has another
        st.session_state["app.first_key"] = st.session_state["app.open"] = session_key
        st.session_state["app.conversations"] = [Conversation(session_key)]
        st.session_state["app.deleted"] = []
    with st.sidebar:
        st.button("New chat", icon=":material/edit_square:", width="stretch", on_click=_begin, key="app.new")
        for conversation in st.session_state["app.conversations"]:
            _draw(conversation)
        if st.session_state["app.deleted"]:
            st.button("Undo delete", icon=":material/undo:", width="stretch", on_click=_undo, key="app.undo")
        st.caption("Chats live as long as this tab: a reload ends them.")
    return st.session_state["app.open"]


def _draw(conversation: Conversation) -> None:
    key, title = conversation.session_key, conversation.title
    if st.session_state.get("app.renamed") == key:
        name_key = f"app.name.{key}"
        args, name = (conversation, name_key), conversation.name
        st.text_input("New name", name, key=name_key, placeholder=title, max_chars=60, on_change=_rename, args=args)
        st.button("Done", key="app.renaming_done", on_click=_rename, args=args)
        return
    row = st.container(horizontal=True, gap=None, wrap=False)
    kind = "secondary" if key == st.session_state["app.open"] else "tertiary"
    row.button(plain(title), key=f"app.open.{key}", type=kind, width="stretch", on_click=_open, args=(key,))
    row.menu_button(
        "",
        ["Rename", "Delete"],
        icon=":material/more_vert:",
        help="Rename or delete",
        type="tertiary",
        key=f"app.menu.{key}",
        on_click=_act,
        args=(conversation,),
    )


def _begin() -> None:
    number = st.session_state["app.count"] = st.session_state.get("app.count", 1) + 1
    conversation = Conversation(f"{st.session_state['app.first_key']} {number}")
    st.session_state["app.conversations"].insert(0, conversation)
    _open(conversation.session_key)


def _open(session_key: str) -> None:
    # A second click may come before the page has changed: what it was meant for may be gone.
    if any(conversation.session_key == session_key for conversation in st.session_state["app.conversations"]):
        st.session_state["app.open"] = session_key


def _rename(conversation: Conversation, name_key: str) -> None:
    conversation.name = st.session_state[name_key].strip()
    st.session_state["app.renamed"] = None


def _act(conversation: Conversation) -> None:
    conversations = st.session_state["app.conversations"]
    if st.session_state[f"app.menu.{conversation.session_key}"] == "Rename":
        st.session_state["app.renamed"] = conversation.session_key
        return
    if conversation not in conversations:
        return
    st.session_state["app.deleted"].append((conversations.index(conversation), conversation))
    conversations.remove(conversation)
    if not conversations:
        _begin()
    elif st.session_state["app.open"] == conversation.session_key:
        _open(conversations[0].session_key)


def _undo() -> None:
    if not st.session_state["app.deleted"]:
        return
    place, conversation = st.session_state["app.deleted"].pop()
    st.session_state["app.conversations"].insert(place, conversation)
    _open(conversation.session_key)
