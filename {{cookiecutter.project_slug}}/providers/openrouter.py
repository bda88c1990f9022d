"""OpenRouter's chat model, which says at once that it is overloaded or has a fault."""

from collections.abc import Callable
from typing import Any

import langchain_openrouter
from openrouter import basesdk


async def _run_at_once(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


# The client lets small hooks run in threads; a Stop during one leaves the answer that has just begun open and paid for.
basesdk.run_sync_in_thread = _run_at_once  # ty: ignore[invalid-assignment]


class ChatOpenRouter(langchain_openrouter.ChatOpenRouter):
    """ChatOpenRouter that does not try again by itself: it would for an hour, or with max_retries = 1 for 150 s."""

    def __init__(self, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            arguments: As for langchain-openrouter's class.
        """
        super().__init__(**arguments)
        self.client.sdk_configuration.retry_config = None
