"""The API key: where it is looked for, and where it must never turn up."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from chat.settings import ROOT, read_settings
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply
from tests.pages import say, transcript

MODEL = read_settings()["model"]
pytestmark = pytest.mark.skipif(not MODEL["key_variable"], reason="this provider has no key")


@pytest.fixture
def page(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Open the page on a machine where no key is set."""
    monkeypatch.delenv(MODEL["key_variable"])
    return AppTest.from_file(str(PAGE), default_timeout=60).run()


@pytest.mark.skipif(not MODEL["key_page"], reason="this server may do without a key")
def test_without_a_key_the_page_opens_and_says_where_to_get_one(page: AppTest) -> None:
    transcript(page)
    assert MODEL["key_page"] in page.info[0].value
    assert page.chat_input[0].disabled


def test_the_field_is_on_the_page_until_there_is_a_key(page: AppTest) -> None:
    for typed, fields in (("", 1), ("sk-“spoilt", 1), ("sk-typed-by-me", 0), ("", 1)):
        page.text_input(key="app.api_key").set_value(typed).run()
        assert len(page.main.text_input) == (fields if MODEL["key_page"] else 0)
        assert page.text_input(key="app.api_key").value == typed
        assert ["no key has" in error.value for error in page.error] == ([True] if "“" in typed else [])


def test_a_typed_key_reaches_the_provider_and_no_other_session(page: AppTest, server: ModelServer) -> None:
    page.text_input(key="app.api_key").set_value("  sk-typed-by-me  ").run()
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert {"sk-typed-by-me", "Bearer sk-typed-by-me"} & set(server.headers[-1].values())
    assert AppTest.from_file(str(PAGE), default_timeout=60).run().text_input(key="app.api_key").value == ""
    page.text_input(key="app.api_key").set_value("sk-another-one").run()
    assert len(page.session_state["app.session"]["models"]) == 1


def test_a_refused_key_is_named_nowhere(page: AppTest, server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    page.text_input(key="app.api_key").set_value("sk-typed-by-me").run()
    server.reply = Reply(status=401, code="invalid_api_key", message="Incorrect API key provided: sk-typed-by-me")
    say(page, "Hello")
    assert "refused the API key in the sidebar: check it" in page.error[0].value
    assert "sk-typed-by-me" not in str(page.main) + caplog.text
    assert "sk-typed-by-me" not in str(page.session_state[read_settings()["session_key"]])


SECRET = "sk-typed-by-me"
VARIABLE = MODEL["key_variable"]
SECTION, _, SHORT = VARIABLE.lower().partition("_")
SECRETS = {
    "no quotes": (f"{VARIABLE} = {SECRET}", "secrets.toml cannot be read (Invalid value"),
    "no sign": (f"{VARIABLE} {SECRET}", "secrets.toml cannot be read (Expected '='"),
    "PowerShell's": (f"{VARIABLE} = '{SECRET}'".encode("utf-16"), "(it is not UTF-8 text)"),
    "under a section": (f"[some]\n{VARIABLE} = '{SECRET}'", "The key is under [some] in secrets.toml"),
    "short": (f"[{SECTION}]\n{SHORT} = '{SECRET}'", f"put {VARIABLE} above it"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_key_that_is_not_found_in_secrets_says_why(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    text, sentence = SECRETS[name]
    (tmp_path / ".streamlit").mkdir()
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / ".streamlit" / "secrets.toml").write_bytes(data)
    (tmp_path / "settings.toml").write_bytes((ROOT / "settings.toml").read_bytes())
    monkeypatch.setattr("chat.settings.ROOT", tmp_path)
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.error  # the environment has one
    monkeypatch.delenv(MODEL["key_variable"])
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    assert sentence in page.error[0].value
    assert SECRET not in str(page.main)
    assert not [field for field in page.text_input if "API key" in field.label]


START = """
from starlette.testclient import TestClient
import app
with TestClient(app.app) as browser:
    print(browser.get("/_stcore/health").text)
"""


def test_the_server_starts_with_secrets_that_are_no_text(tmp_path: Path) -> None:
    for file in [*ROOT.glob("*.py"), ROOT / "settings.toml"]:
        shutil.copy(file, tmp_path)
    for folder in {file.parent.name for file in ROOT.glob("*/*.py")} - {"tests"}:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_bytes(b"\xff\xfeK\0E\0Y\0")
    done = subprocess.run([sys.executable, "-c", START], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "ok\n", done.stderr
