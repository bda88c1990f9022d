"""A chat of which much has been said already."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings


def fill(page: AppTest, messages: Sequence[BaseMessage]) -> None:
    """Give the page's chat these messages."""
    page.session_state[read_settings()["session_key"]] = [*messages]


def whole(page: AppTest) -> Sequence[BaseMessage]:
    """Return all messages of the page's chat."""
    return page.session_state[read_settings()["session_key"]]
