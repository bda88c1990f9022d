"""A long chat draws its latest messages; earlier ones come on demand, and none is lost."""

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from streamlit.testing.v1 import AppTest

from chat.transcript import LATEST, MORE
from tests.filling import fill, whole
from tests.pages import say, transcript


def messages(count: int) -> list[BaseMessage]:
    """Return so many messages."""
    messages: list[BaseMessage] = []
    for number in range(count // 2):
        messages.append(HumanMessage(f"Question {number}"))
        messages.append(AIMessage(f"Answer {number}", id=str(number), response_metadata={"status": "complete"}))
    return messages


def test_only_the_latest_are_drawn_until_one_wants_more(page: AppTest) -> None:
    fill(page, messages(200))
    assert transcript(page.run())[-1] == ("ai", "Answer 99")
    assert len(transcript(page)) == LATEST
    page.button(key="app.show_earlier").click().run()
    assert len(transcript(page)) == LATEST + MORE
    for _ in range(3):
        page.button(key="app.show_earlier").click().run()
    assert transcript(page)[0] == ("human", "Question 0")
    assert "app.show_earlier" not in [button.key for button in page.button]


def test_a_turn_in_a_long_chat_draws_as_much_as_in_a_short_one(page: AppTest) -> None:
    drawn = []
    for count in (LATEST, 10_000):
        fill(page, messages(count))
        say(page.run(), "And now?")
        assert transcript(page)[-1] == ("ai", "Hello from the model.")
        assert len(whole(page)) == count + 2
        drawn.append(transcript(page)[2:])
    assert len(drawn[0]) == len(drawn[1]) == LATEST
