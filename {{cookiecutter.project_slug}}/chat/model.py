"""The provider's chat model, built once per process (and once per key typed into the page)."""

import os
from typing import Any

import streamlit as st

from chat.errors import ChatError, sentence_for

# isort: split
from {{ cookiecutter._providers[cookiecutter.model_provider].module }} import {{ cookiecutter._providers[cookiecutter.model_provider].class }} as ChatModel


# A dict is hashed as a whole: entry by entry, it takes 0.3 ms of each run of the page.
@st.cache_resource(show_spinner="Starting the model …", max_entries=100, hash_funcs={dict: repr})
def build_model(settings: dict[str, Any], key: str) -> ChatModel:
    """Return the chat model that settings.toml describes.

    Parameters:
        settings: The whole of settings.toml.
        key: The provider's API key; "" where it needs none.

    Raises:
        ChatError: The provider's class does not take what settings.toml or the environment says.
    """
    try:
        # What the client reads from the environment: the machine's own setting wins over settings.toml.
        for variable, value in settings.get("environment", {}).items():
            if value := _environment_at_start().get(variable, value):
                os.environ[variable] = value
            else:
                os.environ.pop(variable, None)
        arguments: dict[str, Any] = {"model": settings["model"]["name"], **settings["model"].get("arguments", {})}
        if settings["model"]["key_variable"]:
            # The OpenAI client insists on some key, also for a server that wants none.
            arguments["api_key"] = key or "none"
        return ChatModel(**arguments)
    except Exception as error:  # whatever a client stumbles over; what it says may hold a key
        variables = ", ".join([*settings.get("environment", {}), "HTTPS_PROXY", "SSL_CERT_FILE"])
        unknown = (
            "The model cannot be set up ({kind}): check [model] in settings.toml, and these variables if they are set "
            f"here: {variables}. Then try again."
        )
        raise ChatError(sentence_for(error, settings["model"], unknown)) from error


@st.cache_resource(show_spinner=False)
def _environment_at_start() -> dict[str, str]:
    return dict(os.environ)
