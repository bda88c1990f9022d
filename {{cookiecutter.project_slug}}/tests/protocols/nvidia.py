"""What NVIDIA's chat completions look like on the wire: OpenAI's. Of a refusal, its client passes on no header."""

from .openai import CONTENT_TYPE, FAULTS, conversation, environment, error, fault, lookup, model, stream

__all__ = ["CONTENT_TYPE", "FAULTS", "conversation", "environment", "error", "fault", "lookup", "model", "stream"]

RETRY_AFTER_IS_SEEN = False
TAKES_TAGS_OUT = True
