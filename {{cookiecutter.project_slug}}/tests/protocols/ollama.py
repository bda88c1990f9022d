"""What Ollama's chat looks like on the wire.

Source: https://docs.ollama.com/api/chat
"""

import json
from collections.abc import Iterator
from typing import Any

CONTENT_TYPE = "application/x-ndjson"
# What the provider calls a fault within a stream, and what the page says of it.
FAULTS = {"error": "fault on its side"}


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
    for word in words:
        yield _line(word, done=False)
    yield _line("", done=True, done_reason="stop", prompt_eval_count=7, eval_count=5)


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"error": message}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    return error(code, "a fault") + b"\n"


def _line(text: str, **fields: Any) -> bytes:
    line = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}}
    return json.dumps(line | fields).encode() + b"\n"
