"""What a screen reader is told; the template's browser tests show that it is, and all that needs a browser."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from chat.message import state_of
from chat.settings import read_settings
from tests.model_server import ModelServer, Reply
from tests.pages import say


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Return what rows announce from now on: an id, the words, and whether the answer is read."""
    announced: list[list[Any]] = []

    def row(key: str, data: list[dict[str, Any]], **_: Any) -> None:
        announced.extend(item["end"] for item in data if "end" in item)

    monkeypatch.setattr("chat.row._component", row)
    return announced


def test_only_the_latest_answer_is_announced_and_under_an_id_of_its_own(
    page: AppTest, announced: list[list[Any]]
) -> None:
    page.run()
    assert announced == []  # no greeting
    say(page, "First")
    say(page, "Second")
    page.run()
    first, *_, second, again = announced
    assert first[1:] == second[1:] == ["", True]
    assert first[0] != second[0]
    assert second == again  # what has the same id is said once


def test_an_error_box_speaks_for_itself_and_a_stopped_answer_is_not_read(
    page: AppTest, server: ModelServer, announced: list[list[Any]]
) -> None:
    server.reply = Reply(status=401)
    say(page, "Hello")
    assert announced[-1][1:] == ["", False]
    state_of(page.session_state[read_settings()["session_key"]][-1])["status"] = "stopped"
    page.run()
    assert announced[-1][1:] == ["Stopped", False]
