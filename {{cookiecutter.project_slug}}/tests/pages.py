"""What the tests say about a page, in a person's words."""

import textwrap
import time
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from chat.model import ChatModel
from chat.settings import read_prompt, read_settings
from chat.turn import WAVE


def shown(text: str) -> str:
    """Return a text as Streamlit shows it: without the white space that an editor leaves at its ends, or an indent."""
    return textwrap.dedent(text).strip()


def say(page: AppTest, text: str) -> AppTest:
    """Type a message, send it, and wait for the answer's end."""
    return page.chat_input[0].set_value(text).run()


def press(page: AppTest, label: str) -> AppTest:
    """Press the button with this label, and wait for the page."""
    return next(button for button in page.button if button.label == label).click().run()


def labels(page: AppTest) -> list[str]:
    """Return the labels of the buttons."""
    return [button.label for button in page.button]


def transcript(page: AppTest) -> list[tuple[str, str]]:
    """Return what the page shows as (who, text) pairs."""
    assert not page.exception, page.exception
    return [(block.name, "".join(text.value for text in [*block.text, *block.markdown])) for block in page.chat_message]


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that happens in another thread."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def greeting_as_sent() -> list[tuple[str, str]]:
    """Return how a chat begins that the model is sent, after the system prompt, as (role, text) pairs."""
    greeting = "" if ChatModel.__module__ == "providers.local" else read_prompt("greeting")
    opening = [("user", WAVE.text)] if read_settings()["model"]["begins_with_user"] else []
    return [*opening, ("assistant", greeting)] if greeting.strip() else []
