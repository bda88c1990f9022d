"""The empty page: what this is, and questions to start with, from prompts/starters.md."""

from langchain_core.messages import HumanMessage
from streamlit.delta_generator import DeltaGenerator

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
    place = place.container()
    place.caption(f"You are talking with {chat.model_settings['name']}. Type a message, or start with one of these:")
    for number, line in enumerate(read_prompt("starters").splitlines()):
        if line.startswith("- "):
            turn = (HumanMessage(line.removeprefix("- ")), chat)
            key = f"app.starter.{number}"
            place.button(plain(turn[0].text), key=key, on_click=start, args=turn, disabled=chat.model is None)
