"""What a person sees where people sign in, with a provider that speaks OpenID Connect; and what an attacker gets."""

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import oidc_provider_mock
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus

from tests.baking import app_tests, copy_app, install
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import WIDTHS, on_a_desktop, reply
from tests.browser.test_accessibility import STREAMLITS
from tests.running import free_port, run_coroutine, running
from tests.streamlit_client import Session

pytestmark = [pytest.mark.browser, pytest.mark.installs]
ENDED = "You have been signed out"
SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "chat"
client_secret = "secret"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"
"""


class Place:
    """An app, and what stands around it."""

    def __init__(self, folder: Path, server: Any, provider: int, environment: dict[str, str]) -> None:
        """Prepare; `open` starts it."""
        self.folder, self.server, self.provider, self.port = folder, server, provider, free_port()
        self.environment = environment
        self.url = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def open(self, **settings: str) -> Iterator[None]:
        """Run the app, with other settings than those that it comes with."""
        file = self.folder / "settings.toml"
        text = file.read_text(encoding="utf-8")
        for name, value in settings.items():
            text = re.sub(rf"^{name} = .*", f"{name} = {value}", text, flags=re.MULTILINE)
        file.write_text(text, encoding="utf-8")
        secrets = self.folder / ".streamlit" / "secrets.toml"
        secrets.write_text(SECRETS.format(port=self.port, provider=self.provider), encoding="utf-8")
        with running(self.folder, self.environment, port=self.port):
            yield

    def about(self, sub: str, **claims: Any) -> None:
        """Let the provider say this of somebody from now on."""
        claims = {"name": sub.title(), "email": f"{sub}@example.org", "email_verified": True, **claims}
        url, head = f"http://localhost:{self.provider}/users/{sub}", {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(claims).encode(), head, method="PUT"))

    def sign_in(self, page: Page, who: str = "ada", address: str = "") -> ChatPage:
        """Come as somebody, to this address; return the page."""
        page.goto(f"{self.url}/{address}")
        sign_in(page, who)
        return ChatPage(page, self.port, page.url)


def sign_in(page: Page, who: str = "ada", at_the_provider: Callable[[], None] = lambda: None) -> None:
    """Press the button, and choose an account at the provider."""
    button = page.get_by_role("button", name="Sign in")
    expect(button).to_be_visible(timeout=60_000)
    button.click()
    account = page.get_by_role("button", name=who, exact=True)
    expect(account).to_be_visible()
    at_the_provider()
    account.click()
    expect(page.get_by_text(re.compile("Signed in as|does not have access"))).to_be_attached(timeout=60_000)


def sign_out(chat: ChatPage) -> None:
    """Press the button, and say at the provider that it is meant."""
    opener = chat.page.get_by_test_id("stExpandSidebarButton")  # on a phone
    if opener.is_visible():
        opener.click()
    chat.press("Sign out")
    chat.page.get_by_role("button", name="End session").click()
    assert_closed(chat.page)


def assert_closed(page: Page) -> None:
    """See a button to sign in, and nothing of anybody's."""
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=60_000)
    for what in ("stChatMessage", "stChatInput", "stSidebar"):
        expect(page.get_by_test_id(what)).to_have_count(0)


def assert_axe_finds_nothing(page: Page) -> None:
    """Look for what keeps some people out."""
    faults = [fault for fault in Axe().run(page).response["violations"] if fault["id"] not in STREAMLITS]
    assert [(fault["id"], node["html"]) for fault in faults for node in fault["nodes"]] == []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Make an app of the test's own, a server that plays the model's provider, and one that has people's accounts."""
    folder = copy_app(app := install(model_provider="openai", conversations="accounts"), tmp_path / "app")
    names = {"ada": "Ada Lovelace", "bob": "Bob"}
    users = [
        oidc_provider_mock.User(sub=sub, claims={"name": name, "email": f"{sub}@example.org", "email_verified": True})
        for sub, name in names.items()
    ]
    with app_tests(app).ModelServer() as server, oidc_provider_mock.run_server_in_thread(user_claims=users) as oidc:
        environment = server.environment | {"DATABASE_URL": f"sqlite:///{tmp_path / 'chats.db'}"}
        yield Place(folder, server, oidc.server_port, environment)


