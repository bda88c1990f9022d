"""What Gemini's content looks like on the wire, at the Gemini API and at Vertex AI.

Sources: https://ai.google.dev/api/generate-content
https://google.aip.dev/auth/4117 (how credentials become a token)
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Calls = Sequence[tuple[str, str]]  # the name and the arguments as JSON
CONTENT_TYPE = "text/event-stream"
PATH = "/v1beta"  # where gateways are, and v1beta1 at Vertex AI
# What the provider calls a fault within a stream, and what the page says of it.
FAULTS = {"UNAVAILABLE": "overloaded", "RESOURCE_EXHAUSTED": "too often", "INTERNAL": "fault on its side"}
STATUSES = {"UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 429, "INTERNAL": 500}
NO_CREDENTIALS = {"GOOGLE_CLOUD_PROJECT": "test", "CLOUDSDK_CONFIG": "none", "NO_GCE_CHECK": "true"}
FOLDER = tempfile.TemporaryDirectory()
SENDS_ARGUMENTS_WHOLE = True
SIGNATURE = "c2lnbmF0dXJl"  # of what the model thinks: within a turn, it has to come back
ROLES = {"user": "user", "model": "assistant"}


def environment(url: str) -> dict[str, str]:
    """Return what else points the client at the server at `url`, besides the variable that settings.toml names."""
    credentials = Path(FOLDER.name) / "credentials.json"
    account = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/token",
        "credential_source": {"file": str(credentials)},  # any text passes for a token here, this file's too
    }
    credentials.write_text(json.dumps(account), encoding="utf-8")
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(credentials), "GOOGLE_CLOUD_PROJECT": "test"}


def lookup(path: str) -> bytes:
    """Return what a client is told that looks something up before it asks: a token for Vertex AI."""
    kind = "urn:ietf:params:oauth:token-type:access_token"
    token = {"access_token": "t", "issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
    return json.dumps(token).encode()


def model(path: str, body: dict[str, Any]) -> str:
    """Return the model that a request names."""
    return path.rpartition("/")[2].partition(":")[0]


def conversation(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a request asks as (role, text) pairs, the system prompt first."""
    system = [("system", part["text"]) for part in body.get("systemInstruction", {}).get("parts", [])]
    texts = [
        (content["role"], "".join(part.get("text", "") for part in content["parts"])) for content in body["contents"]
    ]
    return system + [(ROLES[role], text) for role, text in texts]


def tools(body: dict[str, Any]) -> list[str]:
    """Return the names of the tools that a request offers."""
    return [each["name"] for tool in body.get("tools", []) for each in tool["functionDeclarations"]]


def calls(body: dict[str, Any]) -> list[tuple[str, Any, str]]:
    """Return the calls in what a request tells of the chat, each as its name, its arguments and its result."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    made = [part["functionCall"] for part in parts if "functionCall" in part]
    results = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
    pairs = zip(made, results, strict=True)
    return [(call["name"], call.get("args", {}), _text(result.get("output", result))) for call, result in pairs]


def stream(words: tuple[str, ...], body: dict[str, Any], thinking: str = "", calls: Calls = ()) -> Iterator[bytes]:
    """Yield the pieces of the streamed answer to a request: the thinking, one for each word, the calls, the end."""
    begin = _event(thinking, thought=True) if thinking else b""
    for word in words:
        yield begin + _event(word)
        begin = b""
    for name, arguments in calls:
        call = {"functionCall": {"name": name, "args": json.loads(arguments)}, "thoughtSignature": SIGNATURE}
        yield begin + _parts([call])
        begin = b""
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 12}
    yield begin + _event("", {"finishReason": "STOP"}, usageMetadata=usage)


def error(code: str, message: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"error": {"message": message, "status": code}}).encode()


def fault(code: str) -> bytes:
    """Return what a stream says when a fault ends it."""
    said = {"error": {"code": STATUSES[code], "status": code, "message": "a fault"}}
    return f"data: {json.dumps(said)}\r\n\r\n".encode()


def filtered() -> bytes:
    """Return what comes instead of an answer to a question that the filter stops."""
    return b'data: {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}\r\n\r\n'


def _text(output: Any) -> str:
    """Return a result; LangChain's class sends JSON as what it says."""
    return output if isinstance(output, str) else json.dumps(output)


def _event(text: str, end: dict[str, str] | None = None, thought: bool = False, **fields: Any) -> bytes:
    part = {"text": text, "thought": True} if thought else {"text": text}
    return _parts([part], end, **fields)


def _parts(parts: list[dict[str, Any]], end: dict[str, str] | None = None, **fields: Any) -> bytes:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **(end or {})}
    return f"data: {json.dumps({'candidates': [candidate], 'modelVersion': 'm', **fields})}\r\n\r\n".encode()
