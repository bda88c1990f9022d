"""Together AI's chat model, which goes through OpenAI's client."""

import langchain_together

from providers.openai import MessagesAsTheyAre


class ChatTogether(MessagesAsTheyAre, langchain_together.ChatTogether):
    """ChatTogether that sends its messages as they are."""
