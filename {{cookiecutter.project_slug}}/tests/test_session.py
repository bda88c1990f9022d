"""What one run of the page works with, and what is kept with each conversation."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from chat import settings as files
from chat.errors import ChatError
from chat.session import Chat
from chat.settings import read_prompt, read_settings

OPEN_FILES = """
import resource

from server.open_files import raise_limit

resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
raise_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_an_edit_of_the_settings_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = Path(shutil.copy(files.ROOT / "settings.toml", tmp_path))
    monkeypatch.setattr(files, "ROOT", tmp_path)
    chat = Chat()
    assert not chat.is_outdated()
    copy.write_text(copy.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    assert chat.is_outdated()
    copy.write_text("title = ", encoding="utf-8")
    assert chat.is_outdated()  # the page then says what is wrong


@pytest.mark.parametrize("odd", ['session_key = "app.turn"', 'session_key = "$$ID"', "x = " + "[" * 5000 + "]" * 5000])
def test_settings_that_cannot_be_used_are_named(odd: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (files.ROOT / "settings.toml").read_text(encoding="utf-8")
    (tmp_path / "settings.toml").write_text(f"{odd}\n{re.sub('(?m)^session_key.*', '', text)}", encoding="utf-8")
    monkeypatch.setattr(files, "ROOT", tmp_path)
    with pytest.raises(ChatError, match=r"wrong values: session_key\.|cannot be read \(maximum"):
        read_settings()


def test_each_conversation_keeps_its_own(page: AppTest) -> None:
    def script() -> None:
        import streamlit as st

        from chat.session import Chat

        for key in ("one", "two", "one"):
            Chat(session_key=key).kept.setdefault("words", []).append(key)
        st.write(*(Chat(session_key=key).kept["words"] for key in ("one", "two")))

    page = AppTest.from_function(script, default_timeout=60).run()
    assert [element.value for element in page.json] == ['["one", "one"]', '["two"]']


def test_a_prompt_that_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "PROMPTS", tmp_path)
    with pytest.raises(ChatError, match=r"prompts/system\.md cannot be read \(No such file or directory\)"):
        read_prompt("system")
    (tmp_path / "system.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ChatError, match=r"\(it is not UTF-8 text\)"):
        read_prompt("system")


def test_nobody_is_told_that_a_text_is_spoilt_while_the_server_has_too_much_open() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(ChatError, match=r"prompts/system\.md cannot be read \(Too many open files\)"):
            read_prompt("system")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("soft", "hard", "raised"), [(256, 512, 512), (256, 20_000, 10_240), (15_000, 20_000, 15_000)])
def test_the_server_may_have_as_much_open_as_the_machine_allows(soft: int, hard: int, raised: int) -> None:
    resource = pytest.importorskip("resource")
    if 0 < resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip("this machine allows less")
    command = [sys.executable, "-c", OPEN_FILES.format(soft=soft, hard=hard)]
    done = subprocess.run(command, cwd=files.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(raised), str(hard)]
