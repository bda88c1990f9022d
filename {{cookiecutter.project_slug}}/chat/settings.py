"""settings.toml, read afresh at each run of the page: an edit shows at the next click."""

import tomllib
from pathlib import Path
from typing import Any

from chat.errors import ChatError

ROOT = Path(__file__).parent.parent
NEEDED = {"title": str, "session_key": str, "tokens_per_session": int, "image_hosts": list, "model": dict}
TEXTS_OF_MODEL = ("provider", "name", "notice", "key_variable", "key_page")
NUMBERS_OF_MODEL = ("history_tokens", "history_messages")
NEEDED_OF_MODEL = {**dict.fromkeys(TEXTS_OF_MODEL, str), **dict.fromkeys(NUMBERS_OF_MODEL, int), "offered": list}


def read_settings() -> dict[str, Any]:
    """Return what stands in settings.toml.

    Raises:
        ChatError: The file is missing, is not valid TOML, or lacks an entry of the right type.
    """
    try:
        settings = tomllib.loads((ROOT / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChatError(f"settings.toml cannot be read ({error}): mend the file, then try again.") from error
    wrong = [name for name, kind in NEEDED.items() if not _is(settings.get(name), kind)]
    if "model" not in wrong:
        model = settings["model"]
        wrong += [f"model.{name}" for name, kind in NEEDED_OF_MODEL.items() if not _is(model.get(name), kind)]
    if wrong:
        raise ChatError(f"settings.toml lacks {', '.join(wrong)}, or its value is of a wrong type: mend it, try again.")
    return settings


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is not list or all(isinstance(item, str) for item in value))
