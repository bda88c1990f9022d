"""What some models think before they answer: shown folded away, and never sent back to them."""

from langchain_core.messages import AIMessageChunk, BaseMessage
from streamlit.delta_generator import DeltaGenerator


def thoughts_of(chunk: AIMessageChunk) -> str:
    """Return what a piece of an answer brings of them, in whichever of its blocks or fields the provider sends it."""
    if isinstance(chunk.content, str) and not chunk.additional_kwargs:
        return ""
    return "".join(block.get("reasoning", "") for block in chunk.content_blocks if block["type"] == "reasoning")


def show_thinking(place: DeltaGenerator, message: BaseMessage) -> None:
    """Draw what a model has thought.

    Parameters:
        place: An empty place above the answer.
        message: The answer; `response_metadata["thinking"]` has the text.
    """
    if thinking := message.response_metadata.get("thinking"):
        place.expander("Thinking", icon=":material/psychology:").markdown(thinking)
