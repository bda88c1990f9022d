"""DeepSeek's chat model, which goes through OpenAI's client."""

import langchain_deepseek

from providers.openai import MessagesAsTheyAre


class ChatDeepSeek(MessagesAsTheyAre, langchain_deepseek.ChatDeepSeek):
    """ChatDeepSeek that sends its messages as they are."""
