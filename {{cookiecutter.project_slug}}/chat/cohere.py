"""Cohere's chat model, which takes its key and its server as the other providers' do."""

import os
from typing import Any

import langchain_cohere
from pydantic import SecretStr


class ChatCohere(langchain_cohere.ChatCohere):
    """ChatCohere with `api_key`, and with the variable CO_API_URL that Cohere's own client reads."""

    def __init__(self, *, api_key: str, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            api_key: Cohere's API key.
            arguments: As for langchain-cohere's class.
        """
        super().__init__(cohere_api_key=SecretStr(api_key), base_url=os.environ.get("CO_API_URL"), **arguments)
