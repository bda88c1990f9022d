"""What Cohere's chat (version 2) looks like on the wire.

Source: https://docs.cohere.com/v2/docs/streaming
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

Calls = Sequence[tuple[str, str]]  # the name and the arguments as JSON
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
    return [(message["role"], _text(message.get("content") or "")) for message in body["messages"]]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["function"]["name"] for tool in body.get("tools", [])]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    results = {
        message["tool_call_id"]: _text(message["content"]) for message in body["messages"] if message["role"] == "tool"
    }
    made = [call for message in body["messages"] for call in message.get("tool_calls") or []]
    return [(call["function"]["name"], json.loads(call["function"]["arguments"]), results[call["id"]]) for call in made]


def stream(words: tuple[str, ...], body: dict[str, Any], calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: one for each word, the calls, then the end."""
    begin = _event("message-start", id="m1", delta={"message": {"role": "assistant", "content": []}})
    begin += _event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}})
    for word in words:
        yield begin + _event("content-delta", index=0, delta={"message": {"content": {"text": word}}})
        begin = b""
    tokens = {"input_tokens": 7, "output_tokens": 5}
    begin += _event("content-end", index=0)
    for index, (name, arguments) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        call = {"id": f"{name}_{uuid4().hex}", "type": "function", "function": function}
        begin += _event("tool-call-start", index=index, delta={"message": {"tool_calls": call}})
        for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            delta = {"message": {"tool_calls": {"function": {"arguments": half}}}}
            begin += _event("tool-call-delta", index=index, delta=delta)
        yield begin + _event("tool-call-end", index=index)
        begin = b""
    reason = "TOOL_CALL" if calls else "COMPLETE"
    end = {"finish_reason": reason, "usage": {"billed_units": tokens, "tokens": tokens}}
    yield begin + _event("message-end", id="m1", delta=end)


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"id": "e1", "message": message}).encode()


def _text(content: Any) -> str:
    """Return a text, which may come in parts, and a result as a document."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] if "text" in part else part["document"]["data"]["output"] for part in content)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
