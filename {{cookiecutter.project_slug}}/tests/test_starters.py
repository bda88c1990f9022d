"""The empty page says what it is and how to begin."""

from langchain_core.messages import HumanMessage
from streamlit.testing.v1 import AppTest

from chat.markdown import plain
from chat.model import build_model
from chat.session import Chat
from chat.settings import read_prompt, read_settings
from chat.turn import turns_of_session
from features import starters
from tests.model_server import ModelServer
from tests.pages import press, transcript


def test_a_starter_is_asked_by_a_click(page: AppTest, server: ModelServer) -> None:
    question = read_prompt("starters").splitlines()[0].removeprefix("- ")
    press(page, plain(question))
    assert transcript(page)[-2:] == [("human", question), ("ai", "Hello from the model.")]
    assert server.conversation()[-1] == ("user", question)
    page.run()
    assert not [button for button in page.button if "app.starter" in str(button.key)]


def test_one_that_is_pressed_twice_is_asked_once(server: ModelServer) -> None:
    chat = Chat(session_key="pressed twice", model=build_model(read_settings(), server.key))
    question = HumanMessage("Why?")
    for _ in range(2):
        starters._ask(question, chat)
    assert [message.text for message in chat.history.messages if message.type == "human"] == ["Why?"]
    turns_of_session()[-1].stop()
