"""What Mistral's and Groq's chat completions look like on the wire: OpenAI's, but for where the token counts are.

Sources: https://docs.mistral.ai/api/endpoint/chat
https://console.groq.com/docs/api-reference
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from .openai import (
    CONTENT_TYPE,
    FAULTS,
    USAGE,
    Calls,
    calls,
    conversation,
    environment,
    error,
    event,
    fault,
    model,
    tools,
)

__all__ = [
    "CONTENT_TYPE",
    "FAULTS",
    "calls",
    "conversation",
    "environment",
    "error",
    "fault",
    "model",
    "stream",
    "tools",
]


def stream(words: tuple[str, ...], body: dict[str, Any], calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: one for each word, the calls, then the end."""
    for word in words:
        yield event({"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None})
    for index, (name, arguments) in enumerate(calls):  # each comes whole
        call = {"index": index, "id": uuid4().hex[:9], "function": {"name": name, "arguments": arguments}}
        yield event({"index": 0, "delta": {"content": "", "tool_calls": [call]}, "finish_reason": None})
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls" if calls else "stop"}
    yield event(end, usage=USAGE, x_groq={"usage": USAGE}) + b"data: [DONE]\n\n"
