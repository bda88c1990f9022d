"""Nothing on the console: no warning of a library's, no trace of ours."""

import os
import subprocess
import sys

import pytest

from chat.model import ChatModel
from tests.conftest import APP
from tests.model_server import ModelServer, Reply, protocol

TURN = """
from streamlit.testing.v1 import AppTest

page = AppTest.from_file("app.py", default_timeout=60).run()
page.chat_input[0].set_value("Hello").run()
"""


def test_a_turn_prints_no_warning(server: ModelServer) -> None:
    printed = [line for line in printed_by_a_turn(server).splitlines() if "ScriptRunContext" not in line]  # AppTest's
    assert printed == []


FAULTS = getattr(protocol, "FAULTS", {})
HALF = ("Once", " upon")


@pytest.mark.skipif(ChatModel.__module__ == "chat.local_model", reason="the built-in model's own server answers here")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=401, message="Once upon"),
        Reply(words=HALF, spoilt=True),
        *(Reply(words=HALF, fault=name) for name in list(FAULTS)[:1]),
    ],
    ids=["a refusal", "a spoilt answer", *["a fault within a stream" for _ in list(FAULTS)[:1]]],
)
def test_nothing_a_provider_says_is_printed(server: ModelServer, reply: Reply) -> None:
    server.reply = reply  # a refusal may repeat a key, and an answer is nobody else's
    printed = printed_by_a_turn(server)
    assert server.requests
    assert "Once" not in printed
    assert "upon" not in printed
    assert "a fault" not in printed


def printed_by_a_turn(server: ModelServer) -> str:
    command, environment = [sys.executable, "-c", TURN], os.environ | server.environment
    done = subprocess.run(command, cwd=APP.parent, env=environment, capture_output=True, text=True, check=True)
    return done.stderr
