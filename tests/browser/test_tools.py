"""What a person sees of the tools: steps, a question first, Stop, a chart, and a cited passage."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.baking import app_tests, copy_app, install
from tests.browser.chat_page import ChatPage
from tests.running import running

pytestmark = [pytest.mark.browser, pytest.mark.installs]
TOOLS = '''
import asyncio

def rain(city: str) -> dict:
    """Tell how much it rained."""
    rows = [{"month": month, "mm": mm} for month, mm in (("2026-06", 40), ("2026-07", 65), ("2026-08", 52))]
    return {"chart": "bar", "rows": rows, "x": "month", "y": "mm"}

def forecast(what: str) -> str:
    """Fail."""
    raise RuntimeError(f"no {what}, <b>sorry</b>")

async def wait() -> str:
    """Wait."""
    await asyncio.sleep(600)
'''
ASKS = '''
ASK_FIRST = True

def send_mail(to: str, text: str) -> str:
    """Send a mail."""
    (__import__("pathlib").Path(__file__).parent / f"sent-to-{to}").touch()
    return f"Sent to {to}."
'''
BIRDS = "# Birds\n\nSwallows fly south in September.\n\nOwls stay."


@pytest.fixture(scope="session")
def tools_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, Any]]:
    """Start an app with some more tools and a document; give its folder, its port and the server it asks."""
    made = install(model_provider="openai", tools="files")
    app = copy_app(made, tmp_path_factory.mktemp("tools") / "app")
    (app / "tools" / "some.py").write_text(TOOLS, encoding="utf-8")
    (app / "tools" / "mail.py").write_text(ASKS, encoding="utf-8")
    (app / "documents" / "birds.md").write_text(BIRDS, encoding="utf-8")
    with app_tests(made).ModelServer() as server, running(app, server.environment) as port:
        yield app, port, server


@pytest.fixture
def app(tools_app: tuple[Path, int, Any]) -> Path:
    """Return the app's folder."""
    return tools_app[0]


@pytest.fixture
def chat(page: Page, tools_app: tuple[Path, int, Any]) -> ChatPage:
    """Open the page."""
    return ChatPage(page, tools_app[1])


def let_call(server: Any, *calls: tuple[str, dict[str, Any]], text: tuple[str, ...] = ("Done.",)) -> None:
    """Let the model call tools, and then say a text."""
    reply = app_tests(install(model_provider="openai", tools="files")).Reply
    replies = iter([reply((), calls=tuple((name, json.dumps(arguments)) for name, arguments in calls))])
    server.reply_to = lambda question: next(replies, reply(text))


def step(chat: ChatPage, name: str) -> Any:
    """Find a step of the last answer by its label."""
    return chat.answer.get_by_test_id("stExpander").filter(has_text=name)


@pytest.mark.parametrize("colour", ["light", "dark"])
def test_steps_and_a_chart(
    chat: ChatPage, tools_app: tuple[Path, int, Any], screenshots: Path, width: str, colour: Any
) -> None:
    chat.page.emulate_media(color_scheme=colour)
    calls = ("rain", {"city": "Oslo"}), ("forecast", {"what": "a@b.c **luck**"})
    let_call(tools_app[2], *calls, text=("It rained most in **July**: 65 mm.",))
    chat.say("How was the summer in Oslo?")
    chat.wait_for_the_end()
    expect(chat.answer.get_by_test_id("stVegaLiteChart")).to_be_visible()
    expect(chat.answer.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    expect(step(chat, "forecast failed").get_by_test_id("stCode").first).not_to_be_visible()
    chat.screenshot(screenshots / f"tools{'-dark' * (colour == 'dark')}-{width}.png")
    step(chat, "forecast failed").locator("summary").click()
    expect(step(chat, "forecast failed")).to_contain_text("RuntimeError: no a@b.c **luck**, <b>sorry</b>")
    expect(step(chat, "forecast failed").locator("a, b, strong")).to_have_count(0)


def test_the_user_allows_one_and_denies_the_other(
    chat: ChatPage, tools_app: tuple[Path, int, Any], app: Path, screenshots: Path, width: str
) -> None:
    mails = ({"to": f"{who} {width}", "text": "The pump was replaced in May."} for who in ("Ann", "Bob"))
    let_call(tools_app[2], *(("send_mail", mail) for mail in mails))
    chat.say("Write to Ann and Bob")
    expect(chat.button("Allow")).to_have_count(1)
    expect(step(chat, "to run?")).to_contain_text(f"Ann {width}")
    chat.screenshot(screenshots / f"tools-asks-{width}.png")
    assert not (app / "tools" / f"sent-to-Ann {width}").exists()
    chat.press("Allow")
    expect(step(chat, "to run?")).to_contain_text(f"Bob {width}")
    assert (app / "tools" / f"sent-to-Ann {width}").exists()
    chat.press("Deny")
    chat.wait_for_the_end()
    assert not (app / "tools" / f"sent-to-Bob {width}").exists()
    assert [result for *_, result in tools_app[2].calls()] == [
        f"Sent to Ann {width}.",
        "Not called: the user denied it.",
    ]
    chat.say("And now?")  # which draws the steps again, folded
    expect(chat.messages.nth(2).get_by_test_id("stExpander")).to_have_count(2)
    expect(chat.messages.nth(2)).to_contain_text("was not called")


def test_a_reload_sends_nothing(chat: ChatPage, tools_app: tuple[Path, int, Any], app: Path, width: str) -> None:
    let_call(tools_app[2], ("send_mail", {"to": f"Eve {width}", "text": "x"}))
    chat.say("Write to Eve")
    expect(chat.button("Allow")).to_have_count(1)
    chat.page.reload()
    expect(chat.input).to_be_visible()
    expect(chat.button("Allow")).to_have_count(0)
    assert not (app / "tools" / f"sent-to-Eve {width}").exists()


def test_stop_closes_the_step(chat: ChatPage, tools_app: tuple[Path, int, Any], screenshots: Path, width: str) -> None:
    let_call(tools_app[2], ("wait", {}))
    chat.say("Wait")
    expect(step(chat, "wait")).to_be_visible()
    expect(chat.answer.get_by_test_id("stExpanderIconSpinner")).to_be_visible()
    chat.press("Stop")
    expect(step(chat, "wait was stopped")).to_be_visible()
    expect(chat.answer.get_by_test_id("stExpanderIconSpinner")).to_have_count(0)
    chat.screenshot(screenshots / f"tools-stopped-{width}.png")


def test_a_link_opens_the_passage(
    chat: ChatPage, tools_app: tuple[Path, int, Any], screenshots: Path, width: str
) -> None:
    server = tools_app[2]
    let_call(server, ("search_documents", {"words": "swallows"}))
    first = server.reply_to
    reply = app_tests(install(model_provider="openai", tools="files")).Reply

    def cite(question: str) -> Any:
        """Answer with the citation that the tool gave."""
        if "passages" not in question:
            return first(question)
        return reply((f"They fly south in September {json.loads(question)['passages'][0]['cite']}.",))

    server.reply_to = cite
    chat.say("When do swallows fly?")
    chat.wait_for_the_end()
    passage = chat.answer.get_by_text("Swallows fly south")
    expect(passage).not_to_be_visible()
    chat.answer.get_by_role("link", name="birds.md").click()
    expect(passage).to_be_visible()
    expect(passage).to_be_in_viewport()
    expect(chat.messages).to_have_count(3)  # the page is the same
    chat.screenshot(screenshots / f"tools-passage-{width}.png")
