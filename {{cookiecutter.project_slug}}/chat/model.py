"""The provider's chat model, built once per process (and once per key typed into the page)."""

import functools
import json
import os
import threading
from typing import Any

from chat.errors import ChatError, sentence_for
from server.kept import keep

# isort: split
from {{ cookiecutter._providers[cookiecutter.model_provider].module }} import {{ cookiecutter._providers[cookiecutter.model_provider].class }} as ChatModel

_lock = threading.Lock()


def build_model(settings: dict[str, Any], key: str) -> ChatModel:
    """Return the chat model that the settings describe.

    Parameters:
        settings: What settings.toml says, and what the visitor has chosen instead.
        key: The provider's API key; "" where it needs none.

    Raises:
        ChatError: The provider's class does not take what settings.toml or the environment says.
    """
    with _lock:
        return _build(json.dumps({"model": settings["model"], "environment": settings.get("environment", {})}), key)


@functools.lru_cache(maxsize=100)
def _build(settings_json: str, key: str) -> ChatModel:
    settings = json.loads(settings_json)
    model, environment = settings["model"], settings["environment"]
    try:
        # What the client reads from the environment: the machine's own setting wins over settings.toml.
        machine = keep("environment", lambda: dict(os.environ))
        for variable, value in environment.items():
            if value := machine.get(variable, value):
                os.environ[variable] = value
            else:
                os.environ.pop(variable, None)
        # The OpenAI client insists on some key, even for a server that needs none.
        api_key = {"api_key": key or "none"} if model["key_variable"] else {}
        arguments: dict[str, Any] = {"model": model["name"], **model.get("arguments", {}), **api_key}
        return ChatModel(**arguments)
    except Exception as error:  # whatever a client stumbles over; what it says may hold a key
        variables = ", ".join([*environment, "HTTPS_PROXY", "SSL_CERT_FILE"])
        unknown = (
            "The model cannot be set up ({kind}): check [model] in settings.toml, and these variables if they are set "
            f"here: {variables}. Then try again."
        )
        raise ChatError(sentence_for(error, model, unknown)) from error
