"""Each test has a database of its own, a file that is new, and each page of a test its own visitor."""

import os

import pytest
from streamlit.runtime.scriptrunner import get_script_run_ctx


@pytest.fixture(scope="session", autouse=True)
def _database_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An answer that goes on after its test is written here, and not into the app's own database."""
    os.environ["DATABASE_URL"] = f"sqlite:///{tmp_path_factory.mktemp('nobody') / 'chats.db'}"


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the test's database."""
    address = f"sqlite:///{tmp_path_factory.mktemp('database') / 'chats.db'}"
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setattr("server.visitor._identity", _identity_of_page)
    #% if cookiecutter.conversations == "accounts"
    monkeypatch.setattr("chat.accounts.admit", lambda settings: None)
    #% endif
    return address


@pytest.fixture
def one_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all pages of a test be one visitor's."""
    monkeypatch.setattr("server.visitor._identity", lambda: "0" * 64)


def _identity_of_page() -> str:
    context = get_script_run_ctx(suppress_warning=True)
    return f"{id(context.session_state) if context else 0:064x}"
