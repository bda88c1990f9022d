"""The memory guide's classes, all of which LangChain is retiring: when they go, this file changes.

The guide: https://docs.langchain.com/oss/python/integrations/chat_message_histories/streamlit_chat_message_history
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community says on import that it is being sunset
    from langchain_community.chat_message_histories import StreamlitChatMessageHistory
    from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
    from langchain_core.runnables.history import RunnableWithMessageHistory

# LangChain puts its own filter first when it is imported, so this one has to come after.
warnings.filterwarnings("ignore", message=".*MessageHistory.* (is|was) deprecated")

__all__ = [
    "BaseChatMessageHistory",
    "InMemoryChatMessageHistory",
    "RunnableWithMessageHistory",
    "StreamlitChatMessageHistory",
]
