"""The empty page says what it is and how to begin."""

from streamlit.testing.v1 import AppTest

from chat.markdown import plain
from chat.settings import read_prompt
from tests.model_server import ModelServer
from tests.pages import press, transcript


def test_a_starter_is_asked_by_a_click(page: AppTest, server: ModelServer) -> None:
    question = read_prompt("starters").splitlines()[0].removeprefix("- ")
    press(page, plain(question))
    assert transcript(page)[-2:] == [("human", question), ("ai", "Hello from the model.")]
    assert server.conversation()[-1] == ("user", question)
    page.run()
    assert not [button for button in page.button if "app.starter" in str(button.key)]
