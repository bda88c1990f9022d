"""How much of a chat goes along with a question: as much as fits into the model's context."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, SystemMessage, trim_messages
from langchain_core.messages.utils import count_tokens_approximately

from chat.message import files_of, is_answer, state_of

# Shares of the context that a chat may fill, the next one if the provider says that it was too much: tokens are only
# estimated (a table of numbers has twice as many), and some models' answers need room in it too.
CONTEXT_SHARES = (0.75, 0.35, 0.1)
TOKENS_PER_PAGE = 1000  # about a page's or a large picture's, with the providers that say so
BASE64_PER_PAGE = 50_000  # characters of a PDF's; pages of text only have fewer, scanned ones more
UNKNOWN_CONTEXT = 3000  # tokens, where neither the profile nor history_tokens says more


def context_tokens(model: BaseChatModel) -> int | None:
    """Return how many tokens the model reads at most, if its profile says so."""
    return (model.profile or {}).get("max_input_tokens")


def messages_that_fit(
    messages: Sequence[BaseMessage],
    question: BaseMessage,
    system_prompt: str,
    model: BaseChatModel,
    model_settings: Mapping[str, Any],
    share: float = CONTEXT_SHARES[0],
) -> list[BaseMessage]:
    """Return the latest messages, from a question or the greeting on, that fit beside question and system prompt.

    Parameters:
        messages: Those before the question.
        question: Always goes to the model, as the system prompt does.
        system_prompt: Takes up part of the context.
        model: Its profile says how large the context is.
        model_settings: The [model] table of the settings: at most how many messages, and tokens.
        share: Of the context (0 to 1) that may be filled.
    """
    most = model_settings["history_tokens"]
    size = context_tokens(model) or most or UNKNOWN_CONTEXT
    room = int(size * share) - count_tokens([SystemMessage(system_prompt), question])
    latest = messages[-model_settings["history_messages"] :]  # from -0: all
    latest = [
        message for message in latest if message.text.strip() or files_of(message) or getattr(message, "tool_calls", [])
    ]
    most_tokens = max(0, min(room, most or room))
    fitting = trim_messages(latest, max_tokens=most_tokens, token_counter=count_tokens, start_on="human")
    # The greeting is no answer to a question, so it goes along with a whole chat only.
    greeted = latest and latest[0].type == "ai" and not is_answer(latest[0])
    return latest if greeted and len(fitting) == len(latest) - 1 else fitting


def without_refused(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without questions that the provider refused for what is in them: it would do so again."""
    refused = [bool(state_of(message).get("refused")) for message in messages]
    pairs = zip(messages, refused, [*refused[1:], False], strict=False)
    return [message for message, itself, its_answer in pairs if not (itself or its_answer)]


def count_tokens(messages: Sequence[BaseMessage]) -> int:
    """Return about how many tokens the messages have."""
    files = [block for message in messages for block in files_of(message) if "base64" in block]
    # Four bytes make a token, also where a letter has more than one; of a file, LangChain would count the base64.
    texts = [message.model_copy(update={"content": message.text.encode().decode("latin-1")}) for message in messages]
    pages = sum(1 if block["type"] == "image" else 1 + len(block["base64"]) // BASE64_PER_PAGE for block in files)
    return count_tokens_approximately(texts) + TOKENS_PER_PAGE * pages


def unseen_questions(messages: Sequence[BaseMessage], seen: Sequence[BaseMessage]) -> int:
    """Return how many questions of a chat the model no longer sees; `seen` are the latest messages, which it sees."""
    return [each.type for each in messages].count("human") - [each.type for each in seen].count("human")
