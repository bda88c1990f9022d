"""xAI's chat model, which goes through OpenAI's client."""

import langchain_xai

from providers.openai import MessagesAsTheyAre


class ChatXAI(MessagesAsTheyAre, langchain_xai.ChatXAI):
    """ChatXAI that sends its messages as they are."""
