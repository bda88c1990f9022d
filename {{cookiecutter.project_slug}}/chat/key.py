"""The provider's API key: from the environment or .streamlit/secrets.toml, else from the person at the page."""

import os
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from chat.errors import ChatError
from chat.settings import read_secrets


def key_of_machine(model_settings: dict[str, Any]) -> str | None:
    """Return the API key that this machine has, "" where the provider needs none, or None."""
    if not (variable := model_settings["key_variable"]):
        return ""
    # Streamlit puts what is in secrets.toml into the environment when it starts.
    return os.environ.get(variable, "").strip() or None


def ask_for_key(model_settings: dict[str, Any]) -> str | None:
    """Return the API key, "" where the provider needs none, or None while one is still wanted, which the page asks for.

    A key typed at the page stays in this session's state: no other session, file or log sees it.

    Raises:
        ChatError: There may be a key in secrets.toml, but not where it is looked for.
    """
    notice = st.empty()  # keeps its place when the key is there, or everything below it would be redrawn
    variable, key = model_settings["key_variable"], key_of_machine(model_settings)
    if key is not None:
        return _checked(key, variable, notice)
    for section, entries in read_secrets().items():
        if isinstance(entries, dict) and variable in {*entries, *(f"{section}_{name}".upper() for name in entries)}:
            raise ChatError(f"The key is under [{section}] in secrets.toml: put {variable} above it, then restart.")
    provider, page, place = model_settings["provider"], model_settings["key_page"], notice.container()
    key = _checked(st.session_state.get("app.api_key", "").strip(), "This API key", place)
    if page and key == "":
        place.info(f"Enter your {provider} API key to start. Get one at {page}")
    # On the page while nothing can be asked without it: a phone folds the sidebar away.
    (place if page and not key else st.sidebar).text_input(
        f"{provider} API key" if page else "API key (if your server wants one)",
        max_chars=1000,
        type="password",
        key="app.api_key",
        help=f"Kept for this session only. To set it for good, put {variable} into .streamlit/secrets.toml.",
    )
    return key or (None if page else key)


def _checked(key: str, where: str, place: DeltaGenerator) -> str | None:
    if key.isascii() and key.isprintable():
        return key
    place.error(f"{where} contains characters that no key has: copy it again.")
    return None
