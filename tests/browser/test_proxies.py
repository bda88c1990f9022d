"""Does the app work behind nginx and Caddy, as docs/deploy.md sets them up? TLS, a sub-path, files, a restart."""

import contextlib
import io
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserType, FrameLocator, Locator, Page, expect

from tests.baking import app_tests, install
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import SLOW, reply
from tests.running import free_port, serving, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.installs]
NGINX = """
{user}daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    {docs}
}}
"""
CADDY = """
{{
    admin off
    auto_https disable_redirects
}}
{docs}
"""


class Place:
    """The app as its systemd unit starts it, and a proxy before it, both by the lines of docs/deploy.md."""

    def __init__(self, app: Path, folder: Path) -> None:
        """Choose ports.

        Parameters:
            app: The app's folder.
            folder: Takes the proxy's files.
        """
        self.app, self.folder = app, folder
        self.port, self.app_port = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}/chat"
        self.docs = (app / "docs" / "deploy.md").read_text(encoding="utf-8")

    def lines(self, pattern: str, here: dict[str, str]) -> str:
        """Return lines of the docs, with what they say of another machine replaced by what is here."""
        found = re.search(pattern, self.docs, re.MULTILINE | re.DOTALL)
        assert found, pattern
        text = found[1]
        for there, instead in here.items():
            assert there in text
            text = text.replace(there, instead)
        return text

    @contextlib.contextmanager
    def running(self, environment: dict[str, str]) -> Iterator[None]:
        """Start the app."""
        command = self.lines(r"^ExecStart=([^\n]+)", {"/srv/chat": str(self.app), "8501": "{port}"})
        with serving(shlex.split(command), self.app, environment, "/chat/_stcore/health", port=self.app_port):
            yield

    @contextlib.contextmanager
    def behind(self, proxy: str, leaving_out: str = "") -> Iterator[None]:
        """Start a proxy.

        Parameters:
            proxy: "nginx" or "caddy".
            leaving_out: A line of the docs that it does without.
        """
        certificate = str(self.app / "tests" / "self_signed.pem")
        here = {"/etc/ssl/chat.pem": certificate, "/etc/ssl/chat.key": certificate, "8501": str(self.app_port)}
        config = self.folder / proxy
        if proxy == "nginx":
            docs = self.lines(r"^```nginx\n(.+?)^```", here | {"listen 443": f"listen 127.0.0.1:{self.port}"})
            user = "user root;\n" if os.geteuid() == 0 else ""  # else its workers could not write into this folder
            text = NGINX.format(docs=docs, folder=self.folder, user=user)
            command = ["-p", self.folder, "-c", config]
        else:
            docs = self.lines(r"^```caddy\n(.+?)^```", here | {"chat.example.org": f"https://127.0.0.1:{self.port}"})
            text = CADDY.format(docs=docs)
            command = ["run", "--adapter", "caddyfile", "--config", config]
        assert leaving_out in text
        config.write_text(text.replace(leaving_out, ""), encoding="utf-8")
        home = os.environ | {"HOME": str(self.folder)}
        with subprocess.Popen([program(proxy), *command], env=home, stdin=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: self._answers() or process.poll() is not None)
                assert process.poll() is None, f"{proxy} did not start"
                yield
            finally:
                process.terminate()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/_stcore/health", context=ssl._create_unverified_context())
            return True
        return False


