"""What people need who hear the page, use no mouse, write from right to left or by an input method, or hold a phone."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import ENDLESS, SLOW, on_a_desktop, on_a_phone, reply

pytestmark = [pytest.mark.browser, pytest.mark.installs]

LISTEN = """() => {
  window.heard = []
  const region = document.querySelector("[role=status]")
  const listen = () => region.textContent && heard.push(region.textContent)
  new MutationObserver(listen).observe(region, { childList: true, characterData: true, subtree: true })
}"""
BELOW = """() => {
  const main = document.querySelector("[data-testid=stMain]")
  return main.scrollHeight - main.clientHeight - main.scrollTop
}"""
TALL = tuple(f"line{n}\n\n" for n in range(60))
RTL = """
- أولًا
- ثانيًا

> الصبر

| الاسم | القيمة |
|---|---|
| أحمد | 12 |

استخدم `code()` هنا.
"""
MARKDOWN = """
# Title

- one

> two

| a |
|---|
| 1 |

```python
@f
def g(x):  # why
    return 'a', 1, True
```
"""
# What axe finds that is Streamlit's: a menu is outside of all landmarks, and a place to drop files is a nameless one.
STREAMLITS = {"region", "presentation-role-conflict"}


def hear(chat: ChatPage) -> None:
    """Begin to listen as a screen reader does."""
    expect(chat.page.get_by_role("status")).to_be_attached()
    chat.page.evaluate(LISTEN)


def heard(chat: ChatPage, last: str) -> list[str]:
    """Return what was said since the last call, once this was."""
    chat.page.wait_for_function("last => window.heard.some((text) => text.includes(last))", arg=last)
    return [" ".join(text.split()) for text in chat.page.evaluate("window.heard.splice(0)")]


@on_a_desktop
def test_an_answer_is_announced_as_it_begins_and_once_at_its_end(chat: ChatPage, server: Any) -> None:
    hear(chat)
    server.reply = reply(**SLOW)
    chat.say("Tell me a story")
    chat.wait_for_the_end()
    chat.press("Good answer")
    expect(chat.answer.get_by_role("button", pressed=True)).to_be_visible()
    story = "word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11"
    assert heard(chat, "word11") == ["The answer is being written", story]
    server.reply = reply(words=("So $x^2$.",))  # which is out of sight until KaTeX has been loaded
    chat.say("And now?")
    assert heard(chat, "So")[-1].startswith("So ")
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.answer.get_by_role("button", name="Copy the answer").click()
    assert heard(chat, "Copied") == ["Copied"]


@on_a_desktop
def test_a_stop_and_an_error_are_announced(chat: ChatPage, server: Any) -> None:
    hear(chat)
    server.reply = reply(**ENDLESS)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word2 ")
    chat.press("Stop")
    assert heard(chat, "Stopped") == ["The answer is being written", "Stopped"]
    server.reply = reply(status=401)
    chat.say("Hello")
    expect(chat.answer.get_by_role("alert")).to_contain_text("OpenAI refused the API key")
    chat.wait_for_the_end()
    assert "OpenAI" not in "".join(chat.page.evaluate("window.heard"))  # the box says it


@on_a_desktop
@pytest.mark.parametrize("edits", [False, True], ids=["new", "edited"])
def test_enter_that_confirms_a_word_of_an_input_method_sends_nothing(chat: ChatPage, edits: bool) -> None:
    chat.say("안녕")
    chat.wait_for_the_end()
    field = chat.edit_question() if edits else chat.input
    field.fill("안녕하세요")
    as_safari_has_it = "{ key: 'Enter', keyCode: 229, bubbles: true, composed: true, cancelable: true }"
    field.evaluate(f"field => field.dispatchEvent(new KeyboardEvent('keydown', {as_safari_has_it}))")
    expect(field).to_have_value("안녕하세요")
    expect(chat.messages).to_have_count(3)
    field.press("Enter")
    expect(chat.messages.filter(has_text="안녕하세요")).to_have_count(1)


@on_a_desktop
def test_no_change_of_the_page_takes_the_focus(chat: ChatPage, server: Any) -> None:
    def use(button: str | Locator, key: str = "Enter") -> None:
        place = chat.button(button) if isinstance(button, str) else button
        place.focus()
        chat.page.keyboard.press(key)

    server.reply = reply(**ENDLESS)
    chat.say("About cats")
    use("Stop")
    expect(chat.input).to_be_focused()
    server.reply = reply()
    use("Edit the question")
    expect(chat.page.get_by_role("textbox", name="Your question")).to_be_focused()
    chat.page.keyboard.press("Enter")
    chat.wait_for_the_end()
    expect(chat.input).to_be_focused()
    chat.page.keyboard.press("Control+Shift+O")
    use("About cats")
    expect(chat.input).to_be_focused()
    chat.press("Options of About cats")
    expect(chat.page.get_by_role("menuitem", name="Rename")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.page.get_by_role("textbox", name="New name")).to_be_focused()
    chat.page.keyboard.type("Cats")  # it is marked, and so replaced
    chat.page.keyboard.press("Enter")
    expect(chat.button("Cats")).to_be_visible()
    expect(chat.input).to_be_focused()
    chat.press("Options of Cats")
    chat.page.get_by_text("Delete", exact=True).click()
    expect(chat.input).to_be_focused()
    use("Undo delete")
    expect(chat.button("Cats")).to_be_visible()
    expect(chat.input).to_be_focused()
    use("Edit the prompt")
    expect(chat.page.get_by_role("dialog")).to_be_visible()
    use(chat.page.get_by_role("dialog").get_by_role("button", name="Close"))
    expect(chat.button("Edit the prompt")).to_be_focused()
    use(chat.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button"))
    expect(chat.page.get_by_test_id("stExpandSidebarButton")).to_be_focused()


@on_a_desktop
def test_what_is_written_from_right_to_left_stands_at_the_right_while_it_grows(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=(RTL, "يتبع"), stall=60)
    chat.say("مرحبا، كيف؟")
    expect(chat.answer).to_contain_text("يتبع")
    for part in ("ul", "li", "blockquote", "table"):
        assert chat.answer.locator(part).first.evaluate("part => getComputedStyle(part).direction") == "rtl", part
    quotation = chat.answer.locator("blockquote")
    assert quotation.evaluate("part => parseInt(getComputedStyle(part).borderRightWidth)") > 0
    assert quotation.evaluate("part => parseInt(getComputedStyle(part).borderLeftWidth)") == 0
    for first, second in (("th >> nth=0", "th >> nth=1"), ("td >> nth=0", "td >> nth=1")):
        boxes = [chat.answer.locator(cell).bounding_box() for cell in (first, second)]
        assert boxes[0]["x"] > boxes[1]["x"]
    in_order = """part => {
      const left = (n) => {
        const range = document.createRange()
        range.setStart(part.firstChild, n)
        range.setEnd(part.firstChild, n + 1)
        return range.getBoundingClientRect().left
      }
      return left(0) < left(4)
    }"""
    assert chat.answer.locator("code").evaluate(in_order)
    gap = """element => {
      const range = document.createRange()
      range.selectNodeContents(element)
      return element.parentElement.getBoundingClientRect().right - range.getBoundingClientRect().right
    }"""
    assert chat.messages.nth(1).get_by_test_id("stText").locator("span").evaluate(gap) < 2
    assert chat.answer.locator("li").first.evaluate(gap) < 40  # there is the bullet
    assert chat.input.evaluate("field => getComputedStyle(field).unicodeBidi") == "plaintext"
    chat.press("Stop")


def test_the_reader_is_brought_to_a_question_and_left_where_they_scroll(chat: ChatPage, server: Any) -> None:
    main = chat.page.get_by_test_id("stMain")
    server.reply = reply(words=TALL)
    chat.say("First")
    chat.wait_for_the_end()
    chat.page.wait_for_function(f"({BELOW})() < 5")
    main.evaluate("main => main.scrollTo(0, 0)")
    server.reply = reply(words=tuple(f"verse{n}\n\n" for n in range(1000)), pause=0.05)
    chat.say("Second")
    chat.page.wait_for_function(f"({BELOW})() < 5")
    chat.answer.hover()
    chat.page.mouse.wheel(0, -20)  # less than what counts as being at the end
    chat.page.wait_for_function(f"({BELOW})() >= 20")
    top = main.evaluate("main => main.scrollTop")
    expect(chat.answer).to_contain_text(f"verse{chat.answer.inner_text().count('verse') + 20}")
    assert main.evaluate("main => main.scrollTop") <= top
    chat.press("Stop")


def test_earlier_messages_do_not_move_those_that_are_read(chat: ChatPage) -> None:
    for number in range(10):
        chat.input.fill(f"Question {number}")
        chat.send()
        expect(chat.messages.filter(has_text=f"Question {number}")).to_have_count(1)
        chat.wait_for_the_end()
    chat.page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    read = chat.messages.filter(has_text="Question 6")
    chat.page.wait_for_function(f"({BELOW})() > 0")
    place = read.bounding_box()["y"]
    chat.press("Show earlier messages .*")
    expect(chat.messages).to_have_count(21)
    chat.page.wait_for_timeout(500)  # for what else may come and move it
    assert abs(read.bounding_box()["y"] - place) < 5


@on_a_desktop
def test_with_forced_colours_each_stop_of_the_tab_key_is_seen(chat: ChatPage) -> None:
    chat.say("Hello")
    chat.wait_for_the_end()
    chat.page.emulate_media(forced_colors="active")
    chat.input.focus()
    focused = "(({ outlineStyle, outlineWidth }) => [document.activeElement.tagName, outlineStyle, outlineWidth])"
    for _ in range(18):
        chat.page.keyboard.press("Tab")
        name, *outline = chat.page.evaluate(f"{focused}(getComputedStyle(document.activeElement))")
        assert name == "BODY" or outline == ["solid", "2px"], name


@on_a_phone
def test_what_is_folded_away_is_no_stop_of_the_tab_key(chat: ChatPage) -> None:
    chat.input.focus()
    for _ in range(20):
        chat.page.keyboard.press("Tab")
        assert not chat.page.evaluate("document.activeElement.closest('[data-testid=stSidebar]') !== null")


@on_a_phone
def test_enter_on_a_touch_screen_is_a_new_line_and_nothing_brings_up_the_keyboard(chat: ChatPage, server: Any) -> None:
    chat.input.fill("One")
    chat.input.press("Enter")
    expect(chat.input).to_have_value("One\n")
    chat.say("One\ntwo")
    chat.wait_for_the_end()
    assert server.conversation()[-1] == ("user", "One\ntwo")
    server.reply = reply(**ENDLESS)
    chat.page.get_by_role("heading").first.tap()
    chat.button("Try again").tap()
    chat.button("Stop").tap()
    chat.wait_for_the_end()
    chat.page.wait_for_timeout(500)  # longer than a focus would take
    expect(chat.input).not_to_be_focused()


@on_a_phone
def test_a_phones_fields_targets_and_keyboard(chat: ChatPage) -> None:
    chat.say("Hello")
    chat.wait_for_the_end()
    small = """() => [...document.querySelectorAll("button, input:not([type=file]), textarea, a")]
      .filter((part) => part.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      .filter((part) => part.getBoundingClientRect().width > 1)
      .filter((part) => part.getBoundingClientRect().width < 24 || part.getBoundingClientRect().height < 24)
      .map((part) => part.outerHTML)"""
    assert chat.page.evaluate(small) == []
    assert chat.input.evaluate("field => getComputedStyle(field).fontSize") == "16px"
    field = chat.edit_question()
    assert field.evaluate("field => parseInt(getComputedStyle(field).fontSize)") >= 16
    chat.press("Cancel")
    # No browser here has a keyboard on the screen; iOS says by this how much of the page it covers.
    chat.page.evaluate(
        """() => {
          Object.defineProperty(visualViewport, "height", { value: innerHeight - 300 })
          visualViewport.dispatchEvent(new Event("resize"))
        }"""
    )
    box = chat.input.bounding_box()
    assert box["y"] + box["height"] <= chat.page.viewport_size["height"] - 300


@on_a_desktop
def test_what_is_on_the_page_has_a_name(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=("# A heading\n\nA text.",))
    chat.attach("picture.png", chat.page.screenshot(clip={"x": 0, "y": 0, "width": 60, "height": 60}))
    chat.say("What is this?")
    chat.wait_for_the_end()
    names = chat.page.get_by_test_id("stChatMessageContent")
    for number, name in enumerate(("Assistant", "You", "Assistant")):
        expect(names.nth(number)).to_have_accessible_name(name)
    expect(chat.messages.nth(1).get_by_role("img")).to_have_accessible_name("Picture sent with the question")
    expect(chat.page.locator("h1:not([aria-level='2'])")).to_have_text("My Chat App")


@on_a_desktop
def test_the_first_page_logs_no_error(page: Page, port_and_server: tuple[int, Any]) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    chat = ChatPage(page, port_and_server[0])
    chat.say("Hello")
    chat.wait_for_the_end()
    assert errors == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_of_ours_in_any_state(chat: ChatPage, server: Any, colours: Any) -> None:
    found: list[tuple[str, str, str]] = []

    def look(state: str) -> None:
        faults = [fault for fault in Axe().run(chat.page).response["violations"] if fault["id"] not in STREAMLITS]
        found.extend((state, fault["id"], node["html"]) for fault in faults for node in fault["nodes"])

    chat.page.emulate_media(color_scheme=colours)
    chat.page.reload()
    expect(chat.messages).to_have_count(1)
    look("start")
    server.reply = reply(words=(MARKDOWN,))
    chat.say("Hello")
    chat.wait_for_the_end()
    look("answer")
    expect(chat.edit_question()).to_be_visible()
    look("edit")
    chat.press("Cancel")
    server.reply = reply(**ENDLESS)
    chat.say("Tell me a story")
    expect(chat.answer).to_contain_text("word2 ")
    look("growing")
    chat.press("Stop")
    chat.wait_for_the_end()
    look("stopped")
    server.reply = reply(status=401)
    chat.say("Hello")
    expect(chat.errors).to_be_visible()
    look("error")
    with chat.sidebar():
        look("sidebar")
        chat.press("Options of Hello")
        expect(chat.page.get_by_role("menu")).to_be_visible()
        look("menu")
        chat.page.keyboard.press("Escape")
        expect(chat.edit_prompt()).to_be_visible()
        look("dialog")
        chat.press("Close")
    assert found == []
