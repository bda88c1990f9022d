"""A choice in the sidebar that is kept with the chat, such as that of the model or the persona."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from chat.session import Chat


def choose(chat: Chat, name: str, options: list[str], title: Callable[[str], str]) -> str:
    """Draw a choice, and return what this chat has chosen: the first option, as long as it has chosen no other.

    Parameters:
        chat: What keeps the choice.
        name: What is chosen, in one word; it is kept under this.
        options: What there is to choose from.
        title: Returns what to call an option.
    """
    kept = chat.kept.get(name)
    index = options.index(kept) if kept in options else 0
    key = f"app.{name}.{chat.session_key}.{options[0]}"  # another field for another chat, and when the default changes
    keep = partial(_keep, chat, name, key, options)
    st.sidebar.selectbox(name.capitalize(), options, index=index, format_func=title, key=key, on_change=keep)
    return options[index]


def _keep(chat: Chat, name: str, key: str, options: list[str]) -> None:
    if (chosen := st.session_state[key]) in options:
        chat.kept[name] = chosen if chosen != options[0] else ""  # then one that is the first later counts
