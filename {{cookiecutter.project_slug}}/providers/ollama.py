"""Ollama's chat model, with what the model thinks, which LangChain drops unless one asks for it."""

from typing import Any

import langchain_ollama

AS_THE_SERVER_DOES = "as the server does"


class ChatOllama(langchain_ollama.ChatOllama):
    """ChatOllama that keeps the thinking, and leaves it to the server whether a model thinks: not every one can."""

    def _aiterate_over_stream(self, messages: Any, stop: list[str] | None = None, **options: Any) -> Any:
        reasoning = AS_THE_SERVER_DOES if self.reasoning is None else self.reasoning
        return super()._aiterate_over_stream(messages, stop, **{"reasoning": reasoning, **options})

    def _chat_params(self, *args: Any, **options: Any) -> dict[str, Any]:
        request = super()._chat_params(*args, **options)
        return request | {"think": None} if request.get("think") == AS_THE_SERVER_DOES else request
