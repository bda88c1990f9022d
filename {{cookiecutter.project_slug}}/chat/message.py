"""A message: its text, its files, and what else an answer says about itself."""

import re
from collections.abc import Sequence
from typing import Any, TypedDict, cast

from langchain_core.messages import AIMessageChunk, BaseMessage

# How models mark their thinking, if the server leaves it in the answer; some servers swallow the opening mark.
TAG = r"(?:[\w:]{0,20}think\w{0,20}|thoughts?|reasoning)"
OPENING = re.compile(
    rf"(?i)<{TAG}>|\[THINK\]|\u25c1think\u25b7|<\|(?:START_THINKING|begin_of_thought|channel\|>analysis<\|message)\|>"
    r"|<\|channel>thought\n?"
)
CLOSING = re.compile(
    rf"(?i)</{TAG}>|\[/THINK\]|\u25c1/think\u25b7|<\|(?:END_THINKING|end_of_thought)\|>"
    r"|<\|end\|>(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>|<channel\|>"
)
QUOTES = ('"', "'", "\u201c", "\u2018", "\xab", "\u300c")


class AnswerState(TypedDict, total=False):
    """What an answer keeps in its `response_metadata`; questions and the greeting have nothing there."""

    status: str  # "running", "complete", "stopped" or "failed"
    error: str  # the sentence for a failed one
    ended: str  # the sentence for one that the provider ended early; "" for a whole one
    thinking: str  # what the model thought before it answered
    refused: bool  # whether the question was refused for what is in it, so that it is not sent again
    unsent: bool  # whether that was before it was sent: a file of it cannot go, and is not in it
    unseen: int  # how many earlier questions the model did not see
    unread: int  # how many files in the chat the model cannot read
    #% if cookiecutter.tools != "none"
    steps: list[Any]  # the tools that were called, each a Step of chat/steps.py
    context: int  # tokens of the last request and what came of it, where there was more than one
    without: str  # the sentence for tools that could not be offered
    #% endif
    feedback: int | None  # 1 for thumbs up, 0 for thumbs down


def state_of(answer: BaseMessage) -> AnswerState:
    """Return the state itself, not a copy."""
    return cast(AnswerState, answer.response_metadata)


def is_answer(message: BaseMessage) -> bool:
    """Say whether a message answers a question, as the greeting does not."""
    return "status" in message.response_metadata


def says_something(answer: BaseMessage) -> bool:
    """Say whether an answer has any content."""
    return bool(answer.text or state_of(answer).get("steps"))


def notes_of(answer: BaseMessage) -> list[str]:
    """Return what is said of how an answer has ended, other than by an error."""
    state = state_of(answer)
    return [note for note in ("Stopped" if state.get("status") == "stopped" else "", state.get("ended")) if note]


def text_of(message: BaseMessage) -> str:
    """Return what was typed or answered, without the files."""
    first = message.content[0] if message.content else ""
    return first["text"] if isinstance(first, dict) and first["type"] == "text" else message.text


def files_of(message: BaseMessage) -> list[dict[str, Any]]:
    """Return the files as LangChain's standard content blocks; a question that has some begins with its text."""
    blocks = message.content[1:] if isinstance(message.content, list) else []
    return [block for block in blocks if isinstance(block, dict)]


def content_of(text: str, files: Sequence[Any]) -> Any:
    """Return the content of a question with this text and these files."""
    return [{"type": "text", "text": clean(text)}, *files] if files else clean(text)


def has_media(message: BaseMessage) -> bool:
    """Say whether there is a picture or a PDF in a message, which not every model reads."""
    return any(block["type"] != "text" for block in files_of(message))


def clean(text: str) -> str:
    """Return a text that can be drawn, sent and stored: halves of characters are joined, or replaced as NUL is."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def split_thinking(text: str) -> tuple[str, str]:
    """Return the thinking that a text begins with, and the rest."""
    thoughts, rest = [], text
    while opening := OPENING.match(stripped := rest.lstrip()):
        closing = CLOSING.search(stripped, opening.end())
        thoughts.append(stripped[opening.end() : closing.start() if closing else None].strip())
        rest = stripped[closing.end() :].lstrip() if closing else ""
    if not thoughts and (closing := CLOSING.search(text)) and not OPENING.search(text, 0, closing.start()):
        before, after = text[: closing.start()], text[closing.end() :]
        quoted = before[-1:] in QUOTES or before[-1:] == after[:1] == " "
        if before.count("`") % 2 == 0 and not quoted:  # else it is talked about
            return before.strip(), after.lstrip()
    return "\n\n".join(thoughts), rest


def refusal_in(chunk: AIMessageChunk) -> str:
    """Return what OpenAI's Responses API says in the place of an answer that it refuses."""
    blocks = chunk.content if isinstance(chunk.content, list) else []
    return "".join(block.get("refusal", "") for block in blocks if isinstance(block, dict))


def thoughts_in(chunk: AIMessageChunk) -> str:
    """Return what a piece of an answer holds of the model's thinking, in whatever form its provider sends it."""
    if isinstance(chunk.content, str) and not chunk.additional_kwargs:
        return ""
    if isinstance(thoughts := chunk.additional_kwargs.get("reasoning_content"), str):
        return thoughts
    return "".join(block.get("reasoning", "") for block in chunk.content_blocks if block["type"] == "reasoning")
