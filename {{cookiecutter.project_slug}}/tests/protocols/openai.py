"""What OpenAI's chat completions look like on the wire; many other providers speak the same.

Source: https://platform.openai.com/docs/api-reference/chat
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
    "429": "too often",
    "server_error": "fault on its side",
    "insufficient_quota": "no credit or quota left",
    "context_length_exceeded": "too long for",
}
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def environment(url: str) -> dict[str, str]:
    """Return what else points the client at the server at `url`, besides the variable that settings.toml names."""
    return {}


def lookup(path: str) -> bytes:
    """Return what a client is told that looks something up before it asks: which models there are."""
    return json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()


def model(path: str, body: dict[str, Any]) -> str:
    """Return the model that a request names; Azure's is the deployment in its URL."""
    return path.partition("/deployments/")[2].partition("/")[0] or body["model"]


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a request asks as (role, text) pairs, the system prompt first."""
    return [(message["role"], message["content"] or "") for message in body["messages"]]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["function"]["name"] for tool in body.get("tools", [])]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    results = {message["tool_call_id"]: message["content"] for message in body["messages"] if message["role"] == "tool"}
    made = [call for message in body["messages"] for call in message.get("tool_calls") or []]
    return [(call["function"]["name"], json.loads(call["function"]["arguments"]), results[call["id"]]) for call in made]


def stream(words: tuple[str, ...], body: dict[str, Any], calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: one for each word, the calls, then the end."""
    for word in words:
        yield event({"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None})
    for index, (name, arguments) in enumerate(calls):  # the arguments come in halves
        function = {"name": name, "arguments": ""}
        begin = {"id": f"call_{uuid4().hex}", "type": "function", "function": function}
        halves = arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]
        for piece in (begin, *({"function": {"arguments": half}} for half in halves)):
            delta = {"role": "assistant", "tool_calls": [{"index": index, **piece}]}
            yield event({"index": 0, "delta": delta, "finish_reason": None})
    end = event({"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"})
    if body.get("stream_options", {}).get("include_usage"):  # nothing is counted unless asked for
        end += event(usage=USAGE)
    yield end + b"data: [DONE]\n\n"


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    return b"data: " + error(code, "a fault") + b"\n\n"


def filtered() -> bytes:
    """Return what comes instead of an answer to a question that the filter stops."""
    return event({"index": 0, "delta": {}, "finish_reason": "content_filter"}) + b"data: [DONE]\n\n"


def event(*choices: dict[str, Any], **fields: Any) -> bytes:
    """Return a chunk of an answer as it is sent."""
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices, **fields}
    return f"data: {json.dumps(chunk)}\n\n".encode()
