"""Thumbs on answers are kept with the message."""

from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from tests.pages import say


def test_a_thumb_stays_with_its_answer(page: AppTest) -> None:
    assert not page.feedback
    say(page, "First")
    say(page, "Second")
    page.feedback[0].set_value(1).run()
    answers = [message for message in page.session_state[read_settings()["session_key"]] if message.response_metadata]
    assert [answer.response_metadata.get("feedback") for answer in answers] == [1, None]
    page.run()
    assert [thumbs.value for thumbs in page.feedback] == [1, None]
    page.feedback[0].set_value(None).run()
    assert answers[0].response_metadata["feedback"] is None
