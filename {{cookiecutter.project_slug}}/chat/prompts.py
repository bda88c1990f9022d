"""The prompts: plain text files, sent word for word, read afresh each time they are needed."""

from pathlib import Path

from chat.errors import ChatError

PROMPTS = Path(__file__).parent.parent / "prompts"


def read_prompt(name: str) -> str:
    """Return the text of prompts/<name>.md, to the character.

    Raises:
        ChatError: The file is missing or is not UTF-8 text.
    """
    try:
        return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ChatError(f"prompts/{name}.md cannot be read: make it UTF-8 text, then try again.") from error
