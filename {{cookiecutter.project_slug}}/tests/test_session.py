"""What one run of the page works with, and what is kept with each conversation."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from chat import settings as files
from chat.session import Chat


def test_an_edit_of_the_settings_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = Path(shutil.copy(files.ROOT / "settings.toml", tmp_path))
    monkeypatch.setattr(files, "ROOT", tmp_path)
    chat = Chat()
    assert not chat.is_outdated()
    copy.write_text(copy.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    assert chat.is_outdated()
    copy.write_text("title = ", encoding="utf-8")
    assert chat.is_outdated()  # the page then says what is wrong


def test_each_conversation_keeps_its_own(page: AppTest) -> None:
    def script() -> None:
        import streamlit as st

        from chat.session import Chat

        for key in ("one", "two", "one"):
            Chat(session_key=key).kept.setdefault("words", []).append(key)
        st.write(*(Chat(session_key=key).kept["words"] for key in ("one", "two")))

    page = AppTest.from_function(script, default_timeout=60).run()
    assert [element.value for element in page.json] == ['["one", "one"]', '["two"]']
