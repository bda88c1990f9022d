"""Each test has a database of its own, a file that is new."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Return the address of the test's database."""
    address = f"sqlite:///{tmp_path / 'chats.db'}"
    monkeypatch.setenv("DATABASE_URL", address)
    return address
