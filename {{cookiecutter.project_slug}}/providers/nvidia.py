"""NVIDIA's chat model, which sends along what it has called: LangChain's class reads that in an old place only."""

from collections.abc import AsyncIterator
from typing import Any

import langchain_nvidia_ai_endpoints
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGenerationChunk


class ChatNVIDIA(langchain_nvidia_ai_endpoints.ChatNVIDIA):
    """ChatNVIDIA that sends an answer's calls of tools with it, and has what the model thought once."""

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for piece in super()._astream([_with_calls(message) for message in messages], *args, **kwargs):
            if "think>" in piece.message.text:  # then its thinking is in both
                piece.message.additional_kwargs.pop("reasoning_content", None)
            yield piece


def _with_calls(message: BaseMessage) -> BaseMessage:
    if not isinstance(message, AIMessage) or not message.tool_calls:
        return message
    (sent,) = convert_to_openai_messages([message])
    calls = {"tool_calls": sent["tool_calls"]}
    return message.model_copy(update={"additional_kwargs": message.additional_kwargs | calls})
