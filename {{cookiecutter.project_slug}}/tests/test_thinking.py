"""What a model thinks is shown folded away, and the text alone is the answer."""

import inspect
import json

import pytest
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from tests.model_server import ModelServer, Reply, protocol
from tests.pages import say

THINKS = "thinking" in inspect.signature(protocol.stream).parameters


@pytest.mark.skipif(not THINKS, reason="answers in this protocol hold no thinking")
def test_thinking_is_folded_away_and_never_sent_back(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(thinking="Let me see.")
    say(page, "Hello")
    answer = page.session_state[read_settings()["session_key"]][-1]
    assert answer.text == "Hello from the model."
    (thoughts,) = [expander for expander in page.main.expander if expander.label == "Thinking"]
    assert thoughts.markdown[0].value == "Let me see."
    assert not thoughts.proto.expanded

    say(page, "And now?")
    assert "Let me see." not in json.dumps(server.requests[-1])
