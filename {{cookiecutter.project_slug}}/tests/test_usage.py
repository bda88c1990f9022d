"""Tokens are counted as the provider reports them, and a session has a limit if the owner wants one."""

import pytest
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from tests.pages import say


def captions(page: AppTest) -> list[str]:
    """Return the small print."""
    return [caption.value for caption in page.caption]


def test_an_answer_and_the_session_show_their_tokens(page: AppTest) -> None:
    say(page, "First")
    assert "7 tokens in, 5 out" in captions(page)
    say(page, "Second")
    assert "Tokens in this session: 24" in captions(page)


def test_a_session_that_has_used_its_tokens_is_told(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings()
    settings["tokens_per_session"] = 20
    monkeypatch.setattr("chat.settings.read_settings", lambda: settings)
    page.run()
    say(page, "First")
    assert not page.chat_input[0].disabled
    say(page, "Second")
    assert "has used the 20 tokens" in page.warning[0].value
    assert page.chat_input[0].disabled
