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
    """The guide's history, and what is done with one; nobody needs to know whether it is kept elsewhere, too.

    One that is need not have all in `messages`, but the latest.
    """

    outlives_session = False
    title = ""  # where it is kept under one
    problem = ""  # the sentence for why what is new could not be kept
    versions: dict[str | None, list[list[BaseMessage]]]  # of a question and its answer, by the question's id

    @property
    def length(self) -> int:
        """How many messages there are."""
        return len(self.messages)

    def since(self, start: int) -> Sequence[BaseMessage]:
        """Return the messages from that one on; an answer comes with its question."""
        return self.messages[start - 1 if start and self.messages[start].type == "ai" else start :]

    def latest(self) -> Sequence[BaseMessage]:
        """Return as many messages as a model may see."""
        return self.messages

    def whole(self) -> Sequence[BaseMessage]:
        """Return all messages."""
        return self.messages

    def refresh(self) -> None:
        """Look for what others have changed."""

    def save(self, message: BaseMessage) -> None:
        """Keep a change of this message."""

    def show(self, question: BaseMessage, answer: BaseMessage) -> None:
        """Put another version in the place of the last question and its answer."""
        self.messages[-2:] = [question, answer]

    def follow(self, turn: Any) -> None:
        """Keep an answer as it grows."""

    def finish(self, turn: Any) -> None:
        """Keep an answer that has just ended."""

    def followed(self) -> Sequence[Any]:
        """Return the turns of others."""
        return ()
