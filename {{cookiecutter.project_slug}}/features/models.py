"""The provider's other models, for those who want to choose: from the profiles that come with its LangChain package."""

import importlib
from fnmatch import fnmatch
from typing import Any

from chat import choice
from chat.model import ChatModel
from chat.session import Chat


def choose(chat: Chat) -> None:
    """Draw the choice, and let the chat use the model that was chosen for it; settings.toml says which are offered."""
    model = chat.model_settings
    profiles = {name: profile for name, profile in _profiles().items() if _is_offered(name, profile, model)}
    if not profiles:
        return
    names = [model["name"], *sorted(profiles.keys() - {model["name"]})]
    chosen = choice.choose(chat, "model", names, lambda name: _label(name, profiles.get(name, {})))
    arguments = dict(model.get("arguments", {}))
    if chosen != model["name"]:
        arguments.pop("profile", None)  # which says what that one model takes
    if not profiles.get(chosen, {}).get("temperature", True):
        arguments.pop("temperature", None)
    chat.settings = {**chat.settings, "model": {**model, "name": chosen, "arguments": arguments}}


def _profiles() -> dict[str, Any]:
    packages = [kind.__module__.partition(".")[0] for kind in ChatModel.__mro__]
    package = next(package for package in packages if package != "providers")  # one of ours is made from LangChain's
    try:
        return getattr(importlib.import_module(f"{package}.data._profiles"), "_PROFILES", {})
    except ModuleNotFoundError:  # it has none
        return {}


def _is_offered(name: str, profile: dict[str, Any], model: dict[str, Any]) -> bool:
    # Some lists also have models that do not chat, such as transcribers; these call no tools.
    chats = all(profile.get(feature) for feature in ("text_inputs", "text_outputs", "tool_calling"))
    other = profile.get("image_outputs") or profile.get("audio_outputs") or profile.get("status") == "deprecated"
    return chats and not other and any(fnmatch(name, pattern) for pattern in model["offered"])


def _label(name: str, profile: dict[str, Any]) -> str:
    marks = ["images"] if profile.get("image_inputs") else []
    marks += [] if profile.get("temperature", True) else ["no temperature"]
    return f"{name} ({', '.join(marks)})" if marks else name
