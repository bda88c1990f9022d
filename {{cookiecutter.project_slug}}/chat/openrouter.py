"""OpenRouter's chat model, which says at once that it is overloaded or has a fault."""

from typing import Any

import langchain_openrouter


class ChatOpenRouter(langchain_openrouter.ChatOpenRouter):
    """ChatOpenRouter that does not try again by itself: it would for an hour, or with max_retries = 1 for 150 s."""

    def __init__(self, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            arguments: As for langchain-openrouter's class.
        """
        super().__init__(**arguments)
        self.client.sdk_configuration.retry_config = None
