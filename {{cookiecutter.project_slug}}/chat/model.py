"""The provider's chat model, built once per process (and once per key typed into the page)."""

import os
from typing import Any

import streamlit as st

from chat.errors import ChatError

# isort: split
from {{ cookiecutter._providers[cookiecutter.model_provider].module }} import {{ cookiecutter._providers[cookiecutter.model_provider].class }} as ChatModel


@st.cache_resource(show_spinner="Starting the model …", max_entries=100)
def build_model(settings: dict[str, Any], key: str) -> ChatModel:
    """Return the chat model that settings.toml describes.

    Parameters:
        settings: The whole of settings.toml.
        key: The provider's API key; "" where it needs none.

    Raises:
        ChatError: The provider's class does not take what settings.toml says.
    """
    try:
        # What the client reads from the environment: the machine's own setting wins over settings.toml.
        for variable, value in settings.get("environment", {}).items():
            os.environ.setdefault(variable, value)
        arguments: dict[str, Any] = {"model": settings["model"]["name"], **settings["model"].get("arguments", {})}
        if settings["model"]["key_variable"]:
            # The OpenAI client insists on some key, also for a server that wants none.
            arguments["api_key"] = key or "none"
        return ChatModel(**arguments)
    except (AttributeError, TypeError, ValueError) as error:
        raise ChatError("The model cannot be made: check what settings.toml says of it, then try again.") from error
