"""What a message holds: its text, and the files that came along, as LangChain's standard content blocks."""

from typing import Any

from langchain_core.messages import BaseMessage


def text_of(message: BaseMessage) -> str:
    """Return what was typed or answered, without the files."""
    first = message.content[0] if message.content else ""
    return first["text"] if isinstance(first, dict) and first["type"] == "text" else message.text


def files_of(message: BaseMessage) -> list[dict[str, Any]]:
    """Return the content blocks of the files; a question with files begins with its text."""
    blocks = message.content[1:] if isinstance(message.content, list) else []
    return [block for block in blocks if isinstance(block, dict)]
