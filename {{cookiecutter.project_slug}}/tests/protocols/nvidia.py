"""What NVIDIA's chat completions look like on the wire: OpenAI's. Of a refusal, its client passes on no header."""

from .openai import CONTENT_TYPE, FAULTS, calls, conversation, environment, error, fault, lookup, model, stream, tools

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

RETRY_AFTER_IS_SEEN = False
TAKES_TAGS_OUT = True
