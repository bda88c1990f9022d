"""Modules that only some apps have: the template keeps or drops whole files, and no line of Python differs."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


@cache
def optional(name: str) -> ModuleType | None:
    """Return the module of this name, or None in an app without it."""
    return import_module(name) if find_spec(name) else None
