"""Cerebras's chat model, which goes through OpenAI's client."""

import langchain_cerebras

from providers.openai import MessagesAsTheyAre


class ChatCerebras(MessagesAsTheyAre, langchain_cerebras.ChatCerebras):
    """ChatCerebras that sends its messages as they are."""
