"""settings.toml, read afresh at each run of the page: an edit is in force at the next click."""

import tomllib
from pathlib import Path
from typing import Any

from chat.errors import ChatError

ROOT = Path(__file__).parent.parent


def read_settings() -> dict[str, Any]:
    """Return what stands in settings.toml.

    Raises:
        ChatError: The file is missing or is not valid TOML.
    """
    try:
        return tomllib.loads((ROOT / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ChatError(f"settings.toml cannot be read ({error}): mend the file, then reload the page.") from error
