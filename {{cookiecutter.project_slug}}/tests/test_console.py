"""Nothing on the console: no warning of a library's, no trace of ours."""

import os
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    "reply",
    [Reply(status=401, message="a fault"), Reply(words=("Half",), fault=next(iter(getattr(protocol, "FAULTS", [""]))))],
    ids=["a refusal", "a fault within a stream"],
)
def test_a_provider_s_own_words_for_a_fault_are_not_printed(server: ModelServer, reply: Reply) -> None:
    server.reply = reply  # such words may repeat a key
    assert "a fault" not in printed_by_a_turn(server)


def printed_by_a_turn(server: ModelServer) -> str:
    command, environment = [sys.executable, "-c", TURN], os.environ | server.environment
    done = subprocess.run(command, cwd=APP.parent, env=environment, capture_output=True, text=True, check=True)
    return done.stderr
