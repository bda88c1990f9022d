"""settings.toml and prompts/*.md, read afresh each time they are needed: an edit counts without a restart."""

import functools
import tomllib
from pathlib import Path
from typing import Any

from chat.errors import ChatError

ROOT = Path(__file__).parent.parent
PROMPTS = ROOT / "prompts"
EXPECTED = {
    "title": str,
    "session_key": str,
    "tokens_per_session": int,
    "answer_letters": int,
    "answer_minutes": int,
    "questions_per_minute": int,
    "save_prompts": bool,
    "image_hosts": list,
    "frame_hosts": list,
    "model": dict,
}
EXPECTED_OF_MODEL = {
    **dict.fromkeys(("provider", "name", "notice", "key_variable", "key_page"), str),
    **dict.fromkeys(("history_tokens", "history_messages"), int),
    **dict.fromkeys(("files", "offered"), list),
    "begins_with_user": bool,
}


def read_settings() -> dict[str, Any]:
    """Return what settings.toml says: the same object until the file is edited, so nobody may change it.

    Raises:
        ChatError: The file is missing, is not valid TOML, or lacks an entry of the right type.
    """
    try:
        return _parse((ROOT / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error  # the whole text has the file's path in it
        raise ChatError(f"settings.toml cannot be read ({reason}): fix the file, then try again.") from error


@functools.lru_cache(maxsize=1)
def _parse(text: str) -> dict[str, Any]:
    settings = tomllib.loads(text)
    wrong = [name for name, kind in EXPECTED.items() if not _is(settings.get(name), kind)]
    if "model" not in wrong:
        model = settings["model"]
        wrong += [f"model.{name}" for name, kind in EXPECTED_OF_MODEL.items() if not _is(model.get(name), kind)]
    if wrong:
        raise ChatError(f"settings.toml lacks {', '.join(wrong)}, or has a value of the wrong type: fix it, try again.")
    return settings


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is not list or all(isinstance(item, str) for item in value))


def allowed_hosts() -> dict[str, list[str]]:
    """Return the hosts that settings.toml allows the browser, by directive; none if the file cannot be read."""
    try:
        settings = read_settings()
    except ChatError:
        return {}
    return {"img-src": settings["image_hosts"], "frame-ancestors": settings["frame_hosts"]}


def read_prompt(name: str) -> str:
    """Return the text of prompts/<name>.md, character for character.

    Raises:
        ChatError: The file cannot be read, or is not UTF-8 text.
    """
    try:
        return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ChatError(f"prompts/{name}.md cannot be read ({reason}): mend that, then try again.") from error
