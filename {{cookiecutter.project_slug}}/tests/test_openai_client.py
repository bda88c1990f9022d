"""Messages that OpenAI's client does not look at are sent as those are at which it does."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chat.model import build_model
from chat.settings import read_settings
from providers.openai import MessagesAsTheyAre
from tests.model_server import ModelServer

PICTURE = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
MESSAGES = [
    SystemMessage("Be brief. 🙂"),
    HumanMessage([{"type": "text", "text": "What is {this}?"}, PICTURE]),
    AIMessage("A picture.", id="1", response_metadata={"status": "complete"}),
    HumanMessage("And now?"),
]


def test_the_request_is_the_same_json(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(read_settings(), server.key)
    assert "".join(chunk.text for chunk in model.stream(MESSAGES)) == "Hello from the model."
    monkeypatch.delattr(MessagesAsTheyAre, "_get_request_payload")
    list(model.stream(MESSAGES))
    ours, theirs = server.requests
    assert ours == theirs
    assert len(ours["messages"]) == len(MESSAGES)
