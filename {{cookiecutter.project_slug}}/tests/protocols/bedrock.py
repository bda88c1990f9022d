"""What Amazon Bedrock's ConverseStream looks like on the wire.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html
"""

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

Calls = Sequence[tuple[str, str]]  # the name and the arguments as JSON
CONTENT_TYPE = "application/vnd.amazon.eventstream"
# What the provider calls a fault within a stream, and what the page says of it.
FAULTS = {
    "serviceUnavailableException": "overloaded",
    "throttlingException": "too often",
    "internalServerException": "fault on its side",
}
NO_CREDENTIALS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "none",
    "AWS_SHARED_CREDENTIALS_FILE": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def environment(url: str) -> dict[str, str]:
    """Return what else points the client at the server at `url`, besides the variable that settings.toml names."""
    return {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


def model(path: str, body: dict[str, Any]) -> str:
    """Return the model that a request names."""
    return unquote(path.split("/")[2])


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a request asks as (role, text) pairs, the system prompt first."""
    system = [("system", block["text"]) for block in body.get("system", [])]
    return system + [(message["role"], message["content"][0].get("text", "")) for message in body["messages"]]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", [])]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    blocks = [block for message in body["messages"] for block in message["content"]]
    results = {block["toolResult"]["toolUseId"]: block["toolResult"] for block in blocks if "toolResult" in block}
    made = [block["toolUse"] for block in blocks if "toolUse" in block]
    return [(call["name"], call["input"], results[call["toolUseId"]]["content"][0]["text"]) for call in made]


def stream(words: tuple[str, ...], body: dict[str, Any], thinking: str = "", calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: the thinking, one for each word, the calls, the end."""
    begin = _frame("messageStart", role="assistant")
    if thinking:
        begin += _frame("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": thinking}})
        begin += _frame("contentBlockStop", contentBlockIndex=0)
    index = 1 if thinking else 0
    for word in words:
        yield begin + _frame("contentBlockDelta", contentBlockIndex=index, delta={"text": word})
        begin = b""
    begin += _frame("contentBlockStop", contentBlockIndex=index)
    for block, (name, arguments) in enumerate(calls, index + 1):
        start = {"toolUse": {"toolUseId": f"tooluse_{uuid4().hex}", "name": name}}
        begin += _frame("contentBlockStart", contentBlockIndex=block, start=start)
        for half in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            begin += _frame("contentBlockDelta", contentBlockIndex=block, delta={"toolUse": {"input": half}})
        yield begin + _frame("contentBlockStop", contentBlockIndex=block)
        begin = b""
    usage = {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12}
    yield (
        begin
        + _frame("messageStop", stopReason="tool_use" if calls else "end_turn")
        + _frame("metadata", usage=usage, metrics={"latencyMs": 1})
    )


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"__type": code, "message": message}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    return _frame(code, "exception", message="a fault")


def _frame(name: str, kind: str = "event", **fields: Any) -> bytes:
    """Return a frame: two lengths and their checksum, headers, the payload, and the checksum of it all."""
    named = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(
        struct.pack(f"!B{len(key)}sBH{len(value)}s", len(key), key.encode(), 7, len(value), value.encode())
        for key, value in named.items()
    )
    payload = json.dumps(fields).encode()
    frame = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    frame += struct.pack("!I", zlib.crc32(frame)) + headers + payload
    return frame + struct.pack("!I", zlib.crc32(frame))
