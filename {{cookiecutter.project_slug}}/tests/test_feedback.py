"""Thumbs on answers are kept with the message."""

from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from tests.pages import labels, press, say


def test_a_thumb_stays_with_its_answer(page: AppTest) -> None:
    assert "Good answer" not in labels(page)
    say(page, "First")
    say(page, "Second")
    press(page, "Good answer")
    answers = [message for message in page.session_state[read_settings()["session_key"]] if message.response_metadata]
    assert [answer.response_metadata.get("feedback") for answer in answers] == [1, None]
    press(page, "Bad answer")
    assert [answer.response_metadata.get("feedback") for answer in answers] == [0, None]
    press(page, "Bad answer")
    assert [answer.response_metadata.get("feedback") for answer in answers] == [None, None]
