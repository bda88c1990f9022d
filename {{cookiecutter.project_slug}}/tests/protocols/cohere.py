"""What Cohere's chat (version 2) looks like on the wire.

Source: https://docs.cohere.com/v2/docs/streaming
"""

import json
from collections.abc import Iterator
from typing import Any

CONTENT_TYPE = "text/event-stream"
SPOILT_IS_PASSED_OVER = True  # by Cohere's client, with a line in the log


def environment(url: str) -> dict[str, str]:
    """Return what else points the client at the server at `url`, besides the variable that settings.toml names."""
    return {}


def model(path: str, body: dict[str, Any]) -> str:
    """Return the model that a request names."""
    return body["model"]


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a request asks as (role, text) pairs, the system prompt first."""
    return [(message["role"], message["content"]) for message in body["messages"]]


def stream(words: tuple[str, ...], body: dict[str, Any]) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: one for each word, then the end."""
    begin = _event("message-start", id="m1", delta={"message": {"role": "assistant", "content": []}})
    begin += _event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}})
    for word in words:
        yield begin + _event("content-delta", index=0, delta={"message": {"content": {"text": word}}})
        begin = b""
    tokens = {"input_tokens": 7, "output_tokens": 5}
    end = {"finish_reason": "COMPLETE", "usage": {"billed_units": tokens, "tokens": tokens}}
    yield begin + _event("content-end", index=0) + _event("message-end", id="m1", delta=end)


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"id": "e1", "message": message}).encode()


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
