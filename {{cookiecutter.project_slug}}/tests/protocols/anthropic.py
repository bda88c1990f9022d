"""What Anthropic's messages look like on the wire.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

Calls = Sequence[tuple[str, str]]  # the name and the arguments as JSON
CONTENT_TYPE = "text/event-stream"
# What the provider calls a fault within a stream, and what the page says of it.
FAULTS = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "too often",
    "api_error": "fault on its side",
    "billing_error": "no credit or quota left",
    "invalid_request_error": "refused the request",
    "authentication_error": "refused the API key",
    "not_found_error": "does not know the model",
    "request_too_large": "too long for",
    "timeout_error": "took too long",
}
SIGNATURE = "signature"  # of what the model thinks: within a turn, it has to come back
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
    return system + [(message["role"], _text(message["content"])) for message in body["messages"]]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["name"] for tool in body.get("tools", [])]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    blocks = [block for message in body["messages"] for block in message["content"] if isinstance(block, dict)]
    results = {block["tool_use_id"]: _text(block["content"]) for block in blocks if block["type"] == "tool_result"}
    made = [block for block in blocks if block["type"] == "tool_use"]
    return [(block["name"], block["input"], results[block["id"]]) for block in made]


def stream(words: tuple[str, ...], body: dict[str, Any], thinking: str = "", calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: the thinking, one for each word, the calls, the end."""
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None}
    begin = _event("message_start", message=message | {"usage": {"input_tokens": 7, "output_tokens": 1}})
    if thinking:
        begin += _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
        begin += _event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": thinking})
        begin += _event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": SIGNATURE})
        begin += _event("content_block_stop", index=0)
    index = 1 if thinking else 0
    if words or not calls:
        begin += _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    for word in words:
        yield begin + _event("content_block_delta", index=index, delta={"type": "text_delta", "text": word})
        begin = b""
    if words or not calls:
        begin += _event("content_block_stop", index=index)
    for block, (name, arguments) in enumerate(calls, index + bool(words)):
        use = {"type": "tool_use", "id": f"toolu_{uuid4().hex}", "name": name, "input": {}}
        begin += _event("content_block_start", index=block, content_block=use)
        for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            begin += _event(
                "content_block_delta", index=block, delta={"type": "input_json_delta", "partial_json": half}
            )
        yield begin + _event("content_block_stop", index=block)
        begin = b""
    reason = "tool_use" if calls else "end_turn"
    yield (
        begin
        + _event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=USAGE)
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


def _text(content: Any) -> str:
    texts = (
        content
        if isinstance(content, str)
        else "".join(_text(block.get("text") or block.get("content", "")) for block in content)
    )
    return texts


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
