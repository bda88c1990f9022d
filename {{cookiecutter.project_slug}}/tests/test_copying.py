"""What is copied is the answer as the model wrote it; that a click does it, the template's browser tests show."""

from streamlit.testing.v1 import AppTest

from tests.model_server import ModelServer, Reply
from tests.pages import say


def test_an_answer_has_one_button_and_a_greeting_none(page: AppTest, server: ModelServer) -> None:
    assert "app.copy" not in str(page.main)
    server.reply = Reply(words=("**Bold**",))
    say(page, "Hello")
    (button,) = page.get("bidi_component")
    assert "**Bold**" in str(button.proto)
