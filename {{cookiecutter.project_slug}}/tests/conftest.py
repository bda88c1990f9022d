"""What the tests share: a model server for the app to talk to, and the page."""

import copy
import functools
import importlib.util
import os
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from chat.model import MODELS, ChatModel
from chat.settings import read_settings
from server import kept
from tests.model_server import ModelServer

PAGE = Path(__file__).parent.parent / "page.py"
PROMPTS = {"system": "You are a test.", "greeting": "How can I help you?", "starters": "- Why?\n- How?\n"}
LEADS_ELSEWHERE = ("_PROXY", "_BASE_URL", "_API_BASE", "_API_URL", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_PROFILE")
LEADS_ELSEWHERE += ("AWS_BEARER_TOKEN_BEDROCK", "GOOGLE_GENAI_USE_VERTEXAI")


@pytest.fixture(scope="session", autouse=True)
def _look_for_components_once() -> Iterator[None]:
    """Each AppTest looks through all installed packages for Streamlit components; that is half of a test's time."""
    where = "streamlit.components.v2.manifest_scanner.scan_component_manifests"
    with pytest.MonkeyPatch.context() as patch:
        with suppress(ImportError, AttributeError):  # in another Streamlit, they take as long as they take
            patch.setattr(where, functools.cache(pkgutil.resolve_name(where)))
        yield


def _forget() -> None:
    """Forget the models, and what was kept for them: the environment, and the built-in model's server."""
    MODELS.clear()
    kept._kept.clear()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Point the app's own client at a server on loopback: real HTTP, no key, no network."""
    with ModelServer() as server:
        for name in [name for name in os.environ if name.upper().endswith(LEADS_ELSEWHERE)]:
            monkeypatch.delenv(name)  # this machine's; nothing here leaves it
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        if ChatModel.__module__ == "providers.local":  # its own server makes way
            monkeypatch.setattr("providers.local.start_server", lambda _: (f"{server.url}/v1", server.key, None))
        _forget()
        yield server
        _forget()


def as_shipped() -> dict[str, Any]:
    """Return the settings with the limits that the app came with: the owner may have others."""
    return {
        **read_settings(),
        "tokens_per_session": 0,
        "answer_characters": 200_000,
        "answer_minutes": 30,
        "questions_per_minute": 30,
        "shutdown_seconds": 60,
        "save_prompts": False,
        "image_hosts": [],
        "frame_hosts": ["*"],
        "model": {**read_settings()["model"], "history_tokens": 0, "history_messages": 100},
        #% if cookiecutter.conversations != "session"
        "conversations": {"keep_days": 0, "questions_per_day": 1000, "chats": 1000, "megabytes": 500},
        #% endif
        #% if cookiecutter.conversations == "accounts"
        "accounts": {"allowed": [], "sign_in_hours": 168},
        #% endif
        #% if cookiecutter.tools != "none"
        "tools": {"rounds": 10, "seconds": 60, "seconds_to_ask": 300},
        "servers": {},
        #% endif
    }


@pytest.fixture(autouse=True)
def _owners_edits_do_not_count(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Give each test the limits that the app came with, and short prompts; the smoke tests use the owner's prompts."""
    for name, value in as_shipped().items():
        monkeypatch.setitem(read_settings(), name, value)
    if not request.node.get_closest_marker("smoke"):
        folder = tmp_path_factory.mktemp("prompts")
        for name, text in PROMPTS.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
        monkeypatch.setattr("chat.settings.PROMPTS", folder)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return settings of the test's own, which the page reads: to be changed before it is run."""
    settings = copy.deepcopy(read_settings())
    monkeypatch.setattr("chat.session.read_settings", lambda: settings)
    return settings


@pytest.fixture(autouse=True)
def _components_as_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest cannot press a component: here, rows and editors are drawn as plain widgets with the same names.

    The template's own tests show what they do in a browser.
    """

    def report(key: str, value: dict[str, Any], callback: Callable[[], None]) -> None:
        st.session_state[key] = value
        callback()

    def row(key: str, data: list[dict[str, Any]], **callbacks: Callable[[], None]) -> None:
        place = st.container()
        for item in data:
            if label := item.get("label"):
                callback = callbacks.get(f"on_{item['event']}_change")
                disabled, help = item["disabled"], item.get("copies")
                place.button(label, f"{key}.{label}", help=help, on_click=callback, disabled=disabled)
            elif text := item.get("text"):
                place.caption(text)

    def editor(key: str, data: list[Any], on_send_change: Callable[[], None], **_: Any) -> None:
        place, (typed, _most, *names) = st.container(), data
        text = place.text_area("Your question", typed, key=f"{key}.text")
        boxes = [place.checkbox(name, True, key=f"{key}.{number}") for number, name in enumerate(names)]
        files = [number for number, box in enumerate(boxes) if box]
        sent = {"text": text, "files": files}
        place.button("Send", f"{key}.send", on_click=report, args=(key, {"send": sent}, on_send_change))

    monkeypatch.setattr("chat.row._component", row)
    if importlib.util.find_spec("features.versions"):
        monkeypatch.setattr("features.versions._editor", editor)


@pytest.fixture
def page(server: ModelServer) -> AppTest:
    """Open the page."""
    return AppTest.from_file(str(PAGE), default_timeout=60).run()
