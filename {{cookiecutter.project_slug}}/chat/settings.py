"""settings.toml, prompts/*.md and secrets.toml, read afresh each time: an edit of the first two counts at once."""

import functools
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat.errors import ChatError

ROOT = Path(__file__).parent.parent
PROMPTS = ROOT / "prompts"
EXPECTED = {
    **dict.fromkeys(("title", "session_key"), str),
    **dict.fromkeys(("tokens_per_session", "answer_characters", "answer_minutes", "questions_per_minute"), int),
    **dict.fromkeys(("shutdown_seconds", "model.history_tokens", "model.history_messages"), int),
    **dict.fromkeys(("model.provider", "model.name", "model.notice", "model.key_variable", "model.key_page"), str),
    **dict.fromkeys(("image_hosts", "frame_hosts", "model.files", "model.offered"), list),
    **dict.fromkeys(("save_prompts", "model.begins_with_user"), bool),
    #% if cookiecutter.conversations != "session"
    **dict.fromkeys(
        (f"conversations.{name}" for name in ("keep_days", "questions_per_day", "chats", "megabytes")), int
    ),
    #% endif
    #% if cookiecutter.conversations == "accounts"
    **{"accounts.allowed": list, "accounts.sign_in_hours": int},
    #% endif
    #% if cookiecutter.tools != "none"
    **dict.fromkeys(("tools.rounds", "tools.seconds", "tools.seconds_to_ask"), int),
    #% endif
}
TABLES = ("environment", "model.arguments", "servers")  # which may be missing


def read_settings() -> dict[str, Any]:
    """Return what settings.toml says: the same object until the file is edited, so nobody may change it.

    Raises:
        ChatError: The file is missing, is not valid TOML, or lacks an entry of the right type.
    """
    return _read("settings.toml", ROOT / "settings.toml", _parse, "try again")


@functools.lru_cache(maxsize=1)
def _parse(text: str) -> dict[str, Any]:
    settings = tomllib.loads(text)
    tables = [(name, table) for name, table in settings.items() if isinstance(table, dict)]
    values = settings | {f"{name}.{entry}": value for name, table in tables for entry, value in table.items()}
    wrong = [name for name, kind in EXPECTED.items() if not _is(values.get(name), kind)]
    taken = str(values.get("session_key", "missing") or "app.").startswith(("app.", "$$"))  # by us, by Streamlit
    wrong += ["session_key"] * taken
    if wrong := wrong + [name for name in TABLES if not isinstance(values.get(name, {}), dict)]:
        raise ChatError(f"settings.toml has missing or wrong values: {', '.join(wrong)}. Fix them, then try again.")
    return settings


def _is(value: Any, kind: type) -> bool:
    if type(value) is not kind:  # True is an int, too
        return False
    return all(type(item) is str for item in value) if kind is list else kind is not int or value >= 0


def allowed_hosts() -> dict[str, list[str]]:
    """Return the hosts that settings.toml allows the browser, by directive; none if the file cannot be read."""
    try:
        settings = read_settings()
    except ChatError:
        return {}
    allowed = {"img-src": settings["image_hosts"], "frame-ancestors": settings["frame_hosts"]}
    # A header takes ASCII alone, in which other alphabets have names of their own (xn--...).
    return {name: [host for host in hosts if host.isascii() and host.isprintable()] for name, hosts in allowed.items()}


def read_prompt(name: str) -> str:
    """Return the text of prompts/<name>.md, character for character.

    Raises:
        ChatError: The file cannot be read, or is not UTF-8 text.
    """
    return _read(f"prompts/{name}.md", PROMPTS / f"{name}.md", str, "try again")


def read_secrets() -> dict[str, Any]:
    """Return what the app's own secrets.toml says, {} if there is none.

    Raises:
        ChatError: The file cannot be read, or is not valid TOML.
    """
    name = ".streamlit/secrets.toml"
    return _read(name, ROOT / name, tomllib.loads, "restart the app") if (ROOT / name).exists() else {}


def _read(name: str, file: Path, parse: Callable[[str], Any], then: str) -> Any:
    try:
        return parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # The whole text of such an error has the file's path in it, or a piece of the file.
        why = "it is not UTF-8 text" if isinstance(error, UnicodeError) else getattr(error, "strerror", None) or error
        raise ChatError(f"{name} cannot be read ({why}): fix that, then {then}.") from error
