"""The page as a person knows it."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Locator, Page, expect


class ChatPage:
    """What one does and sees at the page."""

    def __init__(self, page: Page, port: int, url: str = "") -> None:
        """Open the page and wait until one can type.

        Parameters:
            page: A new tab.
            port: Where the app listens on loopback.
            url: Its address, if that is another.
        """
        self.page = page
        page.goto(url or f"http://127.0.0.1:{port}")
        expect(self.input).to_be_visible(timeout=60_000)

    @property
    def input(self) -> Locator:
        """The field one types into."""
        return self.page.get_by_placeholder("Your message")

    @property
    def messages(self) -> Locator:
        """The messages, in order."""
        return self.page.get_by_test_id("stChatMessage")

    @property
    def answer(self) -> Locator:
        """The last message."""
        return self.messages.last

    @property
    def errors(self) -> Locator:
        """The error boxes."""
        return self.page.get_by_test_id("stAlert")

    def say(self, text: str) -> None:
        """Type a message and send it."""
        expect(self.input).to_have_count(1)  # one that takes other files replaces the old one
        expect(self.input).to_be_enabled()
        expect(self.messages).not_to_have_count(0)  # the input may be there before the greeting is
        before = self.messages.count()
        self.input.fill(text)
        self.send()
        # The question and its answer, be it empty yet; with a megabyte on the page, a browser takes its time.
        expect(self.messages).to_have_count(before + 2, timeout=30_000)

    def send(self) -> None:
        """Send what has been typed: by Enter, or on a touch screen, where that is a new line, by the button."""
        expect(self.button("Send message")).to_be_enabled()  # a file has arrived, or never will
        if self.page.evaluate("matchMedia('(pointer: coarse)').matches"):
            self.button("Send message").click()
        else:
            self.input.press("Enter")

    def attach(self, name: str, data: bytes) -> None:
        """Attach a file, and wait until it is there: a question sent before goes without it."""
        field = self.page.get_by_test_id("stChatInput").locator("input[type=file]")
        field.set_input_files([{"name": name, "mimeType": "", "buffer": data}])
        expect(self.page.get_by_test_id("stFileChip").filter(has_text=name)).to_be_visible()
        expect(self.page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)

    @contextlib.contextmanager
    def sidebar(self, *, folds: bool = False) -> Iterator[None]:
        """Do something in the sidebar, which a phone has to open and close.

        Parameters:
            folds: Whether what is done folds it away on a phone.
        """
        opener = self.page.get_by_test_id("stExpandSidebarButton")
        if hidden := opener.is_visible():
            opener.click()
        yield
        if hidden:
            if not folds:
                self.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
            expect(opener).to_be_visible()

    def button(self, label: str) -> Locator:
        """Find a button, whatever its shortcut."""
        return self.page.get_by_role("button", name=re.compile(f"^{label}( Shortcut .+)?$"))

    def press(self, label: str) -> None:
        """Press a button."""
        self.button(label).click()

    def edit_question(self) -> Locator:
        """Open the last question to be edited, and return the field."""
        self.press("Edit the question")
        return self.page.get_by_role("textbox", name="Your question")

    def edit_prompt(self, label: str = "Edit the prompt") -> Locator:
        """Open the prompt to be edited, from the open sidebar, and return the field."""
        self.press(label)
        return self.page.get_by_role("dialog").get_by_role("textbox", name="System prompt of the persona")

    def wait_for_the_end(self, seconds: float = 60) -> None:
        """Wait until no answer grows any more."""
        expect(self.answer.get_by_role("button", name="Try again")).to_be_visible(timeout=seconds * 1000)
        expect(self.button("Stop")).to_have_count(0)

    def screenshot(self, path: Path) -> None:
        """Take a picture of the window."""
        self.page.screenshot(path=path, animations="disabled")
