"""Perplexity's chat model, which takes questions with files as the other providers' do."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import langchain_perplexity
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk

# It prints a fault in Perplexity's own words, which may repeat a key; chat/errors.toml has what is to be said.
logging.getLogger(langchain_perplexity.__name__).setLevel(logging.CRITICAL + 1)


class ChatPerplexity(langchain_perplexity.ChatPerplexity):
    """ChatPerplexity that calls texts what Perplexity's Agent API calls them."""

    async def _astream(
        self, messages: list[BaseMessage], *args: Any, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream([_with_input_texts(message) for message in messages], *args, **kwargs):
            yield chunk


def _with_input_texts(message: BaseMessage) -> BaseMessage:
    if isinstance(message.content, str):
        return message
    texts = [block if isinstance(block, str) else block.get("text", "") for block in message.content]
    return message.model_copy(update={"content": [{"type": "input_text", "text": text} for text in texts]})
