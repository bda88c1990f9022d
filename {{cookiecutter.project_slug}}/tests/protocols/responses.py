"""What answers of the Responses API look like on the wire, as Perplexity speaks it, and OpenAI for some models.

Sources: https://docs.perplexity.ai/docs/agent-api/quickstart
https://platform.openai.com/docs/api-reference/responses
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
    "rate_limit_exceeded": "too often",
    "server_error": "fault on its side",
    "insufficient_quota": "no credit or quota left",
}


def environment(url: str) -> dict[str, str]:
    """Return what else points the client at the server at `url`, besides the variable that settings.toml names."""
    return {}


def model(path: str, body: dict[str, Any]) -> str:
    """Return the model that a request names."""
    return body["model"]


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a request asks as (role, text) pairs, the system prompt first."""
    return [(item.get("role", "tool"), _text(item.get("content", ""))) for item in body["input"]]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["name"] for tool in body.get("tools", [])]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    kinds = [(item.get("type"), item) for item in body["input"]]
    results = {item["call_id"]: _text(item["output"]) for kind, item in kinds if kind == "function_call_output"}
    made = [item for kind, item in kinds if kind == "function_call"]
    return [(item["name"], json.loads(item["arguments"]), results[item["call_id"]]) for item in made]


def stream(words: tuple[str, ...], body: dict[str, Any], calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: one for each word, the calls, then the end."""
    response = {"id": "r1", "object": "response", "created_at": 0, "model": "m", "output": []}
    begin = _event("response.created", response=response | {"status": "in_progress"})
    for word in words:
        yield begin + _event("response.output_text.delta", item_id="i1", output_index=0, content_index=0, delta=word)
        begin = b""
    for index, (name, arguments) in enumerate(calls, 1):
        number = uuid4().hex
        item = {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": name,
            "arguments": "",
        }
        begin += _event("response.output_item.added", output_index=index, item=item)
        for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            begin += _event(
                "response.function_call_arguments.delta", item_id=item["id"], output_index=index, delta=half
            )
        done = {**item, "arguments": arguments, "status": "completed"}
        yield begin + _event("response.output_item.done", output_index=index, item=done)
        begin = b""
    usage = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
    yield begin + _event("response.completed", response=response | {"status": "completed", "usage": usage})


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    return _event("response.failed", error={"message": "a fault", "type": code, "code": code})


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': 0, **fields})}\n\n".encode()
