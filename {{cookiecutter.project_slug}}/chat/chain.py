"""The memory guide's chain: prompt | model, wrapped so that the history goes in with each question."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, merge_message_runs
from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import get_async_callback_manager_for_config
from langchain_core.tracers.root_listeners import AsyncRootListenersTracer

from chat.history import BaseChatMessageHistory, RunnableWithMessageHistory
from chat.message import content_of


def build_chain(
    model: BaseChatModel,
    system_prompt: str,
    history: BaseChatMessageHistory,
    reply: Callable[[list[BaseMessage], RunnableConfig], Awaitable[None]],
    files: Sequence[Any] = (),
) -> Runnable[Any, Any]:
    """Return a chain to be invoked with `{"question": text}`, at whose end `reply` asks the model.

    Parameters:
        model: The chat model that answers: its profile says which files it reads.
        system_prompt: Sent word for word, braces and all; left out if blank, which some providers refuse.
        history: Holds the earlier messages that the model should see, and is told of the new ones.
        reply: Is called with the messages to send, and with what a tracer needs. What comes out of the chain is empty.
        files: Content blocks that go along with the question.
    """

    # Not a plain function, which LangChain would call in a thread: a change of threads waits for a page to be drawn.
    async def answer(value: PromptValue, config: RunnableConfig) -> str:
        *earlier, question = value.to_messages()
        # A question that got no answer leaves two human messages in a row, which some providers refuse: merge them.
        merged = merge_message_runs([*earlier, HumanMessage(content_of(question.text, files))])
        profile = model.profile or {}
        await reply([one.model_copy(update={"content": _content(one.content, profile)}) for one in merged], config)
        return ""

    system = [SystemMessage(system_prompt)] if system_prompt.strip() else []
    prompt = ChatPromptTemplate.from_messages([*system, MessagesPlaceholder("history"), ("human", "{question}")])
    return RunnableWithMessageHistory(
        prompt | RunnableLambda(answer), lambda: history, input_messages_key="question", history_messages_key="history"
    )


async def pieces_of(
    model: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig, **options: Any
) -> AsyncIterator[AIMessageChunk]:
    """Yield the pieces of a model's answer.

    Parameters:
        model: The chat model.
        messages: What it is sent.
        config: The chain's, which says whether a tracer looks on.
        options: What else it is told, such as its tools.
    """
    # LangChain's own astream keeps every piece to its end, 7 kB a word, which a tracer alone needs.
    handlers = get_async_callback_manager_for_config(config).handlers
    traced = any(not isinstance(each, AsyncRootListenersTracer) for each in handlers)  # it is for the history
    if traced or not model._should_stream(async_api=True, stream=True, **options):
        async for piece in model.astream(messages, config, **options):
            # Of a model that does not stream, it is the whole message.
            yield piece if isinstance(piece, AIMessageChunk) else AIMessageChunk(**piece.model_dump(exclude={"type"}))
        return
    async for piece in model._astream(messages, **options):
        piece.message.response_metadata |= piece.generation_info or {}
        yield cast(AIMessageChunk, piece.message)


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
