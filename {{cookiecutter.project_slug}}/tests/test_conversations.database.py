"""One's own conversations: new, rename, delete with undo, search, and each at an address of its own."""

import time

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from chat import store
from features import conversations
from server.visitor import visitor
from tests.conftest import PAGE
from tests.pages import labels, press, say, transcript

pytestmark = pytest.mark.usefixtures("one_visitor")


def questions(page: AppTest) -> list[str]:
    """Return what was asked in the conversation that is open."""
    return [text for who, text in transcript(page) if who == "human"]


def go(page: AppTest, address: str) -> AppTest:
    """Go to an address, as Back does."""
    page.session_state["app.session"]["conversations"].left = ("", 0)  # some time later
    if address:
        page.query_params["c"] = address
    else:
        page.query_params.clear()
    return page.run()


def become(monkeypatch: pytest.MonkeyPatch, digit: str) -> None:
    """Come as another visitor."""
    monkeypatch.setattr("server.visitor._identity", lambda: digit * 64)


def test_each_has_its_own_messages_title_and_address(page: AppTest) -> None:
    say(page, "About *cats* and $5")
    cats = page.query_params["c"]
    press(page, "New chat")
    assert "c" not in page.query_params
    assert questions(page) == []
    say(page, "About dogs")
    assert questions(page) == ["About dogs"]
    press(page, r"About \*cats\* and \$5")
    assert questions(page) == ["About *cats* and $5"]
    assert page.query_params["c"] == cats


def test_back_and_forward_open_what_was_open(page: AppTest) -> None:
    say(page, "About cats")
    cats = page.query_params["c"]
    press(page, "New chat")
    say(page, "About dogs")
    assert questions(go(page, cats)) == ["About cats"]
    assert questions(go(page, "")) == []


def test_an_event_that_the_browser_sent_before_it_knew_its_address_changes_nothing(page: AppTest) -> None:
    say(page, "About cats")
    cats = page.query_params["c"]
    page.query_params.clear()
    page.run()
    assert questions(page) == ["About cats"]
    assert page.query_params["c"] == cats


def test_one_can_go_back_at_once(page: AppTest) -> None:
    say(page, "About cats")
    cats = page.query_params["c"]
    press(page, "New chat")
    time.sleep(0.7)  # as long as it takes to see that it was the wrong button
    page.query_params["c"] = cats
    assert questions(page.run()) == ["About cats"]


def test_nobody_opens_or_lists_what_another_has(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    say(page, "A secret")
    address = page.query_params["c"]
    become(monkeypatch, "1")
    for unknown in (address, "0" * 32, "' OR 1=1 --", "x" * 10_000, "\0"):
        other = AppTest.from_file(str(PAGE), default_timeout=60)
        other.query_params["c"] = unknown
        assert questions(other.run()) == []
        assert [warning.value for warning in other.warning] == [conversations.NOT_FOUND]
        assert "A secret" not in labels(other)
    say(other, "Something of mine")
    assert questions(other) == ["Something of mine"]
    assert not other.warning
    become(monkeypatch, "0")
    assert questions(page.run()) == ["A secret"]


def test_an_empty_one_is_new_enough(page: AppTest) -> None:
    press(page, "New chat")
    assert labels(page).count("Untitled chat") == 1
    say(page, "About cats")
    press(page, "New chat")
    press(page, "New chat")
    assert labels(page).count("Untitled chat") == 1
    assert questions(page) == []


def test_rename(page: AppTest) -> None:
    say(page, "About cats")
    page.menu_button[0].click("Rename").run()
    field = next(field for field in page.text_input if "app.name" in str(field.key))
    assert field.value == "About cats"
    field.set_value("Cats").run()
    assert "Cats" in labels(page)
    assert "About cats" not in labels(page)


def test_a_name_that_could_not_be_saved_can_be_saved_later(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise store.ChatError(store.AWAY)

    say(page, "About cats")
    page.menu_button[0].click("Rename").run()
    with monkeypatch.context() as patch:
        patch.setattr(store, "rename", away)
        next(field for field in page.text_input if "app.name" in str(field.key)).set_value("Cats").run()
    assert store.AWAY in [warning.value for warning in page.warning]
    press(page, "Done")
    assert "Cats" in labels(page)
    assert "Done" not in labels(page)


def test_delete_can_be_undone(page: AppTest) -> None:
    say(page, "Keep me")
    address = page.query_params["c"]
    page.menu_button[0].click("Delete").run()
    assert "Keep me" not in labels(page)
    assert questions(page) == []
    assert questions(go(page, address)) == []
    press(page, "Undo delete")
    assert questions(page) == ["Keep me"]
    assert "Undo delete" not in labels(page)


def test_all_deleted_chats_can_be_had_back(page: AppTest) -> None:
    say(page, "First")
    press(page, "New chat")
    say(page, "Second")
    for _ in range(2):
        page.menu_button[0].click("Delete").run()
    for _ in range(2):
        press(page, "Undo delete")
    assert {"First", "Second"} <= set(labels(page))


def test_search(page: AppTest) -> None:
    say(page, "Ein Brief von Müller")
    press(page, "New chat")
    say(page, "Voller ÄRGER")
    search = page.text_input(key="app.search")
    for text, found in (("MÜLLER", {"Ein Brief von Müller"}), ("ärger", {"Voller ÄRGER"}), ("nowhere", set())):
        search.set_value(text).run()
        assert {"Ein Brief von Müller", "Voller ÄRGER"} & set(labels(page)) == found
    assert "Nothing found." in [caption.value for caption in page.sidebar.caption]


def test_the_list_says_when_the_database_is_away(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    say(page, "About cats")

    def away(*_: object) -> None:
        raise store.ChatError(store.AWAY)

    monkeypatch.setattr(store, "chats", away)
    monkeypatch.setattr(store, "delete", away)
    page.menu_button[0].click("Delete").run()
    assert store.AWAY in [warning.value for warning in page.warning]
    assert "About cats" in labels(page)


@pytest.mark.parametrize("value", ["Explode", None, 5])
def test_what_a_menu_does_not_offer_is_not_done(page: AppTest, value: object) -> None:
    say(page, "About cats")
    key = page.query_params["c"]
    chats = conversations._Chats(open=key, titles={key: "About cats"})
    st.session_state[f"app.menu.{key}"] = st.session_state[f"app.name.{key}"] = value
    conversations._act(chats, key)
    st.session_state[f"app.name.{key}"] = 5
    conversations._rename(chats, key)
    conversations._open(chats, "0" * 32)
    assert chats.open == key
    assert [title for _, title, _ in store.chats(visitor())] == ["About cats"]
