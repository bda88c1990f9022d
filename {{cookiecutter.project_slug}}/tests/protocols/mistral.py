"""What Mistral's and Groq's chat completions look like on the wire: OpenAI's, but for where the token counts are.

Sources: https://docs.mistral.ai/api/endpoint/chat
https://console.groq.com/docs/api-reference
"""

from collections.abc import Iterator
from typing import Any

from .openai import CONTENT_TYPE, FAULTS, USAGE, conversation, environment, error, event, fault, model

__all__ = ["CONTENT_TYPE", "FAULTS", "conversation", "environment", "error", "fault", "model", "stream"]


def stream(words: tuple[str, ...], body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: one for each word, then the end."""
    for word in words:
        yield event({"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None})
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    yield event(end, usage=USAGE, x_groq={"usage": USAGE}) + b"data: [DONE]\n\n"
