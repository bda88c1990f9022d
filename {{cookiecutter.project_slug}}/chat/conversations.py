"""Several conversations in the sidebar: new, rename, delete with undo, switch. They live as long as the tab."""

import streamlit as st

from chat.content import text_of
from chat.markdown import plain

UNTITLED = "Untitled chat"
# A menu's name says to a screen reader which chat it is of; the eye sees that. And on a phone the sidebar covers the
# page: some buttons fold it away, as those of Streamlit's own navigation do.
STYLE_AND_SCRIPT = """<style>
[class*=st-key-app-menu] [data-testid=stMarkdownContainer] { position: absolute; clip-path: inset(50%) }
</style>
<script>
document.body.onclick = ({ target }) => {
  if (innerWidth < 768 && target.closest(".st-key-app-new, .st-key-app-undo, [class*=st-key-app-open]"))
    document.querySelector("[data-testid=stSidebarCollapseButton] button").click()
}
</script>"""

# In the session's state, "app.chats" has each conversation's session key and the name that the user gave it ("" means
# its first question), "app.deleted" the keys of those that can be had back, and "app.open" the one that is open.


def choose_conversation(session_key: str) -> str:
    """Draw the list and return the session key of the conversation that is open.

    Parameters:
        session_key: Of the first conversation; the others' are derived from it.
    """
    if st.session_state.get("app.first_key") != session_key:  # at first, and when settings.toml has another
        st.session_state["app.first_key"] = st.session_state["app.open"] = session_key
        st.session_state["app.chats"] = {session_key: ""}
        st.session_state["app.deleted"] = []
    with st.sidebar:
        st.button("New chat", icon=":material/edit_square:", width="stretch", on_click=_begin, key="app.new")
        for key in _kept():
            _draw(key)
        if st.session_state["app.deleted"]:
            st.button("Undo delete", icon=":material/undo:", width="stretch", on_click=_undo, key="app.undo")
        note = st.container(gap=None)
        note.caption("Chats live as long as this tab: a reload ends them.")
        note.html(STYLE_AND_SCRIPT, unsafe_allow_javascript=True)
    return st.session_state["app.open"]


def _kept() -> list[str]:
    deleted = st.session_state["app.deleted"]
    return [key for key in reversed(st.session_state["app.chats"]) if key not in deleted]


def _first_question(key: str) -> str:
    questions = (text_of(message) for message in st.session_state.get(key, []) if message.type == "human")
    return " ".join(next(questions, "").split())[:60]


def _draw(key: str) -> None:
    name = st.session_state["app.chats"][key] or _first_question(key)
    title = plain(name or UNTITLED)
    if st.session_state.get("app.renamed") == key:
        st.text_input("New name", name, key=f"app.name.{key}", on_change=_rename, args=(key,))
        st.button("Done", key="app.renaming_done", on_click=_rename, args=(key,))
        return
    row = st.container(horizontal=True, gap=None, wrap=False)
    kind = "secondary" if key == st.session_state["app.open"] else "tertiary"
    row.button(title, key=f"app.open.{key}", type=kind, width="stretch", on_click=_open, args=(key,))
    row.menu_button(
        f"Options of {title}",
        ["Rename", "Delete"],
        icon=":material/more_vert:",
        help="Rename or delete",
        type="tertiary",
        key=f"app.menu.{key}",
        on_click=_act,
        args=(key,),
    )


# A second click may come before the page has changed: what it was meant for may be gone.


def _begin() -> None:
    if empty := [key for key in _kept() if not _first_question(key)]:
        _open(empty[0])
        return
    number = st.session_state["app.count"] = st.session_state.get("app.count", 1) + 1
    key = f"{st.session_state['app.first_key']} {number}"
    st.session_state["app.chats"][key] = ""
    _open(key)


def _open(key: str) -> None:
    if key in _kept():
        st.session_state["app.open"] = key


def _rename(key: str) -> None:
    name = st.session_state[f"app.name.{key}"].strip()[:60]
    st.session_state["app.chats"][key] = "" if name == _first_question(key) else name
    st.session_state["app.renamed"] = None


def _act(key: str) -> None:
    if st.session_state[f"app.menu.{key}"] == "Rename":
        st.session_state["app.renamed"] = key
    elif key in _kept():
        st.session_state["app.deleted"].append(key)
        if not (kept := _kept()):
            _begin()
        elif st.session_state["app.open"] == key:
            _open(kept[0])


def _undo() -> None:
    if st.session_state["app.deleted"]:
        _open(st.session_state["app.deleted"].pop())
