"""What OpenRouter's chat completions look like on the wire: OpenAI's, but for a fault within a stream.

Source: https://openrouter.ai/docs/api/reference/errors-and-debugging
"""

from . import openai
from .openai import CONTENT_TYPE, calls, conversation, environment, error, lookup, model, stream, tools

__all__ = [
    "CONTENT_TYPE",
    "FAULTS",
    "calls",
    "conversation",
    "environment",
    "error",
    "fault",
    "lookup",
    "model",
    "stream",
    "tools",
]

# What the provider calls a fault within a stream, and what the page says of it: LangChain's class drops the code.
FAULTS = dict.fromkeys(("429", "502"), "A fault on the provider's side ended the answer")
REFUSES_HALVES = True  # of characters: the client cannot read such an answer


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
    return openai.event(choice, error={"code": int(code), "message": "a fault"})
