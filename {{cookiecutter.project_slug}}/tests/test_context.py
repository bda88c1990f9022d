"""What goes to the model fits into its context; the history stays whole."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from streamlit.testing.v1 import AppTest

from chat.context import TOKENS_PER_PAGE, count_tokens, messages_that_fit
from chat.model import build_model
from chat.settings import read_prompt, read_settings
from chat.turn import WAVE
from tests.filling import fill, whole
from tests.model_server import ModelServer
from tests.pages import greeting_as_sent, say, transcript

SIZE = 800  # tokens


@pytest.fixture
def limit(page: AppTest, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Return what sets the model's context and history_tokens."""

    def limit(size: int, most: int) -> None:
        settings["model"]["history_tokens"] = most
        monkeypatch.setattr("chat.context.context_tokens", lambda _: size)

    return limit


def chat_of(tokens: int) -> list[BaseMessage]:
    """Return a chat of about so many tokens, in which each question has its number."""
    messages: list[BaseMessage] = [AIMessage("Hi!")]
    while count_tokens(messages) < tokens:
        number = len(messages) // 2
        answer = f"Answer {number}. " + "word " * 40
        messages.append(HumanMessage(f"Question {number}?"))
        messages.append(AIMessage(answer, id=str(number), response_metadata={"status": "complete"}))
    return messages


@pytest.mark.parametrize("most", [0, 300])
def test_a_chat_ten_times_the_context_is_shown_whole_and_sent_in_part(
    page: AppTest, server: ModelServer, limit: Callable[[int, int], None], most: int
) -> None:
    limit(SIZE, most)
    chat = chat_of(10 * SIZE)
    fill(page, chat)
    say(page.run(), "The latest?")
    (*_, system) = [text for role, text in server.conversation() if role == "system"] or [""]
    assert system == read_prompt("system")
    asked = [text for role, text in server.conversation() if role == "user"]
    assert asked[-1] == "The latest?"
    assert 1 < len(asked) < SIZE / 40
    sent = [HumanMessage(text) for _, text in server.conversation()]
    assert count_tokens(sent) < (most + 100 if most else SIZE)

    unseen = len(chat) // 2 - len(asked) + 1
    assert f"no longer sees the first {unseen} questions" in str([caption.value for caption in page.caption])
    assert transcript(page)[-2:] == [("human", "The latest?"), ("ai", "Hello from the model.")]
    assert whole(page)[: len(chat)] == chat


def test_a_short_chat_is_sent_whole(page: AppTest, server: ModelServer) -> None:
    for number in range(3):
        say(page, f"Question {number}?")
    asked = [text for role, text in server.conversation() if role == "user"]
    assert asked[-3:] == ["Question 0?", "Question 1?", "Question 2?"]
    assert "no longer sees" not in str(page.caption)


def test_the_greeting_goes_along_with_a_whole_chat(page: AppTest, server: ModelServer) -> None:
    if not greeting_as_sent():
        pytest.skip("this model is sent no greeting: providers/local.py says why")
    page.session_state[read_settings()["session_key"]][0].content = "Shall I plan your trip?"
    say(page, "Yes")
    sent = [message for message in server.conversation() if message[0] != "system"]
    opening = [("user", WAVE.text)] if read_settings()["model"]["begins_with_user"] else []
    assert sent == [*opening, ("assistant", "Shall I plan your trip?"), ("user", "Yes")]


def test_a_question_larger_than_the_context_is_sent_alone(server: ModelServer) -> None:
    model: Any = build_model(read_settings(), server.key)
    model.profile = {"max_input_tokens": SIZE}
    settings = read_settings()["model"]
    assert messages_that_fit(chat_of(SIZE), HumanMessage("x" * 8 * SIZE), "Be brief.", model, settings) == []


@pytest.mark.parametrize(("most", "sent"), [(4, 4), (0, 21)])
def test_so_many_messages_are_sent_as_settings_say(server: ModelServer, most: int, sent: int) -> None:
    model: Any = build_model(read_settings(), server.key)
    model.profile = {"max_input_tokens": 10 * SIZE}
    chat, settings = chat_of(SIZE)[:21], {"history_tokens": 0, "history_messages": most}
    assert messages_that_fit(chat, HumanMessage("And?"), "Be brief.", model, settings) == chat[-sent:]


def test_letters_of_more_bytes_and_files_count_for_more() -> None:
    few, many = count_tokens([HumanMessage("a" * 400)]), count_tokens([HumanMessage("語" * 400)])
    assert many > 2.5 * few
    file = {"type": "file", "base64": "A" * 10_000, "mime_type": "application/pdf"}
    assert count_tokens([HumanMessage([{"type": "text", "text": "a" * 400}, file])]) == few + TOKENS_PER_PAGE
