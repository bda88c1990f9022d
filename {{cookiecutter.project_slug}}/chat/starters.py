"""The empty page: what this is, and questions to start with, from prompts/starters.md."""

from contextlib import suppress

from langchain_core.messages import HumanMessage
from streamlit.delta_generator import DeltaGenerator

from chat.errors import ChatError
from chat.markdown import plain
from chat.prompts import read_prompt
from chat.turn import Chat, start


def offer_starters(place: DeltaGenerator, chat: Chat) -> None:
    """Draw them until the first message.

    Parameters:
        place: An empty place.
        chat: Where and how to ask; without a model, nothing can be asked.
    """
    if any(message.type == "human" for message in chat.history.messages):
        return
    with suppress(ChatError):  # no file is no question
        lines = [line for line in read_prompt("starters").splitlines() if line.startswith("- ")]
        place = place.container()
        invitation = " Type a message, or start with one of these:" if lines and chat.model else ""
        place.caption(f"You are talking with {chat.model_settings['name']}.{invitation}")
        for number, line in enumerate(lines):
            turn = (HumanMessage(line.removeprefix("- ")), chat)
            key = f"app.starter.{number}"
            place.button(plain(turn[0].text), key=key, on_click=start, args=turn, disabled=chat.model is None)
