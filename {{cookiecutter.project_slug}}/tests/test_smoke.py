"""Does this app work here? Seconds, no key, no network: the template's post-generation hook runs this file."""

import importlib

import pytest
from streamlit.testing.v1 import AppTest

from chat.markdown import as_streamlit_markdown, plain
from chat.settings import ROOT, read_prompt, read_settings
from tests.model_server import ModelServer
from tests.pages import greeting_as_sent, labels, say, shown, transcript

pytestmark = pytest.mark.smoke
GREETING = [("ai", shown(as_streamlit_markdown(read_prompt("greeting"))))] if read_prompt("greeting").strip() else []
SYSTEM = [("system", read_prompt("system"))] if read_prompt("system").strip() else []
ANSWER = ("ai", "Hello from the model.")


def test_every_module_imports() -> None:
    for module in [*ROOT.glob("chat/*.py"), *ROOT.glob("features/*.py"), *ROOT.glob("server/*.py")]:
        importlib.import_module(f"{module.parent.name}.{module.stem}")


def test_the_page_renders_and_greets(page: AppTest) -> None:
    assert page.title[0].value == shown(plain(read_settings()["title"]))
    assert transcript(page) == GREETING
    assert not page.chat_input[0].disabled


def test_a_turn_goes_all_the_way_to_the_model_and_back(page: AppTest, server: ModelServer) -> None:
    say(page, "First question?")
    assert "Stop" not in labels(page)
    assert transcript(page) == [*GREETING, ("human", "First question?"), ANSWER]

    say(page, "Second question?")
    assert transcript(page)[-2:] == [("human", "Second question?"), ANSWER]
    assert server.conversation() == [
        *SYSTEM,
        *greeting_as_sent(),
        ("user", "First question?"),
        ("assistant", ANSWER[1]),
        ("user", "Second question?"),
    ]
    assert server.model() == read_settings()["model"]["name"]


def test_the_history_stands_under_the_session_key(page: AppTest) -> None:
    say(page, "Where are you kept?")
    messages = page.session_state[read_settings()["session_key"]]
    assert [(message.type, shown(as_streamlit_markdown(message.text))) for message in messages] == transcript(page)
