"""Do hostile visitors cost friendly ones anything? Twenty of each beside the friendly ones alone, and the memory.

    uv run python benchmarks/hostile.py --minutes 60

The friendly ones ask a question every few seconds and now and then open a new tab. Each hostile one does, again and
again, one of the things in HOSTILE, in an order that is the same in each run.
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import WebSocketException

sys.path.insert(0, str(Path(__file__).parent.parent))

from load import StreamlitUser, Turn
from servers import Process, model_server, running, ways

REFUSED = (OSError, RuntimeError, TimeoutError, WebSocketException)  # what a hostile visitor may well be told


class Hostile(StreamlitUser):
    """A visitor who sends what no browser would."""

    async def flood(self) -> None:
        """Click without waiting."""
        await self.open()
        for _ in range(200):
            await self._rerun(BackMsg())

    async def ask_and_leave(self) -> None:
        """Ask for a long answer and close the tab."""
        await self.open()
        await self._say(f"{20_000} tokens in {600.0} s (h0)")

    async def ask_at_full_speed(self) -> None:
        """Ask for an answer without end that comes as fast as it can."""
        await self.open()
        await self._say(f"{1_000_000} tokens in {0.0} s (h1)")
        await asyncio.sleep(10)

    async def ask_again_and_again(self) -> None:
        """Ask a new question before each answer."""
        await self.open()
        for number in range(100):
            await self._say(f"{50} tokens in {5.0} s (h{number})")

    async def send_rubbish(self) -> None:
        """Send bytes that are no message."""
        await self.open()
        for size in (1, 100, 1_000_000):
            await self._socket.send(random.randbytes(size))

    async def send_much(self) -> None:
        """Send a question of 20 MB."""
        await self.open()
        await self._say("x" * 20_000_000)
        await asyncio.sleep(2)

    async def send_what_was_never_offered(self) -> None:
        """Set each widget of the page to what it does not have, and name a fragment that there is not."""
        await self.open()
        message = BackMsg()
        for name in ("app.persona.langchain_messages", "app.model.langchain_messages", "app.import", "app.question"):
            widget = message.rerun_script.widget_states.widgets.add(id=f"$$ID-0-{name}")
            widget.string_value = "../settings" * 1000
        message.rerun_script.fragment_id = "there is none"
        await self._rerun(message)

    async def clear_the_cache(self) -> None:
        """Send Streamlit's other messages."""
        await self.open()
        for message in (BackMsg(clear_cache=True), BackMsg(stop_script=True), BackMsg(debug_shutdown_runtime=True)):
            await self._socket.send(message.SerializeToString())

    async def upload_to_nobody(self) -> None:
        """Send files to a session that there is not."""
        url = self._url.replace("ws:", "http:").replace("stream", "upload_file/no-session/no-file")
        request = urllib.request.Request(url, os.urandom(10_000_000), method="PUT")
        with contextlib.suppress(urllib.error.HTTPError):
            await asyncio.to_thread(urllib.request.urlopen, request, timeout=30)

    async def open_many_tabs(self) -> None:
        """Open tabs, and close them before the page has come."""
        for _ in range(30):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.open(), 0.1)
            with contextlib.suppress(AttributeError):  # it never came in
                await self.close()


HOSTILE: list[Callable[[Hostile], Awaitable[None]]] = [
    Hostile.flood,
    Hostile.ask_and_leave,
    Hostile.ask_at_full_speed,
    Hostile.ask_again_and_again,
    Hostile.send_rubbish,
    Hostile.send_much,
    Hostile.send_what_was_never_offered,
    Hostile.clear_the_cache,
    Hostile.upload_to_nobody,
    Hostile.open_many_tabs,
]


async def be_friendly(port: int, until: float, openings: list[float], turns: list[Turn], errors: Counter[str]) -> None:
    """Ask and read, until it is time to go."""
    while time.monotonic() < until:
        user = StreamlitUser(port)
        try:
            openings.append(await user.open())
            for _ in range(random.randint(3, 12)):
                await asyncio.sleep(random.uniform(1, 6))
                turns.append(await user.ask(100, 2))
                if time.monotonic() > until:
                    break
        except Exception as error:
            errors[type(error).__name__ + str(error)[:80]] += 1
            await asyncio.sleep(1)
        with contextlib.suppress(AttributeError):  # it never came in
            await user.close()


async def be_hostile(port: int, until: float, first: int, done: Counter[str]) -> None:
    """Do one thing after the other, until it is time to go."""
    for deed in itertools.islice(itertools.cycle(HOSTILE), first, None):
        if time.monotonic() > until:
            return
        visitor = Hostile(port)
        with contextlib.suppress(*REFUSED):
            await deed(visitor)
        done[deed.__name__] += 1
        with contextlib.suppress(AttributeError):  # it never came in
            await visitor.close()
        await asyncio.sleep(random.uniform(0, 2))


async def visit(server: Process, minutes: float, friendly: int, hostile: int) -> None:
    """Let them come, and print what the friendly ones saw and how much memory it took."""
    begin = time.monotonic()
    until = begin + minutes * 60
    openings: list[float] = []
    turns: list[Turn] = []
    errors: Counter[str] = Counter()
    done: Counter[str] = Counter()
    visitors = [be_friendly(server.port, until, openings, turns, errors) for _ in range(friendly)]
    visitors += [be_hostile(server.port, until, number, done) for number in range(hostile)]
    all_of_them = asyncio.gather(*visitors)
    memory = []
    while time.monotonic() < until:
        await asyncio.sleep(min(10, max(0, until - time.monotonic())))
        memory.append(server.megabytes())
    await all_of_them
    await asyncio.sleep(20)
    print(f"{friendly} friendly and {hostile} hostile visitors, {minutes:g} minutes:")
    for what, seconds in {"a page opens": openings, "a turn, of 2 s": [turn.seconds for turn in turns]}.items():
        slow = sorted(seconds)[-len(seconds) // 100]
        print(f"  {what}: median {statistics.median(seconds):.2f} s, one in a hundred over {slow:.2f} s")
    print(f"  {len(turns)} turns, {errors.total()} errors {dict(errors) or ''}")
    quarters = [memory[len(memory) * n // 4 : len(memory) * (n + 1) // 4] for n in range(4)]
    shown = ", ".join(f"{max(quarter):.0f}" for quarter in quarters if quarter)
    print(f"  memory at most, by quarter: {shown} MB; when all had left {server.megabytes():.0f} MB")
    if done:
        print(f"  {done.total()} hostile deeds", flush=True)


async def main() -> None:
    """Let the friendly ones come alone, then with the hostile ones, each to a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--alone", type=float, default=15, help="minutes of the friendly ones alone")
    parser.add_argument("--visitors", type=int, default=20, help="of each kind")
    options = parser.parse_args()
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder, model_server(Path(folder)):
        (app,) = ways(Path(folder), ["app"]).values()
        for minutes, hostile in ((options.alone, 0), (options.minutes, options.visitors)):
            async with running(app) as server:
                await visit(server, minutes, options.visitors, hostile)


if __name__ == "__main__":
    asyncio.run(main())
