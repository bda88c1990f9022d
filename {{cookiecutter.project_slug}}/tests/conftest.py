"""What the tests share: a model server that the app is led to, and the page."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.model_server import ModelServer

APP = Path(__file__).parent.parent / "app.py"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Lead the app's own client to a server on loopback: real HTTP, no key, no network."""
    with ModelServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        if importlib.util.find_spec("chat.local_model"):  # its own server makes way
            monkeypatch.setattr("chat.local_model.start_server", lambda _: (f"{server.url}/v1", server.key, None))
        st.cache_resource.clear()
        yield server
        st.cache_resource.clear()


@pytest.fixture
def page(server: ModelServer) -> AppTest:
    """Open the page."""
    return AppTest.from_file(str(APP), default_timeout=60).run()
