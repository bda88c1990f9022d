"""The plain app, streaming: `st.write_stream` where the guide has `invoke`.

https://docs.langchain.com/oss/python/integrations/chat_message_histories/streamlit_chat_message_history
"""

import streamlit as st
from langchain_community.chat_message_histories import StreamlitChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI

history = StreamlitChatMessageHistory(key="langchain_messages")
if not history.messages:
    history.add_ai_message("How can I help you?")

prompt = ChatPromptTemplate.from_messages(
    [
        ("system", "You are an AI chatbot having a conversation with a human."),
        MessagesPlaceholder("history"),
        ("human", "{question}"),
    ]
)
chain = RunnableWithMessageHistory(
    prompt | ChatOpenAI(),
    lambda session_id: history,
    input_messages_key="question",
    history_messages_key="history",
)

for message in history.messages:
    st.chat_message(message.type).write(message.content)

if question := st.chat_input():
    st.chat_message("human").write(question)
    answer = chain.stream({"question": question}, {"configurable": {"session_id": "any"}})
    st.chat_message("ai").write_stream(answer)
