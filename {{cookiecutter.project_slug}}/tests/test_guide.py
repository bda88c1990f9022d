"""The pieces of LangChain's Streamlit memory guide, each at work in this app."""

from typing import Any

from streamlit.testing.v1 import AppTest

from chat.history import StreamlitChatMessageHistory
from chat.markdown import as_streamlit_markdown
from chat.settings import read_prompt
from tests.conftest import PAGE
from tests.pages import shown, transcript


def test_two_sessions_never_share_a_word(page: AppTest) -> None:
    page.chat_input[0].set_value("This is mine").run()
    other = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert "This is mine" not in str(transcript(other))


def test_messages_are_kept_over_reruns(page: AppTest) -> None:
    page.chat_input[0].set_value("Keep this").run()
    before = transcript(page)
    assert transcript(page.run()) == before


def test_history_takes_and_gives_messages() -> None:
    def script() -> None:
        import streamlit as st

        from chat.history import StreamlitChatMessageHistory

        history = StreamlitChatMessageHistory(key="guide")
        if not history.messages:
            history.add_user_message("hi!")
            history.add_ai_message("whats up?")
        for message in history.messages:
            st.chat_message(message.type).write(message.content)

    page = AppTest.from_function(script, default_timeout=60).run()
    assert transcript(page.run()) == [("human", "hi!"), ("ai", "whats up?")]
    assert StreamlitChatMessageHistory.__module__.startswith("langchain_community")


def test_the_greeting_is_added_once(page: AppTest) -> None:
    greeting = shown(as_streamlit_markdown(read_prompt("greeting")))
    assert [text for _, text in transcript(page.run())] == ([greeting] if greeting else [])


def test_an_agents_steps_can_be_shown() -> None:
    def script() -> None:
        import streamlit as st
        from langchain_community.callbacks import StreamlitCallbackHandler
        from langchain_core.language_models import FakeListChatModel
        from langchain_core.tools import tool

        @tool
        def weather(place: str) -> str:
            """Say what the weather is like."""
            return f"Sunny in {place}"

        steps: Any = StreamlitCallbackHandler(st.container())
        FakeListChatModel(responses=["I ask the weather tool."]).invoke("Weather?", {"callbacks": [steps]})
        st.write(weather.invoke({"place": "Oslo"}, {"callbacks": [steps]}))

    page = AppTest.from_function(script, default_timeout=60).run()
    assert not page.exception
    assert "weather" in page.expander[0].label
    assert page.markdown[-1].value == "Sunny in Oslo"
