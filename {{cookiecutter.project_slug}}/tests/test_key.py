"""The API key: where it is looked for, and where it must never turn up."""

import logging

import pytest
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply
from tests.pages import say, transcript

MODEL = read_settings()["model"]
pytestmark = pytest.mark.skipif(not MODEL["key_variable"], reason="this provider has no key")


@pytest.fixture
def page(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Open the page on a machine where no key is set."""
    monkeypatch.delenv(MODEL["key_variable"])
    return AppTest.from_file(str(PAGE), default_timeout=60).run()


@pytest.mark.skipif(not MODEL["key_page"], reason="this server may do without a key")
def test_without_a_key_the_page_opens_and_says_where_to_get_one(page: AppTest) -> None:
    transcript(page)
    assert MODEL["key_page"] in page.info[0].value
    assert page.chat_input[0].disabled


def test_the_field_is_on_the_page_until_there_is_a_key(page: AppTest) -> None:
    for typed, fields in (("", 1), ("sk-“spoilt", 1), ("sk-typed-by-me", 0), ("", 1)):
        page.text_input(key="app.api_key").set_value(typed).run()
        assert len(page.main.text_input) == (fields if MODEL["key_page"] else 0)
        assert page.text_input(key="app.api_key").value == typed
        assert ["no key has" in error.value for error in page.error] == ([True] if "“" in typed else [])


def test_a_typed_key_reaches_the_provider_and_no_other_session(page: AppTest, server: ModelServer) -> None:
    page.text_input(key="app.api_key").set_value("  sk-typed-by-me  ").run()
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert {"sk-typed-by-me", "Bearer sk-typed-by-me"} & set(server.headers[-1].values())
    assert AppTest.from_file(str(PAGE), default_timeout=60).run().text_input(key="app.api_key").value == ""


def test_a_refused_key_is_named_nowhere(page: AppTest, server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    page.text_input(key="app.api_key").set_value("sk-typed-by-me").run()
    server.reply = Reply(status=401, code="invalid_api_key", message="Incorrect API key provided: sk-typed-by-me")
    say(page, "Hello")
    assert "refused the API key in the sidebar: check it" in page.error[0].value
    assert "sk-typed-by-me" not in str(page.main) + caplog.text
    assert "sk-typed-by-me" not in str(page.session_state[read_settings()["session_key"]])
