"""The same chain in Chainlit, as its documentation has it: a history for each user, words shown as they come.

https://docs.chainlit.io/integrations/langchain and https://docs.chainlit.io/advanced-features/streaming
"""

import chainlit as cl
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI


@cl.on_chat_start
async def start() -> None:
    """Make the user's chain and greet."""
    history = InMemoryChatMessageHistory()
    prompt = ChatPromptTemplate.from_messages(
        [
            ("system", "You are an AI chatbot having a conversation with a human."),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    chain = RunnableWithMessageHistory(
        prompt | ChatOpenAI(),
        lambda: history,
        input_messages_key="question",
        history_messages_key="history",
    )
    cl.user_session.set("chain", chain)
    await cl.Message("How can I help you?").send()


@cl.on_message
async def answer(question: cl.Message) -> None:
    """Answer a question."""
    message = cl.Message("")
    async for chunk in cl.user_session.get("chain").astream({"question": question.content}):
        await message.stream_token(chunk.text)
    await message.send()
