"""What Anthropic's messages look like on the wire.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

import json
from collections.abc import Iterator
from typing import Any

CONTENT_TYPE = "text/event-stream"
# What the provider calls a fault within a stream, and what the page says of it.
FAULTS = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "too often",
    "api_error": "fault on its side",
    "billing_error": "no credit or quota left",
}
USAGE = {"input_tokens": 7, "output_tokens": 5}


def environment(url: str) -> dict[str, str]:
    """Return what else points the client at the server at `url`, besides the variable that settings.toml names."""
    return {}


def model(path: str, body: dict[str, Any]) -> str:
    """Return the model that a request names."""
    return body["model"]


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a request asks as (role, text) pairs, the system prompt first."""
    system = [("system", body["system"])] if "system" in body else []
    return system + [(message["role"], message["content"]) for message in body["messages"]]


def stream(words: tuple[str, ...], body: dict[str, Any], thinking: str = "") -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: the thinking, one for each word, then the end."""
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    begin = _event("message_start", message=message | {"usage": {"input_tokens": 7, "output_tokens": 1}})
    if thinking:
        begin += _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
        begin += _event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": thinking})
        begin += _event("content_block_stop", index=0)
    index = 1 if thinking else 0
    begin += _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    for word in words:
        yield begin + _event("content_block_delta", index=index, delta={"type": "text_delta", "text": word})
        begin = b""
    yield (
        begin
        + _event("content_block_stop", index=index)
        + _event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=USAGE)
        + _event("message_stop")
    )


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"type": "error", "error": {"type": code, "message": message}}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    return _event("error", error={"type": code, "message": "a fault"})


def filtered() -> bytes:
    """Return what comes instead of an answer to a question that the filter stops."""
    return b"".join(stream((), {})).replace(b"end_turn", b"refusal")


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
