"""Nothing on the console but our own line for a turn without an answer: no library's warning, no trace, no words."""

import os
import subprocess
import sys

import pytest

from chat.model import ChatModel
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply, protocol

REPLIES = {
    "answer": Reply(),
    "refuse": Reply(status=401),  # what a provider says then may repeat the key
    "spoil": Reply(spoilt=True),  # and what it says here is nobody else's
    "fail": Reply(fault=next(iter(getattr(protocol, "FAULTS", {})), "")),
}
#% if cookiecutter.conversations == "accounts"
USER = {"is_logged_in": True, "iss": "https://id.example.org", "sub": "1", "iat": 4_000_000_000}
AUTH = ["redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url"]
SECRETS = {"auth": dict.fromkeys(AUTH, "http://localhost:8501/oauth2callback")}
#% endif
TURNS = f"""
from streamlit.testing.v1 import AppTest
from chat.settings import read_settings
from tests.conftest import as_shipped
#% if cookiecutter.conversations != "session"
from chat.writer import writer
#% endif

read_settings().update(as_shipped())
page = AppTest.from_file("page.py", default_timeout=60).run()
#% if cookiecutter.conversations == "accounts"
page.user, page.secrets = {USER}, {SECRETS}
page.run()
#% endif
for question in {list(REPLIES)}:
    page.chat_input[0].set_value(question).run()
#% if cookiecutter.conversations != "session"
writer().close()  # as the server does at its end
#% endif
"""


def test_turns_print_nothing(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "reply_to", lambda question: REPLIES[question.splitlines()[-1]])
    command, environment = [sys.executable, "-c", TURNS], os.environ | server.environment
    done = subprocess.run(command, cwd=PAGE.parent, env=environment, capture_output=True, text=True, check=True)
    printed = [line for line in done.stderr.splitlines() if "ScriptRunContext" not in line]  # AppTest's
    if ChatModel.__module__ != "providers.local":  # in that process, the built-in model's own server answers
        assert len(server.requests) >= len(REPLIES)
        assert any("No answer: " in line for line in printed)
    assert [line for line in printed if "No answer: " not in line] == []
