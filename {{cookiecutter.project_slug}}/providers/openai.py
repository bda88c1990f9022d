"""Chat models that go through OpenAI's client, without the detour that it takes with each message.

And with all that a server of the same protocol says beside the answer's words, which LangChain drops.
"""

#% if cookiecutter.tools != "none"
import json
#% endif
from typing import Any

import langchain_openai


class MessagesAsTheyAre:
    """Mixin: the messages, which LangChain has made ready to be sent, are sent without another look at each.

    OpenAI's client walks through all of them (`openai._utils._transform`), which changes nothing and takes 0.1 to 0.35
    ms a message: in a chat of 100, half of what a turn costs. What is in `extra_body` it only copies.
    """

    def _get_request_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        payload: dict[str, Any] = super()._get_request_payload(*args, **kwargs)  # ty: ignore[missing-attribute]
        if "messages" in payload:  # the Responses API has no such thing
            #% if cookiecutter.tools != "none"
            # DeepSeek, for one, wants back what it thought before a call, with the call's result.
            messages = self._convert_input(args[0]).to_messages()  # ty: ignore[missing-attribute]
            for message, sent in zip(messages, payload["messages"], strict=False):
                if thoughts := message.additional_kwargs.get("reasoning_content"):
                    sent["reasoning_content"] = thoughts
            #% endif
            payload["extra_body"] = {**(payload.get("extra_body") or {}), "messages": payload["messages"]}
            payload["messages"] = []
            #% if cookiecutter.tools != "none"
            if tools := payload.pop("tools", None):
                payload["extra_body"]["tools"] = tools
            #% endif
        return payload

    def _convert_chunk_to_generation_chunk(self, chunk: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        usage = _counts(chunk.get("usage"))
        chunk["usage"] = usage if isinstance(usage, dict) and "prompt_tokens" in usage else None
        for choice in chunk.get("choices") or []:
            # Without one, LangChain drops how the answer has ended; and whatever a server says, this is the assistant.
            choice["delta"] = (choice.get("delta") or {}) | {"role": "assistant"}
            #% if cookiecutter.tools != "none"
            for call in choice["delta"].get("tool_calls") or []:
                if (said := call.get("function")) and not isinstance(said.get("arguments"), str | None):
                    said["arguments"] = json.dumps(said["arguments"])
            #% endif
        piece = super()._convert_chunk_to_generation_chunk(chunk, *args, **kwargs)  # ty: ignore[missing-attribute]
        for choice in (chunk.get("choices") or []) if piece else []:
            said = choice["delta"]
            # The names of DeepSeek, llama.cpp and others, and of vLLM and OpenRouter.
            if isinstance(thoughts := said.get("reasoning_content") or said.get("reasoning"), str):
                piece.message.additional_kwargs["reasoning_content"] = thoughts
            piece.message.content = piece.message.content or said.get("refusal") or ""
        return piece


def _counts(said: Any) -> Any:
    """Return of what a server says of tokens the counts, and nothing else that it may say there."""
    if isinstance(said, dict):
        return {name: count for name, each in said.items() if (count := _counts(each)) is not None}
    return said if type(said) is int and 0 <= said < 10**9 else None


class ChatOpenAI(MessagesAsTheyAre, langchain_openai.ChatOpenAI):
    """OpenAI's chat model, or that of a server that speaks its protocol."""


class AzureChatOpenAI(MessagesAsTheyAre, langchain_openai.AzureChatOpenAI):
    """Azure OpenAI's chat model."""