def test_what_is_ones_own_is_shown_while_one_is_signed_in(
    page: Page, browser: Browser, place: Place, screenshots: Path, width: str
) -> None:
    with place.open():
        page.goto(place.url)
        assert_closed(page)
        page.screenshot(path=screenshots / f"sign-in-{width}.png", animations="disabled")
        assert_axe_finds_nothing(page)
        sign_in(page)
        chat = ChatPage(page, place.port)
        chat.say("About cats")
        chat.wait_for_the_end()
        page.wait_for_url("**/?c=*")
        cats = page.url
        page.reload()
        expect(chat.messages).to_have_count(3)
        second = ChatPage(page.context.new_page(), place.port, cats)
        expect(second.messages).to_have_count(3)
        with chat.sidebar():
            expect(page.get_by_text("Signed in as Ada Lovelace")).to_be_visible()
            chat.screenshot(screenshots / f"signed-in-{width}.png")
            assert_axe_finds_nothing(page)

        address = f"?{urlsplit(cats).query}"
        bob = place.sign_in(browser.new_context(**WIDTHS[width]).new_page(), "bob", address)
        expect(bob.errors).to_contain_text("This chat was not found")
        with bob.sidebar():
            bob.page.get_by_placeholder("Search").fill("cats")
            bob.page.keyboard.press("Enter")
            expect(bob.page.get_by_text("Nothing found.")).to_be_visible()
            expect(bob.page.get_by_text("About cats")).to_have_count(0)

        third = ChatPage(page.context.new_page(), place.port, cats)
        second.page.evaluate("window.signIn.close()")
        sign_out(chat)
        assert_closed(third.page)  # by itself
        asked = len(place.server.requests)
        second.input.fill("Are cats liquid?")
        second.send()
        expect(second.errors).to_contain_text(ENDED)
        assert_closed(second.page)
        expect(second.page.get_by_test_id("stCode")).to_have_text("Are cats liquid?")
        expect(second.page.get_by_text("About cats")).to_have_count(0)
        assert len(place.server.requests) == asked
        second.screenshot(screenshots / f"sign-in-ended-{width}.png")
        assert_axe_finds_nothing(second.page)
        sign_in(second.page)  # and is where one was
        expect(second.messages).to_have_count(3)
        assert second.page.url == cats


