"""settings.toml, read afresh at each run of the page: an edit is in force at the next click."""

import tomllib
from pathlib import Path
from typing import Any

from chat.errors import ChatError

ROOT = Path(__file__).parent.parent
NEEDED = ("title", "session_key", "model")
NEEDED_OF_MODEL = ("provider", "name", "notice", "key_variable", "key_page", "history_tokens")


def read_settings() -> dict[str, Any]:
    """Return what stands in settings.toml.

    Raises:
        ChatError: The file is missing, is not valid TOML, or lacks an entry.
    """
    try:
        settings = tomllib.loads((ROOT / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChatError(f"settings.toml cannot be read ({error}): mend the file, then reload the page.") from error
    missing = [name for name in NEEDED if name not in settings]
    missing += [f"model.{name}" for name in NEEDED_OF_MODEL if name not in settings.get("model", {})]
    if missing:
        raise ChatError(f"settings.toml lacks {', '.join(missing)}: put it back, then reload the page.")
    return settings
