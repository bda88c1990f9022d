"""The memory guide's chain: prompt | model, wrapped so that the history goes in with each question."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, merge_message_runs
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableLambda

from chat.history import BaseChatMessageHistory, RunnableWithMessageHistory


def build_chain(
    model: BaseChatModel,
    system_prompt: str,
    history: BaseChatMessageHistory,
    reply: Callable[[list[BaseMessage]], Awaitable[None]],
    files: Sequence[Any] = (),
) -> Runnable[Any, Any]:
    """Return a chain to be streamed with `{"question": text}`, at whose end `reply` asks the model.

    Parameters:
        model: The chat model that answers: its profile says which files it reads.
        system_prompt: Sent word for word, braces and all; left out if blank, which some providers refuse.
        history: Holds the earlier messages that the model should see, and is told of the new ones.
        reply: Is called with the messages to send. What comes out of the chain is empty.
        files: Content blocks that go along with the question.
    """

    # Not a plain function, which LangChain would call in a thread: a change of threads waits for a page to be drawn.
    async def to_messages(value: PromptValue) -> list[BaseMessage]:
        *earlier, question = value.to_messages()
        if files:
            question = HumanMessage([{"type": "text", "text": question.text}, *files])
        # A question that got no answer leaves two human messages in a row, which some providers refuse: merge them.
        merged, profile = merge_message_runs([*earlier, question]), model.profile or {}
        return [one.model_copy(update={"content": _content(one.content, profile)}) for one in merged]

    async def answer(messages: list[BaseMessage]) -> str:
        await reply(messages)
        return ""

    prompt = ChatPromptTemplate.from_messages(
        [
            *([SystemMessage(system_prompt)] if system_prompt.strip() else []),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    return RunnableWithMessageHistory(
        prompt | RunnableLambda(to_messages) | RunnableLambda(answer),
        lambda: history,
        input_messages_key="question",
        history_messages_key="history",
    )


def is_unread(block: Mapping[str, Any], profile: Mapping[str, Any]) -> bool:
    """Say whether a model, by its profile, does not read a file, which another model may have been shown before."""
    return profile.get({"image": "image_inputs", "file": "pdf_inputs"}.get(block["type"], ""), True) is False


def _content(content: Any, profile: Mapping[str, Any]) -> Any:
    """Return text as one string, which every server takes; blocks only where there is a picture or a PDF."""
    if isinstance(content, str):
        return content
    blocks = [_block(block, profile) for block in content]
    return blocks if any(block["type"] != "text" for block in blocks) else "\n\n".join(one["text"] for one in blocks)


def _block(block: Any, profile: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(block, str):  # of a message that was merged with one that has files
        return {"type": "text", "text": block}
    return {"type": "text", "text": "(a file)"} if is_unread(block, profile) else block
