"""The built-in model, the real one: it answers, to this app alone, and says what is wrong with its file."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from chat.errors import ChatError
from chat.model import MODELS
from providers.local import cores, start_server
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


@pytest.mark.parametrize(
    ("limits", "counted"),
    [
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 16),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        ({}, 16),
    ],
)
def test_a_containers_share_of_the_cores_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limits: dict[str, str], counted: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16), raising=False)
    for name, text in limits.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cores(tmp_path) == counted


def test_cores_that_belong_to_others_are_not_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert cores(tmp_path) == 2
