"""What lives as long as the process, even when Streamlit reloads the rest of the app after an edit."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Thing = TypeVar("Thing")

_kept: dict[str, Any] = {}
_lock = threading.RLock()


def keep(name: str, make: Callable[[], Thing]) -> Thing:
    """Return what is kept under this name, made the first time it is asked for; if `make` fails, nothing is kept."""
    with _lock:
        if name not in _kept:
            _kept[name] = make()
        return _kept[name]


def drop(name: str) -> None:
    """Stop keeping it."""
    with _lock:
        _kept.pop(name, None)
