"""What Ollama's chat looks like on the wire.

Source: https://docs.ollama.com/api/chat
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

Calls = Sequence[tuple[str, str]]  # the name and the arguments as JSON
CONTENT_TYPE = "application/x-ndjson"
SENDS_ARGUMENTS_WHOLE = True
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
    return [(message["role"], message.get("content", "")) for message in body["messages"]]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["function"]["name"] for tool in body.get("tools", [])]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    results = iter([message["content"] for message in body["messages"] if message["role"] == "tool"])
    made = [call["function"] for message in body["messages"] for call in message.get("tool_calls") or []]
    return [(call["name"], call["arguments"], next(results)) for call in made]


def stream(words: tuple[str, ...], body: dict[str, Any], calls: Calls = (), thinking: str = "") -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: the thinking, one for each word, the calls, the end."""
    if thinking:
        assert "think" not in body  # else a model that cannot refuses
        yield _line("", thinking=thinking, done=False)
    for word in words:
        yield _line(word, done=False)
    for name, arguments in calls:
        yield _line("", tool_calls=[{"function": {"name": name, "arguments": json.loads(arguments)}}], done=False)
    yield _line("", done=True, done_reason="stop", prompt_eval_count=7, eval_count=5)


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"error": message}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    return error(code, "a fault") + b"\n"


def _line(text: str, tool_calls: Sequence[Any] = (), thinking: str = "", **fields: Any) -> bytes:
    said = {"tool_calls": tool_calls, "thinking": thinking}
    message = {"role": "assistant", "content": text, **{name: each for name, each in said.items() if each}}
    line = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message}
    return json.dumps(line | fields).encode() + b"\n"
