"""What one run of the page works with, and all that a browser session keeps beside the messages."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import streamlit as st
from langchain_core.language_models import BaseChatModel, ModelProfile

from chat.errors import ChatError
from chat.history import History
from chat.keeping import open_history
from chat.key import key_of_machine
from chat.model import MODELS, build_model
from chat.settings import read_prompt, read_settings


def prepare() -> None:
    """Make the model, if this machine has its key: else the first visitor would wait for it."""
    with suppress(ChatError):  # the page says so
        settings = read_settings()
        if (key := key_of_machine(settings["model"])) is not None:
            build_model(settings, key)


class Session(dict[str, Any]):
    """What a browser session keeps; when Streamlit drops the session, weak references see it."""


def session() -> Session:
    """Return what this browser session keeps: the one entry of session state beside the messages and the widgets."""
    return st.session_state.setdefault("app.session", Session())


@dataclass
class Chat:
    """The conversation that is open, and how it is answered.

    Made afresh for each run of the whole page. Features change it before `connect`; callbacks get it afterwards.

    Parameters:
        settings: What settings.toml says, and what the visitor has chosen instead.
        session_key: Where session state keeps the messages.
        read_system_prompt: Returns the system prompt. It is called in another thread, where there is no session state.
        model: The chat model that answers, or None while nothing can be asked.
    """

    settings: dict[str, Any] = field(default_factory=lambda: read_settings())
    session_key: str = ""
    read_system_prompt: Callable[[], str] = field(default=lambda: read_prompt("system"))
    model: BaseChatModel | None = None

    def __post_init__(self) -> None:
        self._settings_read = self.settings
        self.session_key = self.session_key or self.settings["session_key"]

    @property
    def model_settings(self) -> dict[str, Any]:
        """The [model] table of the settings."""
        return self.settings["model"]

    @cached_property
    def history(self) -> History:
        """The messages."""
        return open_history(self)

    @property
    def kept(self) -> dict[str, Any]:
        """What is kept with this conversation beside its messages, for as long as the session lives."""
        return session().setdefault("chats", {}).setdefault(self.session_key, {})

    def connect(self, key: str | None) -> None:
        """Make the model, unless its API key is still wanted (None), and greet."""
        self.model = None
        if key is not None:
            made = MODELS
            if key and key != key_of_machine(self.model_settings):  # it was typed, perhaps after another
                made = {each: model for each, model in session().get("models", {}).items() if each[1] == key}
                session()["models"] = made
            self.model = build_model(self.settings, key, made)
            unsent = {f"{kind}_inputs": False for kind in ("image", "pdf") if kind not in self.model_settings["files"]}
            self.model.profile = cast(ModelProfile, {**(self.model.profile or {}), **unsent})
        if not self.history.messages and (greeting := read_prompt("greeting")).strip():
            self.history.add_ai_message(greeting)

    def is_outdated(self) -> bool:
        """Say whether settings.toml has been edited since this was made."""
        try:
            return read_settings() is not self._settings_read
        except ChatError:  # the page says so
            return True
