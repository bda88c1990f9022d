"""The memory guide's chain: prompt | model, wrapped so that the history goes in with each question."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, merge_message_runs
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda

from chat.history import BaseChatMessageHistory, RunnableWithMessageHistory


def build_chain(
    model: BaseChatModel,
    system_prompt: str,
    history: BaseChatMessageHistory,
    on_chunk: Callable[[AIMessageChunk], None],
    files: Sequence[Any] = (),
) -> Runnable[Any, Any]:
    """Return a chain to be streamed with `{"question": text}`, which hands each piece of the answer to `on_chunk`.

    Parameters:
        model: The chat model that answers.
        system_prompt: Sent word for word, braces and all; left out if blank, which some providers refuse.
        history: Holds the earlier messages that the model should see, and is told of the new ones.
        on_chunk: Is called with each piece of the answer. (What comes out of the chain is empty: each layer around the
            model would add up all pieces, a twentieth of a turn's processor time.)
        files: Content blocks that go along with the question.
    """

    # Not a plain function, which LangChain would call in a thread: a change of threads waits for a page to be drawn.
    async def to_messages(value: PromptValue) -> list[BaseMessage]:
        *earlier, question = value.to_messages()
        if files:
            question = HumanMessage([{"type": "text", "text": question.text}, *files])
        messages = [*earlier, question]
        if any(isinstance(message.content, list) for message in messages):  # merged, blocks and strings would mix
            blocks = [_blocks(message.content, model.profile or {}) for message in messages]
            messages = [one.model_copy(update={"content": what}) for one, what in zip(messages, blocks, strict=True)]
        # A question that got no answer leaves two human messages in a row, which some providers refuse: merge them.
        return merge_message_runs(messages)

    async def hand_over(answer: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for chunk in answer:
            on_chunk(chunk)
        yield ""

    prompt = ChatPromptTemplate.from_messages(
        [
            *([SystemMessage(system_prompt)] if system_prompt.strip() else []),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    return RunnableWithMessageHistory(
        prompt | RunnableLambda(to_messages) | model | RunnableGenerator(hand_over),
        lambda: history,
        input_messages_key="question",
        history_messages_key="history",
    )


def _blocks(content: Any, profile: Mapping[str, Any]) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    # What another model was shown before, and this one does not read.
    unread = {"image": "image_inputs", "file": "pdf_inputs"}
    return [
        {"type": "text", "text": "(a file)"} if profile.get(unread.get(block["type"], ""), True) is False else block
        for block in content
    ]
