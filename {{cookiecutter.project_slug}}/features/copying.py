"""One click copies an answer, as the model wrote it. (Streamlit has that for code blocks only.)"""

from langchain_core.messages import BaseMessage

from chat.message import is_answer
from chat.row import Row


def offer(row: Row, message: BaseMessage) -> None:
    """Add the button for an answer; an empty one has nothing to copy."""
    if message.text and is_answer(message):
        row.button("content_copy", "Copy the answer", lambda: None, copies=message.text)
