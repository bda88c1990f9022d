"""Where conversations are kept: in the browser session, and no longer."""

from typing import Any

from chat.history import History


def open_history(chat: Any) -> History:
    """Return the history of the conversation that is open in a chat."""
    history = History(key=chat.session_key)
    history.versions = chat.kept.setdefault("versions", {})
    return history
