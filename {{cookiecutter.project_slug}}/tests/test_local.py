"""The built-in model, the real one: it answers, to this app alone, and says what is wrong with its file."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from chat.errors import ChatError
from chat.model import MODELS
from providers.local import start_server
from server import kept
from tests.conftest import PAGE
from tests.pages import say, transcript


@pytest.fixture(autouse=True)
def _fresh_model() -> Iterator[None]:
    MODELS.clear()
    kept._kept.clear()
    yield
    MODELS.clear()
    kept._kept.clear()


@pytest.mark.smoke
def test_it_answers() -> None:
    page = say(AppTest.from_file(str(PAGE), default_timeout=120).run(), "What is the capital of France?")
    assert not page.error
    assert transcript(page)[-1][1].strip()


def test_it_answers_this_app_alone() -> None:
    url, *_ = start_server("")
    assert url.startswith("http://127.0.0.1:")
    request = urllib.request.Request(f"{url}/chat/completions", b'{"messages": []}')
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert refusal.value.code == 401


def test_a_missing_file_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_MODEL_PATH", "/no/such.gguf")
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    assert "/no/such.gguf does not exist" in page.error[0].value


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF\x03\x00\x00\x00"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(content)
    with pytest.raises(ChatError, match=r"llama\.cpp cannot load the model file"):
        start_server(str(broken))
