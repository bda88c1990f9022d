"""What one visitor may do at most; files are in test_files.py, chats in test_conversations.py."""

import tomllib
from typing import Any

from streamlit.testing.v1 import AppTest

from chat.files import MAX_CHARS, MAX_MEGABYTES
from tests.conftest import PAGE
from tests.model_server import ModelServer
from tests.pages import say, transcript


def test_questions_a_minute(page: AppTest, server: ModelServer, settings: dict[str, Any]) -> None:
    settings["questions_per_minute"] = 2
    page.run()
    for question in ("One", "Two", "Three"):
        say(page, question)
    assert transcript(page)[-2] == ("human", "Three")
    assert "limit of 2 questions a minute" in page.error[0].value
    assert len(server.requests) == 2
    settings["questions_per_minute"] = 0
    say(page.run(), "Four")
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert all(question in str(server.requests[-1]) for question in ("One", "Two", "Three", "Four"))


def test_the_server_takes_no_more_than_the_app_can_use() -> None:
    server = tomllib.loads((PAGE.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["server"]
    assert MAX_MEGABYTES < server["maxUploadSize"] <= 20
    assert 4 * MAX_CHARS < server["maxWidgetStateSize"] * 1_000_000 < server["maxMessageSize"] * 1_000_000