def program(name: str) -> str:
    """Return a proxy's path, or skip the test."""
    if not (path := shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")):
        pytest.skip(f"no {name}: apt-get install nginx-light caddy")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Choose a place for the app."""
    return Place(install(model_provider="openai"), tmp_path)


@pytest.fixture
def model(place: Place) -> Iterator[Any]:
    """Play the provider."""
    with app_tests(place.app).ModelServer() as server:
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a tab that trusts any certificate."""
    with browser.new_context(ignore_https_errors=True, viewport={"width": 1100, "height": 800}) as context:
        yield context.new_page()


def picture() -> dict[str, Any]:
    """Return a picture of more than a megabyte."""
    Image.frombytes("RGB", (700, 700), os.urandom(700 * 700 * 3)).save(file := io.BytesIO(), "PNG")
    return {"name": "noise.png", "mimeType": "image/png", "buffer": file.getvalue()}


def attach(where: Page | FrameLocator) -> Locator:
    """Attach that picture, and return what says whether it has arrived."""
    where.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files([picture()])
    chip = where.get_by_test_id("stFileChip")
    expect(chip).to_be_visible()
    return chip


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_a_chat_a_file_and_a_restart_of_the_proxy(
    place: Place, model: Any, page: Page, proxy: str, screenshots: Path
) -> None:
    with place.running(model.environment):
        with place.behind(proxy):
            chat = ChatPage(page, place.port, place.url)
            chat.say("The first question")
            chat.wait_for_the_end()
            attach(page)
            chat.say("What is in the picture?")
            chat.wait_for_the_end()
            assert "image" in str(model.requests[-1])
            model.reply = reply(**SLOW)
            chat.say("A long answer")
            expect(chat.answer).to_contain_text("word1")
        with place.behind(proxy):
            chat.wait_for_the_end()
            expect(chat.answer).to_contain_text(
                "word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11"
            )
            expect(chat.errors).to_have_count(0)
            model.reply = reply()
            chat.say("And another")
            chat.wait_for_the_end()
            chat.screenshot(screenshots / f"behind-{proxy}.png")
    questions = [text for role, text in model.conversation() if role == "user"]
    assert questions[0] == "The first question"
    assert questions[-1] == "And another"


def test_a_question_whose_file_nginx_refuses_is_held_back(
    place: Place, model: Any, page: Page, screenshots: Path
) -> None:
    with place.running(model.environment), place.behind("nginx", leaving_out="client_max_body_size 25m;"):
        chat = ChatPage(page, place.port, place.url)
        chip = attach(page)
        expect(chip).to_have_attribute("aria-invalid", "true")
        chat.input.fill("What is in the picture?")
        chat.input.press("Enter")
        expect(page.get_by_text("The file is too large for a server on the way")).to_be_visible()
        expect(chat.input).to_have_value("What is in the picture?")
        chat.screenshot(screenshots / "file-refused.png")
        assert not model.requests
        chip.get_by_role("button").click()
        chat.say("Then without")
        chat.wait_for_the_end()


FRAME = "<!doctype html><iframe src={url} width=1000 height=700></iframe>"


@pytest.fixture
def framed(place: Place, tmp_path: Path) -> Iterator[str]:
    """Show the app in a frame of what is another site to a browser: localhost, which is not 127.0.0.1."""
    (tmp_path / "index.html").write_text(FRAME.format(url=place.url), encoding="utf-8")
    portal = [sys.executable, "-m", "http.server", "{port}", "--bind=127.0.0.1"]
    with serving(portal, tmp_path, {}, "/") as port:
        yield f"http://localhost:{port}"


def ask_about_a_file(page: Page, url: str) -> FrameLocator:
    """Ask a question with a file in the frame on this page."""
    page.goto(url)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_placeholder("Your message")).to_be_visible(timeout=60_000)
    attach(frame)
    frame.get_by_placeholder("Your message").fill("What is in the picture?")
    expect(frame.get_by_role("button", name="Send message")).to_be_enabled()  # the file has arrived, or never will
    frame.get_by_placeholder("Your message").press("Enter")
    return frame


def test_a_file_from_another_sites_frame_is_refused_and_the_page_says_so(
    place: Place, model: Any, page: Page, framed: str
) -> None:
    with place.running(model.environment), place.behind("nginx"):
        frame = ask_about_a_file(page, framed)
        expect(frame.get_by_text("The file did not arrive. If this page is shown inside another site")).to_be_visible()
        expect(frame.get_by_placeholder("Your message")).to_have_value("What is in the picture?")
        assert not model.requests


@pytest.mark.parametrize(
    ("setting", "takes_cookies"),
    [("STREAMLIT_SERVER_XSRF_COOKIE_SAME_SITE=none", True), ("STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION=false", False)],
)
def test_a_file_from_another_sites_frame_arrives_with_what_the_docs_say(
    place: Place,
    model: Any,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    tmp_path: Path,
    framed: str,
    setting: str,
    takes_cookies: bool,
) -> None:
    assert setting in place.docs
    name, _, value = setting.partition("=")
    with contextlib.ExitStack() as stack:
        stack.enter_context(place.running(model.environment | {name: value}))
        stack.enter_context(place.behind("nginx"))
        if takes_cookies:  # from other sites, as Playwright's usual windows do not
            profile = tmp_path / "profile"
            (profile / "Default").mkdir(parents=True)
            (profile / "Default" / "Preferences").write_text(
                '{"profile": {"cookie_controls_mode": 0}}', encoding="utf-8"
            )
            window = browser_type.launch_persistent_context(
                profile, ignore_https_errors=True, **browser_type_launch_args
            )
        else:
            window = stack.enter_context(browser_type.launch(**browser_type_launch_args)).new_context(
                ignore_https_errors=True
            )
        page = stack.enter_context(window).new_page()
        frame = ask_about_a_file(page, framed)
        expect(frame.get_by_text("Hello from the model.").last).to_be_visible()
        assert "image" in str(model.requests[-1])
