"""Each test has a database of its own, a file that is new, and one visitor."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _database_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An answer that goes on after its test is written here, and not into the app's own database."""
    os.environ["DATABASE_URL"] = f"sqlite:///{tmp_path_factory.mktemp('nobody') / 'chats.db'}"


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the test's database."""
    address = f"sqlite:///{tmp_path_factory.mktemp('database') / 'chats.db'}"
    monkeypatch.setattr("server.visitor._secret", lambda: "0" * 64)
    monkeypatch.setenv("DATABASE_URL", address)
    return address
