"""Answers that are stopped, fail, and outlive a click or a lost connection, in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.baking import copy_app, install
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import ENDLESS, SLOW, on_a_desktop, reply
from tests.running import running

pytestmark = [pytest.mark.browser, pytest.mark.installs]

COUNT_MESSAGES = """() => {
  const count = () => document.querySelectorAll('[data-testid="stChatMessage"]').length
  window.fewest = count()
  new MutationObserver(() => { window.fewest = Math.min(window.fewest, count()) })
    .observe(document.body, { childList: true, subtree: true })
}"""
FADING = """() => [...document.querySelectorAll('[data-stale=true]')]
  .filter(element => getComputedStyle(element).opacity < 1
    || element.getAnimations().some(animation => animation.transitionProperty === 'opacity'))
  .map(element => element.outerHTML)"""
SCROLLED = "document.querySelector('[data-testid=stMain]').scrollTop"
AT_THE_END = """() => {
  const main = document.querySelector('[data-testid=stMain]')
  return main.scrollTop + main.clientHeight > main.scrollHeight - 5
}"""


@pytest.mark.parametrize("by", ["click", "key"])
def test_stop_ends_an_answer_and_keeps_what_came(chat: ChatPage, server: Any, by: str) -> None:
    server.reply = reply(**ENDLESS)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word2 ")
    if by == "click":
        chat.press("Stop")
    else:
        chat.input.press("Escape")
    expect(chat.answer).to_contain_text("Stopped")
    expect(chat.answer).to_contain_text("word2 ")
    expect(chat.button("Stop")).to_have_count(0)


@on_a_desktop
def test_stop_does_not_wait_for_a_model_that_is_silent(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=("late",), pause=60)
    chat.say("Are you there?")
    chat.press("Stop")
    expect(chat.answer).to_contain_text("Stopped")
    server.reply = reply()
    chat.say("And now?")
    expect(chat.answer).to_contain_text("Hello from the model.")


@on_a_desktop
def test_an_answer_outlives_a_click_elsewhere(chat: ChatPage, server: Any) -> None:
    server.reply = reply(**SLOW)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word1 ")
    chat.page.get_by_role("heading").first.click()
    chat.page.keyboard.press("r")  # Streamlit's own "run the page again"
    chat.wait_for_the_end()
    expect(chat.answer).to_contain_text("word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11")


@on_a_desktop
def test_a_second_message_ends_the_first_answer(chat: ChatPage, server: Any) -> None:
    server.reply = reply(**ENDLESS)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word1 ")
    server.reply = reply()
    chat.say("No, something else")
    expect(chat.messages).to_have_count(5)
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.messages.nth(2)).to_contain_text("Stopped")


@on_a_desktop
def test_a_refusal_is_a_sentence_and_can_be_tried_again(
    chat: ChatPage, server: Any, screenshots: Path, width: str
) -> None:
    server.reply = reply(status=401, code="invalid_api_key", message=f"Incorrect API key: {server.key}")
    chat.say("Hello?")
    expect(chat.errors).to_contain_text("OpenAI refused the API key in OPENAI_API_KEY")
    chat.screenshot(screenshots / f"refusal-{width}.png")
    assert server.key not in chat.page.content()
    server.reply = reply()
    chat.press("Try again")
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.messages).to_have_count(3)
    expect(chat.errors).to_have_count(0)


@on_a_desktop
def test_a_cut_answer_keeps_what_came_and_can_be_tried_again(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=("Half", " an"), cut=True)
    chat.say("Tell me")
    expect(chat.answer).to_contain_text("Half an")
    expect(chat.errors).to_contain_text("broke off the connection before the answer was complete")
    server.reply = reply()
    chat.press("Try again")
    expect(chat.answer).to_contain_text("Hello from the model.")


@on_a_desktop
def test_nothing_of_the_answer_before_is_seen_while_the_next_grows(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=("Half", " an"), cut=True)
    chat.say("Tell me")
    expect(chat.errors).to_contain_text("broke off the connection before the answer was complete")
    server.reply = reply(**ENDLESS)
    chat.press("Try again")
    expect(chat.answer).to_contain_text("word1 ")
    assert chat.errors.count() == 0
    assert "Half" not in chat.answer.inner_text()
    assert chat.answer.get_by_role("button").count() == 1
    chat.press("Stop")
    chat.wait_for_the_end()


@on_a_desktop
def test_nothing_fades_while_an_answer_grows(chat: ChatPage, server: Any) -> None:
    chat.say("Hello")
    chat.wait_for_the_end()
    server.reply = reply(**ENDLESS)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word2 ")
    expect(chat.page.locator("[data-stale=true]")).not_to_have_count(0)  # these are what Streamlit lets fade
    assert chat.page.evaluate(FADING) == []


def test_a_growing_answer_is_scrolled_along_until_one_scrolls_up(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=tuple(f"line{n}\n\n" for n in range(200)), pause=0.1)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("line50")
    chat.page.wait_for_function(AT_THE_END)
    chat.answer.hover()
    chat.page.mouse.wheel(0, -300)
    chat.page.wait_for_function(f"!({AT_THE_END})()")
    top = chat.page.evaluate(SCROLLED)
    line = chat.answer.inner_text().count("line") + 10
    expect(chat.answer).to_contain_text(f"line{line}")
    assert chat.page.evaluate(SCROLLED) <= top
    while not chat.page.evaluate(f"({AT_THE_END})()"):  # which moves on while one scrolls
        chat.page.mouse.wheel(0, 100_000)
        chat.page.wait_for_timeout(200)
    expect(chat.answer).to_contain_text(f"line{line + 20}")
    chat.wait_for_the_end()
    chat.page.wait_for_function(AT_THE_END)


@on_a_desktop
def test_a_provider_that_asks_to_wait_is_waited_for_in_sight(chat: ChatPage, server: Any) -> None:
    server.reply = reply(status=429, headers=(("Retry-After", "3"),))
    chat.say("Hello?")
    expect(chat.answer).to_contain_text(re.compile("OpenAI asks to wait: trying again in [1-3] s."))
    server.reply = reply()
    expect(chat.answer).to_contain_text("Hello from the model.")


@on_a_desktop
def test_two_browsers_at_once_never_see_each_others_words(chat: ChatPage, browser: Any, server: Any) -> None:
    server.reply = reply(**SLOW)
    other_browser = browser.new_context()
    other = ChatPage(other_browser.new_page(), int(chat.page.url.rstrip("/").rpartition(":")[2]))
    for one, secret in ((chat, "apple"), (other, "pear")):
        one.say(f"My word is {secret}")
    for one, others in ((chat, "pear"), (other, "apple")):
        one.wait_for_the_end()
        expect(one.answer).to_contain_text("word11")
        expect(one.messages).to_have_count(3)
        assert others not in one.page.content()
    other_browser.close()


def test_without_a_key_the_page_leads_to_it(
    page: Page, server: Any, screenshots: Path, width: str, tmp_path: Path
) -> None:
    app = copy_app(install(model_provider="openai"), tmp_path / "app")
    page_file = app / "page.py"
    quick, drawing = page_file.read_text(encoding="utf-8"), "for message in latest_messages("
    busy = quick.replace(drawing, f"__import__('time').sleep(0.5)\n    {drawing}")
    assert busy != quick
    page_file.write_text(busy, encoding="utf-8")  # as on a busy machine, where one sees what is gone for a moment
    with running(app, server.environment | {"OPENAI_API_KEY": ""}) as port:
        chat = ChatPage(page, port)
        expect(chat.messages).to_have_count(1)
        expect(chat.errors).to_contain_text("Enter your OpenAI API key to start")
        expect(chat.input).to_be_disabled()
        chat.screenshot(screenshots / f"key-{width}.png")
        page.evaluate(COUNT_MESSAGES)
        page.get_by_role("textbox", name="OpenAI API key").fill(server.key)
        page.get_by_role("textbox", name="OpenAI API key").press("Enter")
        expect(chat.input).to_be_enabled()
        assert page.evaluate("window.fewest") == 1, "the greeting was gone for a moment"
        chat.say("Hello?")
        expect(chat.answer).to_contain_text("Hello from the model.")


@on_a_desktop
def test_an_answer_outlives_a_lost_connection(page: Page, port_and_server: tuple[int, Any], server: Any) -> None:
    connections: list[WebSocketRoute] = []

    def connect(connection: WebSocketRoute) -> None:
        connection.connect_to_server()
        connections.append(connection)

    page.route_web_socket(re.compile("/_stcore/stream"), connect)
    chat = ChatPage(page, port_and_server[0])
    server.reply = reply(**SLOW | {"pause": 1})
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word1 ")
    (connection,) = connections
    connection.close()
    chat.wait_for_the_end()
    assert len(connections) == 2
    expect(chat.answer).to_contain_text("word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11")
    expect(chat.messages).to_have_count(3)


def test_a_new_chat_has_nothing_to_scroll(chat: ChatPage) -> None:
    expect(chat.button("Write a short poem about autumn.")).to_be_visible()  # the last thing to be drawn
    main = chat.page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollHeight - main.clientHeight") == 0


def test_before_the_first_word_there_is_a_skeleton_and_nothing_old(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=("late",), pause=60)
    starter = chat.button("Write a short poem about autumn.")
    expect(starter).to_be_visible()
    chat.say("Hello?")
    expect(chat.answer.get_by_test_id("stSkeletonElement")).to_be_visible()
    expect(starter).to_have_count(0)
    chat.press("Stop")
    chat.wait_for_the_end()
    expect(chat.answer.get_by_test_id("stSkeletonElement")).to_have_count(0)
    chat.say("Hello again?")
    expect(chat.answer.get_by_test_id("stSkeletonElement")).to_be_visible()
    expect(chat.button("Try again")).to_have_count(0)
    chat.press("Stop")
    server.reply = reply()  # not before: the question may still be on its way
    chat.press("Try again")
    expect(chat.answer).to_contain_text("Hello from the model.")
    expect(chat.answer.get_by_test_id("stSkeletonElement")).to_have_count(0)


@on_a_desktop
def test_a_reload_another_tab_and_another_browser_begin_anew(chat: ChatPage, browser: Any, server: Any) -> None:
    chat.say("My secret")
    chat.wait_for_the_end()
    url = chat.page.url
    other_browser = browser.new_context()
    for page in (chat.page.context.new_page(), other_browser.new_page(), chat.page):
        page.goto(url)
        expect(page.get_by_text("How can I help you?")).to_be_visible()
        expect(page.get_by_test_id("stChatMessage")).to_have_count(1)
        expect(page.get_by_text("My secret")).to_have_count(0)
    other_browser.close()
