"""The provider's other models can be chosen, where its LangChain package knows them."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from features import models
from tests.model_server import ModelServer
from tests.pages import say, transcript

NAME = read_settings()["model"]["name"]
CHATS = {"text_inputs": True, "text_outputs": True, "tool_calling": True}
PROFILES = {
    "plain": CHATS,
    "seeing": {**CHATS, "image_inputs": True, "temperature": False},
    "drawing": {**CHATS, "image_outputs": True},
    "old": {**CHATS, "status": "deprecated"},
}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> dict[str, Any]:
    """Let the page offer these models; return the settings, to be changed."""
    settings["model"]["offered"] = ["*"]
    settings["model"]["arguments"]["temperature"] = 0.5
    monkeypatch.setattr(models, "_profiles", lambda: PROFILES)
    return settings


def test_the_chosen_model_is_asked(offered: dict[str, Any], page: AppTest, server: ModelServer) -> None:
    choice = page.selectbox[0]
    assert choice.options == [NAME, "plain", "seeing (images, no temperature)"]
    offered["model"]["arguments"]["profile"] = {"max_input_tokens": 5}  # the owner's word on the default
    choice.set_value("seeing").run()
    say(page, "Hello")
    assert server.model() == "seeing"
    assert "0.5" not in str(server.requests[-1])
    assert transcript(page)[-1] == ("ai", "Hello from the model.")


def test_the_owner_says_which_are_offered(offered: dict[str, Any], page: AppTest) -> None:
    offered["model"]["offered"] = ["p*"]
    assert page.run().selectbox[0].options == [NAME, "plain"]
    offered["model"]["offered"] = []
    page.run()
    assert "app.model" not in [choice.key for choice in page.selectbox]


def test_only_models_that_chat_are_offered() -> None:
    if not (profiles := models._profiles()):
        pytest.skip("this provider's package brings no profiles")
    offered = [name for name in profiles if models._is_offered(name, profiles[name], {"offered": ["*"]})]
    assert not [name for name in offered for kind in ("embed", "whisper", "rerank", "prompt-guard") if kind in name]


@pytest.mark.parametrize("choices", [[], ["seeing", "plain"]])
def test_an_edited_default_counts_where_nothing_else_is_chosen(
    offered: dict[str, Any], page: AppTest, server: ModelServer, choices: list[str]
) -> None:
    offered["model"]["name"] = "plain"
    page.run()
    for choice in choices:
        page.selectbox[0].set_value(choice).run()
    say(page, "Hello")
    offered["model"]["name"] = "seeing"
    assert page.run().selectbox[0].value == "seeing"
    say(page, "Hello")
    assert server.model() == "seeing"
