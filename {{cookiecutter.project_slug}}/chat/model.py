"""The provider's chat model, built once per process, and for a key typed into the page once per session."""

import json
import os
import threading
from typing import Any

from chat.errors import ChatError, sentence_for
from server.kept import keep

# isort: split
from {{ cookiecutter._providers[cookiecutter.model_provider].module }} import {{ cookiecutter._providers[cookiecutter.model_provider].class }} as ChatModel

MODELS: dict[tuple[str, str], ChatModel] = {}  # those with this machine's own key
_lock = threading.Lock()  # the environment is the process's, and the built-in model starts a server


def build_model(settings: dict[str, Any], key: str, made: dict[tuple[str, str], ChatModel] = MODELS) -> ChatModel:
    """Return the chat model that the settings describe, a new one if it has not been made yet.

    Parameters:
        settings: What settings.toml says, and what the visitor has chosen instead.
        key: The provider's API key; "" where it needs none.
        made: Where it is kept.

    Raises:
        ChatError: The provider's class does not take what settings.toml or the environment says.
    """
    description = json.dumps([settings["model"], settings.get("environment", {})], default=str), key
    if description not in made:
        with _lock:
            if description not in made:  # another page may just have made it
                made[description] = _build(settings["model"], settings.get("environment", {}), key)
    return made[description]


def _build(model: dict[str, Any], environment: dict[str, str], key: str) -> ChatModel:
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
        if isinstance(timeout := arguments.get("timeout"), list):
            arguments["timeout"] = tuple(timeout)  # which TOML does not know, and a client takes for (connect, read)
        return ChatModel(**arguments)
    except Exception as error:  # whatever a client stumbles over; what it says may hold a key
        variables = ", ".join([*environment, "HTTPS_PROXY", "SSL_CERT_FILE"])
        unknown = (
            "The model cannot be set up ({kind}): check [model] in settings.toml, and these variables if they are set "
            f"here: {variables}. Then try again."
        )
        raise ChatError(sentence_for(error, model, unknown)) from error
