"""A chat of which much has been said already."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage
from streamlit.testing.v1 import AppTest

from chat.history import History


def fill(page: AppTest, messages: Sequence[BaseMessage]) -> None:
    """Give the page's chat these messages."""
    history = _history(page)
    history.clear()
    history.add_messages(messages)


def whole(page: AppTest) -> Sequence[BaseMessage]:
    """Return all messages of the page's chat."""
    _history(page).reach()
    return _history(page).messages


def _history(page: AppTest) -> History:
    return [*page.session_state["app.session"]["chats"].values()][-1]["history"]
