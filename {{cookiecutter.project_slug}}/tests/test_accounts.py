"""People sign in: before that, nothing is shown or read; afterwards it is seen whose chats these are."""

import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from chat import accounts, store
from chat.settings import ROOT
from server import visitor
from tests.conftest import PAGE
from tests.model_server import ModelServer
from tests.pages import labels, press, say, transcript

ADMIT, IDENTITY = accounts.admit, visitor._identity
AUTH = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "0123456789abcdef" * 2,
    "client_id": "chat",
    "client_secret": "secret",
    "server_metadata_url": "https://id.example.org/.well-known/openid-configuration",
}
NAMED = {name: value for name, value in AUTH.items() if name in ("redirect_uri", "cookie_secret")}
OF_PROVIDER = {name: value for name, value in AUTH.items() if name not in NAMED}


@pytest.fixture(autouse=True)
def _ask_who_it_is(server: ModelServer, monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    """The other tests let everybody in."""
    monkeypatch.setattr(accounts, "admit", ADMIT)
    monkeypatch.setattr(visitor, "_identity", IDENTITY)


def claims(name: str = "Ada", **more: Any) -> dict[str, Any]:
    """Return what the provider says of somebody who has just signed in."""
    address = f"{name.lower()}@example.org"
    about = {"name": name, "email": address, "email_verified": True, "iat": time.time() - 1, **more}
    return {"is_logged_in": True, "iss": "https://id.example.org", "sub": name, **about}


def open_page(user: dict[str, Any] | None = None, auth: dict[str, Any] = AUTH) -> AppTest:
    """Open the page as this user, or as a guest."""
    page = AppTest.from_file(str(PAGE), default_timeout=60)
    page.user, page.secrets = user or {"is_logged_in": False}, {"auth": auth}
    return page.run()


def assert_closed(page: AppTest, *buttons: str) -> None:
    """Nothing can be seen or done, but for these buttons."""
    assert transcript(page) == []
    assert not page.chat_input
    assert not page.sidebar.children
    assert labels(page) == [*buttons]


@pytest.mark.smoke
def test_a_guest_can_sign_in_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError

    monkeypatch.setattr(store, "engine", never)
    assert_closed(open_page(), "Sign in")


def test_who_is_signed_in_chats_and_can_sign_out() -> None:
    page = open_page(claims("Ada *L*"))
    assert r"Signed in as Ada \*L\*" in [caption.value for caption in page.sidebar.caption]
    say(page, "Mine")
    press(page, "Sign out")
    assert_closed(page, "Sign in")


def test_each_account_has_its_own_chats_and_limits(settings: dict[str, Any]) -> None:
    pytest.importorskip("features.conversations")
    settings["conversations"]["questions_per_day"] = 2
    ada = open_page(claims())
    say(ada, "A secret")
    again, other = open_page(claims(iat=time.time() - 99)), open_page(claims("Bob"))
    assert "A secret" in labels(again)
    assert "A secret" not in labels(other)
    say(again, "Second")
    say(ada, "Third")
    assert "limit of 2 questions in 24 hours" in ada.error[0].value
    say(other, "Mine")
    assert not other.error


def test_who_signs_out_is_out_in_every_tab_and_with_every_copy_of_the_cookie() -> None:
    user = claims()
    tab, other, at_home = open_page(user), open_page(user), open_page(claims(iat=time.time() - 99))
    press(tab, "Sign out")
    assert_closed(other.run(), "Sign in")
    assert accounts.ENDED in [warning.value for warning in other.warning]
    assert_closed(open_page(user), "Sign in")
    assert at_home.run().chat_input


@pytest.mark.parametrize(("hours", "age", "ended"), [(2, 1.9, False), (2, 2.1, True), (0, 700, False), (0, 800, True)])
def test_a_sign_in_ends(settings: dict[str, Any], hours: int, age: float, ended: bool) -> None:
    settings["accounts"]["sign_in_hours"] = hours
    page = open_page(claims(iat=time.time() - age * 3600))
    assert bool(page.chat_input) is not ended
    assert (accounts.ENDED in [warning.value for warning in page.warning]) is ended


def test_one_that_does_not_say_when_it_began_has_ended() -> None:
    user = claims()
    del user["iat"]
    assert_closed(open_page(user), "Sign in")


def test_what_was_sent_after_the_end_is_given_back() -> None:
    user = claims()
    page = open_page(user)
    page.session_state["app.session"]["sign_in"].unsent = "Why $1?"
    accounts._sign_out(user)
    assert [code.value for code in page.run().code] == ["Why $1?"]


def test_the_database_being_away_signs_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_page(claims())
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert page.run().chat_input


@pytest.mark.parametrize(
    ("allowed", "email", "verified", "may"),
    [
        ([], "ada@example.org", False, True),
        (["ada@example.org"], "Ada@Example.org", True, True),
        (["example.org"], "ada@example.org", True, True),
        (["@Example.org"], "ada@example.org", True, True),
        (["example.org"], "ada@example.org", False, False),
        (["example.org"], "ada@example.org", "true", False),
        (["example.org"], "ada@sub.example.org", True, False),
        (["example.org"], "ada@badexample.org", True, False),
        (["example.org"], "example.org", True, False),
        (["example.org"], "ada@example.org@evil.example", True, False),
        (["example.org"], None, True, False),
        (["bob@example.org"], "ada@example.org", True, False),
        ([""], "", True, False),
    ],
)
def test_the_list_of_who_may(
    settings: dict[str, Any], allowed: list[str], email: Any, verified: Any, may: bool
) -> None:
    settings["accounts"]["allowed"] = allowed
    page = open_page(claims(email=email, email_verified=verified))
    if may:
        assert page.chat_input
    else:
        assert_closed(page, "Sign out")
        assert page.error[0].value == accounts.REFUSED.format(who="Ada")


@pytest.mark.parametrize(
    ("auth", "lacks"),
    [
        ({}, "redirect_uri, cookie_secret, client_id, client_secret, server_metadata_url"),
        ({**AUTH, "client_secret": ""}, "client_secret"),
        ({**AUTH, "cookie_secret": "short"}, "a cookie_secret of at least 32 characters"),
        ({**AUTH, "cookie_secret": 12345}, "a cookie_secret of at least 32 characters"),
        ({**NAMED, "google": {**OF_PROVIDER, "client_id": ""}}, "google.client_id"),
        ({**NAMED, "my_own": OF_PROVIDER}, "a name without _ for [auth.my_own]"),
    ],
)
def test_what_is_missing_is_named(auth: dict[str, Any], lacks: str) -> None:
    page = open_page(auth=auth)
    assert f"lacks, under [auth], {lacks}. README.md says" in page.error[0].value
    assert_closed(page, "Try again")


@pytest.mark.parametrize("auth", [AUTH, {**NAMED, "google": OF_PROVIDER}])
def test_a_database_that_is_named_under_auth_is_spoken_of(auth: dict[str, Any]) -> None:
    *_, last = auth
    below = {"DATABASE_URL": "sqlite:///mine.db"}  # as a line at the file's end
    page = open_page(auth=auth | ({last: auth[last] | below} if last == "google" else below))
    assert page.error[0].value == accounts.UNDER_AUTH
    assert_closed(page, "Try again")


@pytest.mark.parametrize("line", ["", "allowed = 'example.org'", "allowed = [5]"])
def test_settings_that_cannot_be_read_let_nobody_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    text = (ROOT / "settings.toml").read_text(encoding="utf-8")
    (tmp_path / "settings.toml").write_text(re.sub(r"(?ms)^allowed = \[.*?\]", line, text), encoding="utf-8")
    monkeypatch.setattr("chat.settings.ROOT", tmp_path)
    page = open_page(claims())
    assert "values: accounts.allowed. Fix" in page.error[0].value
    assert_closed(page, "Try again")


@pytest.mark.parametrize(
    ("auth", "buttons"),
    [
        ({**AUTH, "client_kwargs": {"prompt": "login"}}, ["Sign in"]),
        ({**NAMED, "google": OF_PROVIDER, "GitHub": OF_PROVIDER}, ["Sign in with Google", "Sign in with GitHub"]),
        ({**AUTH, "our-own": OF_PROVIDER}, ["Sign in", "Sign in with Our\\-own"]),
    ],
)
def test_a_button_for_each_provider(auth: dict[str, Any], buttons: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[Any] = []
    monkeypatch.setattr(st, "login", chosen.append)
    page = open_page(auth=auth)
    assert_closed(page, *buttons)
    press(page, buttons[-1])
    assert chosen == [[None, *auth][-1] if len(buttons) > 1 else None]


@pytest.mark.parametrize(
    ("address", "buttons"), [("http://localhost:8501", ["Sign in"]), ("http://127.0.0.1:8501", [])]
)
def test_at_another_address_than_that_of_redirect_uri_it_says_so(
    address: str, buttons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(headers={"Origin": address}, cookies={}))
    page = open_page()
    assert_closed(page, *buttons)
    said = "" if buttons else "You can sign in only at http://localhost:8501: open the app there."
    assert "".join(error.value for error in page.error) == said


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("http://Chat.example.org", "http://chat.example.org"),
        ("https://chat.example.org:443", "https://chat.example.org"),
        ("http://chat.example.org:80", "http://chat.example.org"),
    ],
)
def test_an_address_may_be_written_otherwise_than_browsers_do(
    named: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(headers={"Origin": address}, cookies={}))
    assert_closed(open_page(auth={**AUTH, "redirect_uri": f"{named}/oauth2callback"}), "Sign in")


def test_a_sign_in_that_was_not_completed_is_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "context", SimpleNamespace(headers={}, cookies={visitor.COOKIE: "new"}))
    page = open_page()
    assert_closed(page, "Sign in")
    assert page.warning[0].value == accounts.NOT_DONE
    page = open_page(claims())
    press(page, "Sign out")
    assert not page.warning
