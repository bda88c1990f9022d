"""Many at once at an app whose chats are in a database: they ask, lose their connections and come back, and count."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import websockets

from tests.baking import app_tests
from tests.streamlit_client import Session

AT_ONCE = 10  # pages that open at once
STORED = "SELECT text, data->'data'->'response_metadata'->>'status' status FROM message ORDER BY conversation, position"
RUNNING = f"SELECT 1 FROM ({STORED}) answer WHERE status = 'running'"
GROWING = "SELECT 1 FROM message WHERE beat > extract(epoch FROM now()) - 10"  # those whose process is there


def model_server(app: Path, words: int, pause: float) -> Any:
    """Return a server that answers "me1" with "me1-w0 me1-w1 …".

    Parameters:
        app: An installed app, whose provider's protocol it speaks.
        words: How many words an answer has.
        pause: Seconds before each.
    """
    tests = app_tests(app)

    class Words(tests.ModelServer):
        def reply_to(self, question: str) -> Any:
            last = question.splitlines()[-1]  # an unanswered question comes before it
            return tests.Reply(words=tuple(f"{last}-w{number} " for number in range(words)), pause=pause)

    return Words()


class Page(Session):
    """A page that comes back by itself when its connection is lost, as a browser's does."""

    def __init__(self, port: int) -> None:
        """Prepare a page of a visitor who is new."""
        super().__init__(port)
        self.cookies = {"chat_visitor": token_hex(32)}
        self.name = token_hex(8)
        self.asked: list[str] = []
        self.seconds_away: list[float] = []  # from each loss of the connection until the chat was there again
        self._staying: asyncio.Task[None] | None = None

    async def connect(self, *, rerun: bool = True) -> None:
        """Connect, with the cookies that earlier answers have set."""
        self._headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        await super().connect(rerun=rerun)
        for cookie in self._socket.response.headers.get_all("Set-Cookie") if self._socket.response else ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value

    async def open(self) -> None:
        """Open the page, and stay: come back whenever the connection is lost."""
        await self.connect()
        await self.idle()
        self._staying = asyncio.create_task(self._stay())

    async def close(self) -> None:
        """Close the tab."""
        if self._staying:
            self._staying.cancel()
        await self.drop()

    async def ask(self) -> None:
        """Ask a question, and wait until its answer grows."""
        question = f"{self.name}q{len(self.asked)}"
        self.asked.append(question)
        await self.say(question)
        await until(lambda: self.words() > 0)

    def words(self) -> int:
        """Return how many words of the answer to the last question the page shows."""
        shown = self.transcript()
        answers = [answer for (_, text), (_, answer) in pairwise(shown) if text == self.asked[-1]]
        return answers[-1].count("-w") if answers else 0

    def is_at_rest(self) -> bool:
        """Say whether the page is there, and nothing grows on it."""
        return self._drawn.is_set() and not self._reader.done() and not self.sees("button", "Stop")

    def questions(self) -> list[str]:
        """Return the questions that the page shows."""
        return [text for who, text in self.transcript() if who == "human"]

    async def _stay(self) -> None:
        while True:
            await asyncio.gather(self._reader, return_exceptions=True)
            begin = time.monotonic()
            self._drawn.clear()
            self._deltas.clear()  # what comes now is drawn anew
            while self._reader.done():
                with contextlib.suppress(OSError, websockets.WebSocketException):
                    await self.connect()
                    break
                await asyncio.sleep(0.5)
            await until(lambda: self._reader.done() or self.asked == self.questions())
            if not self._reader.done():
                self.seconds_away.append(time.monotonic() - begin)


class Count(NamedTuple):
    """What became of what was asked.

    Parameters:
        asked: Questions.
        lost: Those that the database does not have.
        doubled: Those that it has more than once.
        incomplete: Answers that have not all their words, or say that they have not.
        behind: Of one answer, the most words that a page had shown and the database does not have.
        not_shown: Pages that do not show all that was asked there, in order.
    """

    asked: int
    lost: int
    doubled: int
    incomplete: int
    behind: int
    not_shown: int


class Crowd:
    """Some pages, each of a visitor of its own."""

    def __init__(self, port: int, number: int, words: int) -> None:
        """Prepare them.

        Parameters:
            port: Where they find the app.
            number: How many they are.
            words: How many words an answer has.
        """
        self.pages, self._words = [Page(port) for _ in range(number)], words
        self._shown: dict[str, int] = {}

    async def open(self) -> None:
        """Open them all."""
        for first in range(0, len(self.pages), AT_ONCE):
            await asyncio.gather(*(page.open() for page in self.pages[first : first + AT_ONCE]))

    async def close(self) -> None:
        """Close them all."""
        await asyncio.gather(*(page.close() for page in self.pages))

    async def ask(self) -> None:
        """Let each ask a question, and wait until all answers grow."""
        await asyncio.gather(*(page.ask() for page in self.pages))

    def replicas(self) -> list[str]:
        """Return the cookie by which HAProxy knows the replica of each page."""
        return [page.cookies["replica"] for page in self.pages]

    def moved(self, before: list[str]) -> int:
        """Return how many pages are at another replica than before, with their chats."""
        pairs = zip(self.pages, before, strict=True)
        return sum(bool(page.seconds_away) and page.cookies["replica"] != was for page, was in pairs)

    def take_note(self) -> None:
        """Take note of what the pages show now."""
        self._shown |= {page.asked[-1]: page.words() for page in self.pages if page.asked}

    async def rest(self) -> None:
        """Wait until the last answers have ended, and all pages are at rest."""
        await until(lambda: all(page.is_at_rest() for page in self.pages))

    def seconds_away(self) -> list[float]:
        """Return for how long pages were away since the last time this was asked, in order."""
        away = sorted(seconds for page in self.pages for seconds in page.seconds_away)
        for page in self.pages:
            page.seconds_away.clear()
        return away

    def count(self, stored: Iterable[dict[str, str]]) -> Count:
        """Count.

        Parameters:
            stored: What the database has, in order: rows with the text of a message, and the status of an answer.
        """
        rows = list(stored)
        asked = {question for page in self.pages for question in page.asked}
        times = Counter(row["text"] for row in rows)
        answers = {question["text"]: answer for question, answer in pairwise(rows)}
        found = {question: answers[question] for question in asked & answers.keys()}
        incomplete = [
            question
            for question, answer in found.items()
            if (answer["text"].count("-w"), answer["status"]) != (self._words, "complete")
        ]
        behind = [
            shown - found[question]["text"].count("-w") for question, shown in self._shown.items() if question in found
        ]
        return Count(
            asked=len(asked),
            lost=sum(not times[question] for question in asked),
            doubled=sum(times[question] > 1 for question in asked),
            incomplete=len(incomplete),
            behind=max([0, *behind]),
            not_shown=sum(page.questions() != page.asked for page in self.pages),
        )


async def until(condition: Callable[[], object]) -> None:
    """Wait for something on a page; a busy machine gets two minutes for it."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.02)