@on_a_desktop
def test_an_account_with_many_groups_is_let_in(page: Page, place: Place) -> None:
    # 200 of them make cookies of 16 kB; the image sets what lets them in.
    place.environment |= re.findall(
        r"^ENV (WEBSOCKETS\w+)=(\d+)$", (place.folder / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    place.about("ada", groups=[str(uuid4()) for _ in range(200)])
    with place.open():
        expect(place.sign_in(page).input).to_be_visible()


@on_a_desktop
def test_a_sign_in_that_ends_in_mid_answer_costs_nothing(page: Page, place: Place) -> None:
    with place.open(sign_in_hours="1"):
        place.server.reply = reply(words=tuple(f"word{n} " for n in range(60)), pause=1)
        page.goto(place.url)
        sign_in(page, at_the_provider=lambda: place.about("ada", iat=int(time.time()) - 3600 + 30))
        chat = ChatPage(page, place.port, page.url)
        chat.say("Slowly, please")
        expect(chat.answer).to_contain_text("word1 ")
        expect(chat.errors).to_contain_text(ENDED, timeout=60_000)  # by itself
        assert_closed(page)
        sign_in(page, at_the_provider=lambda: place.about("ada"))
        expect(chat.messages).to_have_count(3)
        expect(chat.answer).to_contain_text("word59", timeout=90_000)
        chat.wait_for_the_end()


@on_a_desktop
def test_who_is_not_on_the_list_is_told(page: Page, place: Place, screenshots: Path) -> None:
    with place.open(allowed='["ada@example.org"]'):
        place.about("bob", email="ada@example.org", email_verified=False)
        page.goto(place.url)
        sign_in(page, "bob")
        expect(page.get_by_test_id("stAlert")).to_contain_text("Bob does not have access")
        page.screenshot(path=screenshots / "refused-desktop.png", animations="disabled")
        assert_axe_finds_nothing(page)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="End session").click()
        assert_closed(page)
        sign_in(page)
        expect(ChatPage(page, place.port).messages).to_have_count(1)


@on_a_desktop
def test_a_sign_in_that_fails_leads_back_and_says_so(page: Page, place: Place, screenshots: Path) -> None:
    with place.open():
        page.goto(place.url)
        assert_closed(page)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Deny").click()
        assert_closed(page)
        expect(page.get_by_test_id("stAlert")).to_contain_text("You were not signed in")
        page.screenshot(path=screenshots / "sign-in-failed-desktop.png", animations="disabled")
        page.goto(f"http://localhost:{place.port}")
        expect(page.get_by_test_id("stAlert").last).to_contain_text(f"sign in only at {place.url}")
    place.provider = free_port()  # where nobody is
    with place.open():
        page.goto(place.url)
        assert_closed(page)
        with page.expect_response("**/auth/login?*") as answer:
            page.get_by_role("button", name="Sign in").click()
        assert answer.value.status == 302
        expect(page.get_by_test_id("stAlert")).to_contain_text("You were not signed in", timeout=60_000)
        assert_closed(page)


@on_a_desktop
def test_no_cookie_but_that_of_a_sign_in_that_lasts_opens_anything(page: Page, browser: Browser, place: Place) -> None:
    """Over the WebSocket itself, with what no browser would send."""

    def header(cookies: dict[str, str]) -> str:
        return "; ".join(f"{name}={value}" for name, value in cookies.items())

    async def look(cookies: dict[str, str], session: str = "") -> Session:
        """Open the page with these cookies, as one who comes back to this session."""
        visit = Session(place.port, cookie=header(cookies))
        visit._session_id = session
        async with visit:
            await visit.idle()
        return visit

    async def attack(adas: dict[str, str], bobs: dict[str, str]) -> None:
        ada = await look(adas)
        assert ada.sees("chat_input")
        (payload, *_), (_, *signature) = (cookies["_streamlit_user"].rsplit(".", 2) for cookies in (bobs, adas))
        forged = {**adas, "_streamlit_user": ".".join([payload, *signature])}
        without = [
            {name: value for name, value in adas.items() if name != left}
            for left in ("_streamlit_user", "_streamlit_xsrf")
        ]
        for cookies in ({}, forged, *without):
            for session in ("", ada._session_id):
                visit = await look(cookies, session)
                assert not visit.sees("chat_input"), cookies
                assert visit._session_id != ada._session_id
        assert (await look(bobs, ada._session_id))._session_id != ada._session_id
        foreign = Session(place.port, cookie=header(adas))
        foreign._headers["Origin"] = "http://evil.example"
        with pytest.raises(InvalidStatus):
            await foreign.connect()

        async with Session(place.port, cookie=header(adas)) as tab:
            await tab.say("About cats")
            await tab.idle()
            asked, shown = len(place.server.requests), dict(tab._deltas)
            async with Session(place.port, cookie=header(adas)) as other:
                await other.press("Sign out")
                await other.idle()
                assert not other.sees("chat_input")
            for what in ("question", "Try again", "New chat", "About cats", "question"):
                tab._deltas = dict(shown)  # what is no longer there is pressed all the same
                await (tab.say("Still there?") if what == "question" else tab.press(what))
                await tab.idle()
                assert not tab.sees("chat_input")
                assert not tab.transcript()
        for session in ("", tab._session_id):
            assert not (await look(adas, session)).sees("chat_input")
        assert len(place.server.requests) == asked == 1

    def cookies(chat: ChatPage) -> dict[str, str]:
        return {cookie["name"]: cookie["value"] for cookie in chat.page.context.cookies(place.url)}

    with place.open():
        ada = place.sign_in(page)
        bob = place.sign_in(browser.new_context().new_page(), "bob")
        run_coroutine(attack(cookies(ada), cookies(bob)))
        page.reload()
        assert_closed(page)
