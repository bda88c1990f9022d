"""What the tests share: a model server that the app is led to, and the page."""

import functools
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from chat.model import ChatModel
from tests.model_server import ModelServer

APP = Path(__file__).parent.parent / "app.py"
LEADS_ELSEWHERE = ("_PROXY", "_BASE_URL", "_API_BASE", "_API_URL", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_PROFILE")


@pytest.fixture(scope="session", autouse=True)
def _look_for_components_once() -> Iterator[None]:
    """Each AppTest looks through all installed packages for Streamlit components; that is half of a test's time."""
    where = "streamlit.components.v2.manifest_scanner.scan_component_manifests"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, functools.cache(pkgutil.resolve_name(where)))
        yield


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Lead the app's own client to a server on loopback: real HTTP, no key, no network."""
    with ModelServer() as server:
        for name in [name for name in os.environ if name.upper().endswith(LEADS_ELSEWHERE)]:
            monkeypatch.delenv(name)  # this machine's; nothing here leaves it
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        if ChatModel.__module__ == "chat.local_model":  # its own server makes way
            monkeypatch.setattr("chat.local_model.start_server", lambda _: (f"{server.url}/v1", server.key, None))
        st.cache_resource.clear()
        yield server
        st.cache_resource.clear()


@pytest.fixture
def page(server: ModelServer) -> AppTest:
    """Open the page."""
    return AppTest.from_file(str(APP), default_timeout=60).run()
