"""Cohere's chat model, which takes its key and its server as the other providers' do."""

import logging
import os
#% if cookiecutter.tools != "none"
from collections.abc import Sequence
#% endif
from typing import Any

import langchain_cohere
#% if cookiecutter.tools != "none"
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
#% endif
from pydantic import SecretStr

# Cohere's client logs what it cannot read, which may be somebody's answer, under its own name and under none.
logging.getLogger("cohere").setLevel(logging.CRITICAL + 1)
logging.getLogger().addFilter(lambda record: not record.getMessage().startswith("Skipping SSE event"))


class ChatCohere(langchain_cohere.ChatCohere):
    """ChatCohere with `api_key`, with the variable CO_API_URL that Cohere's own client reads, and with any tool."""

    #% if cookiecutter.tools != "none"
    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Bind tools in the form that Cohere takes, which is OpenAI's: its own class loses the types within types."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    #% endif
    def __init__(self, *, api_key: str, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            api_key: Cohere's API key.
            arguments: As for langchain-cohere's class.
        """
        super().__init__(cohere_api_key=SecretStr(api_key), base_url=os.environ.get("CO_API_URL"), **arguments)
