"""What DeepSeek's and xAI's chat completions look like on the wire: OpenAI's, and what the model thinks.

Sources: https://api-docs.deepseek.com/guides/reasoning_model
https://docs.x.ai/docs/guides/reasoning
"""

from collections.abc import Iterator
from typing import Any

from . import openai
from .openai import CONTENT_TYPE, FAULTS, calls, conversation, environment, error, event, fault, lookup, model, tools

__all__ = [
    "CONTENT_TYPE",
    "FAULTS",
    "calls",
    "conversation",
    "environment",
    "error",
    "event",
    "fault",
    "lookup",
    "model",
    "stream",
    "tools",
]


def stream(
    words: tuple[str, ...], body: dict[str, Any], thinking: str = "", calls: openai.Calls = ()
) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: the thinking, one for each word, the calls, the end."""
    delta = {"role": "assistant", "reasoning_content": thinking}
    begin = event({"index": 0, "delta": delta, "finish_reason": None}) if thinking else b""
    for piece in openai.stream(words, body, calls):
        yield begin + piece
        begin = b""
