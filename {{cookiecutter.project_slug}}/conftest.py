"""Each test has a database of its own, a file that is new, and one visitor."""

import pytest


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the test's database."""
    address = f"sqlite:///{tmp_path_factory.mktemp('database') / 'chats.db'}"
    monkeypatch.setattr("server.visitor._secret", lambda: "0" * 64)
    monkeypatch.setenv("DATABASE_URL", address)
    return address
