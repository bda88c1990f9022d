"""What a person finds again whose conversations are kept in a database: after a reload, in a second tab, after Back."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.baking import REPOSITORY, app_tests, copy_app, install, run
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import ENDLESS, reply
from tests.running import free_port, running
from tests.test_update import cruft, git, make_app

pytestmark = [pytest.mark.browser, pytest.mark.installs]
TOOL = '''
import asyncio
from pathlib import Path

async def fetch(what: str) -> str:
    """Fetch something."""
    there = Path(__file__).with_name(f"{what}.there")
    with Path(__file__).with_name("fetched").open("a") as log:
        print(what, file=log)
    while not there.exists():
        await asyncio.sleep(0.05)
    return f"Here are {what}."
'''


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return an app that keeps conversations, and that waits for no answer when it is told to end."""
    app = copy_app(install(model_provider="openai", conversations="database", tools="files"), tmp_path / "app")
    settings = app / "settings.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(re.sub("shutdown_seconds = .+", "shutdown_seconds = 0", text), encoding="utf-8")
    return app


@pytest.fixture
def server(app: Path) -> Iterator[Any]:
    """Return a server that plays the provider."""
    with app_tests(app).ModelServer() as server:
        yield server


@pytest.fixture
def environment(server: Any, tmp_path: Path) -> dict[str, str]:
    """Lead the app to that server, and to a database of the test's own."""
    return server.environment | {"DATABASE_URL": f"sqlite:///{tmp_path / 'chats.db'}"}


def test_a_chat_is_found_again(
    page: Page, browser: Browser, app: Path, server: Any, environment: dict[str, str], screenshots: Path, width: str
) -> None:
    with running(app, environment) as port:
        chat = ChatPage(page, port)
        chat.say("About cats")
        chat.wait_for_the_end()
        page.wait_for_url("**/?c=*")
        cats = page.url

        page.reload()
        expect(chat.messages).to_have_count(3)

        with chat.sidebar(folds=True):
            page.get_by_role("button", name="New chat").click()
        expect(chat.messages).to_have_count(1)
        chat.say("About dogs")
        chat.wait_for_the_end()
        page.wait_for_url(lambda url: "?c=" in url and url != cats)
        dogs = page.url
        page.wait_for_timeout(700)  # an address that has just been left is not gone back to at once

        for go, questions in (
            (page.go_back, []),
            (page.go_back, ["About cats"]),
            (page.go_forward, []),
            (page.go_forward, ["About dogs"]),
        ):
            go()
            expect(chat.messages).to_have_count(1 + 2 * len(questions))
            for question in questions:
                expect(chat.messages.nth(1)).to_contain_text(question)

        server.reply = reply(**ENDLESS)
        second = page.context.new_page()
        other = ChatPage(second, port)
        second.goto(dogs)
        expect(other.messages).to_have_count(3)
        other.say("Slowly, please")
        expect(other.answer).to_contain_text("word1")
        page.reload()
        expect(chat.answer).to_contain_text("word2")  # it is followed here, too
        chat.screenshot(screenshots / f"keeping-{width}.png")
        page.get_by_role("button", name="Stop").click()
        expect(other.answer).to_contain_text("Stopped")

        stranger = browser.new_context()
        theirs = ChatPage(stranger.new_page(), port)
        theirs.page.goto(dogs)
        expect(theirs.errors).to_contain_text("This chat was not found")
        expect(theirs.messages).to_have_count(1)
        expect(theirs.page.get_by_text("dogs")).to_have_count(0)
        stranger.close()


def test_a_chat_outlives_the_server(
    page: Page, app: Path, server: Any, environment: dict[str, str], width: str
) -> None:
    port = free_port()
    with running(app, environment, port=port):
        chat = ChatPage(page, port)
        chat.say("About cats")
        chat.wait_for_the_end()
        server.reply = reply(**ENDLESS)
        chat.say("Slowly, please")
        expect(chat.answer).to_contain_text("word1")
    with running(app, environment, port=port):
        expect(chat.answer).to_contain_text(
            "The answer was interrupted", timeout=60_000
        )  # the page comes back by itself
        expect(chat.answer).to_contain_text("word1")
        expect(chat.messages).to_have_count(5)
        expect(chat.errors).to_have_count(1)
        server.reply = reply()
        page.get_by_role("button", name="Try again").last.click()
        chat.wait_for_the_end()
        expect(chat.answer).to_contain_text("Hello from the model.")
        expect(chat.messages).to_have_count(5)


def test_tools_go_on_through_a_reload(
    page: Page, app: Path, server: Any, environment: dict[str, str], screenshots: Path, width: str
) -> None:
    (app / "tools" / "fetch.py").write_text(TOOL, encoding="utf-8")
    answer = app_tests(app).Reply
    calls = answer((), calls=(("fetch", '{"what": "cats"}'), ("fetch", '{"what": "dogs"}')))
    replies = iter([calls, answer(("Two sorts of pets.",))])
    server.reply_to = lambda question: next(replies)
    with running(app, environment) as port:
        chat = ChatPage(page, port)
        steps, spinners = (chat.answer.get_by_test_id(f"stExpander{part}") for part in ("", "IconSpinner"))
        chat.say("Fetch the cats and the dogs")
        expect(spinners).to_have_count(2)
        page.wait_for_url("**/?c=*")
        page.reload()
        expect(spinners).to_have_count(2)
        chat.screenshot(screenshots / f"tools-at-once-{width}.png")
        (app / "tools" / "dogs.there").touch()
        expect(spinners).to_have_count(1)
        expect(chat.button("Stop")).to_have_count(1)
        (app / "tools" / "cats.there").touch()
        chat.wait_for_the_end()
        expect(chat.answer).to_contain_text("Two sorts of pets.")
        expect(steps).to_have_count(2)
    assert sorted((app / "tools" / "fetched").read_text(encoding="utf-8").split()) == ["cats", "dogs"]
    assert [result for *_, result in server.calls()] == ["Here are cats.", "Here are dogs."]


@pytest.mark.parametrize("width", ["desktop"])
def test_an_app_moves_from_session_to_database_by_the_documented_steps(
    page: Page, server: Any, tmp_path: Path, width: str
) -> None:
    words = (REPOSITORY / "docs" / "updating.md").read_text(encoding="utf-8")
    steps = re.findall(
        r"^    (uvx? .*)", words.partition("## From `session` to `database`")[2].partition("\n## ")[0], re.M
    )
    _, app = make_app(tmp_path)
    with running(app, server.environment) as port:
        chat = ChatPage(page, port)
        chat.say("About cats")
        chat.wait_for_the_end()
        page.get_by_text("Export and import").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Export as JSON").click()
        download.value.save_as(saved := tmp_path / "chat.json")

    *_, start = steps
    assert start == "uv run streamlit run app.py"  # as `running` does
    for step in steps[:-1]:
        command, *arguments = shlex.split(step)
        if command == "uvx":
            cruft(*arguments[1:], cwd=app)
        else:
            run(command, *arguments, "-m", "smoke", cwd=app)
    git(app, "add", "-A")
    with running(app, server.environment) as port:
        chat = ChatPage(page, port)
        page.get_by_text("Export and import").click()
        page.get_by_test_id("stFileUploader").filter(has_text="Import JSON").locator("input").set_input_files(saved)
        expect(chat.messages).to_have_count(3)
        expect(chat.messages.nth(1)).to_have_text(re.compile("About cats"))
        page.wait_for_url("**/?c=*")
        page.reload()
        expect(chat.messages).to_have_count(3)
    assert (app / "data" / "chats.db").is_file()
