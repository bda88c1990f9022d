"""The memory guide's classes, all of which LangChain is retiring: when they go, this file changes.

The guide: https://docs.langchain.com/oss/python/integrations/chat_message_histories/streamlit_chat_message_history
"""

import warnings
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community says on import that it is being sunset
    from langchain_community.chat_message_histories import StreamlitChatMessageHistory
    from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
    from langchain_core.runnables.history import RunnableWithMessageHistory

# LangChain puts its own filter first when it is imported, so this one has to come after.
warnings.filterwarnings("ignore", message=".*MessageHistory.* (is|was) deprecated")

__all__ = [
    "BaseChatMessageHistory",
    "History",
    "InMemoryChatMessageHistory",
    "RunnableWithMessageHistory",
    "StreamlitChatMessageHistory",
]


class History(StreamlitChatMessageHistory):
    """The guide's history, and what else is done with one; nobody needs to know whether it is kept elsewhere, too."""

    outlives_session = False
    title = ""  # where it is kept under one
    problem = ""  # the sentence for why what is new could not be kept
    versions: dict[str | None, list[list[BaseMessage]]]  # of a question and its answer, by the question's id

    def refresh(self) -> None:
        """Look for what others have changed."""

    def reach(self, most: int | None = None) -> int:
        """See to it that the latest messages are in `messages`; return how many earlier ones are not.

        Parameters:
            most: How many there should be, if there are as many; None for all.
        """
        return 0

    def save(self, message: BaseMessage) -> None:
        """Keep a change of this message."""

    def save_later(self, message: BaseMessage) -> None:
        """Keep a change of this message, at the next run of the page; may be called in any thread."""

    def show(self, version: Sequence[BaseMessage]) -> None:
        """Put another version in the place of the last question and its answer."""
        self.messages[-2:] = version

    def follow(self, turn: Any) -> None:
        """Keep an answer as it grows; is called once it has begun, and once it has ended."""

    def followed(self) -> Sequence[Any]:
        """Return the turns of others."""
        return ()
