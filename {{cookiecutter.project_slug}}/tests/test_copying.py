"""What is copied is the answer as the model wrote it; the template's browser tests show that a click does it."""

from streamlit.testing.v1 import AppTest

from tests.model_server import ModelServer, Reply
from tests.pages import labels, say


def test_an_answer_has_one_button_and_a_greeting_none(page: AppTest, server: ModelServer) -> None:
    assert "Copy the answer" not in labels(page)
    server.reply = Reply(words=("**Bold**",))
    say(page, "Hello")
    (button,) = [button for button in page.button if button.label == "Copy the answer"]
    assert button.help == "**Bold**"
