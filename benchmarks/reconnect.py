"""Do all open tabs come back with their chats when a proxy restarts? The app beside the same without its gate's help.

    uv run python benchmarks/reconnect.py --tabs 300

Each tab asks a question; then all connections break in the same instant, and a second later all come back.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.baking import app_tests, copy_app, install
from tests.running import running
from tests.streamlit_client import Session

AT_ONCE = 20  # tabs that open at once
# What of the gate a copy of the app is without: then it waits for nobody, and Streamlit looks at all modules.
HELP = {"ABSENCE_SECONDS = 60": "ABSENCE_SECONDS = 0", "session.disconnect_file_watchers()": "pass"}


async def slowest_answer(port: int) -> None:
    """Ask the server how it is, again and again, until cancelled, and print the longest that it kept one waiting."""
    slowest = 0.0
    try:
        while True:
            begin = time.monotonic()
            await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/_stcore/health", None, 120)
            slowest = max(slowest, time.monotonic() - begin)
    finally:
        print(f"  the longest that the server's health check took meanwhile: {slowest:.2f} s")


async def cut_off(port: int, tabs: int) -> None:
    """Open the tabs, cut them off, and print how they come back."""
    users = [Session(port) for _ in range(tabs)]
    places = asyncio.Semaphore(AT_ONCE)

    async def open_one(user: Session) -> None:
        async with places:
            await user.connect()
            await user.idle(600)
            await user.say("Are you there?")
            while len(user.transcript()) < 3 or not user.transcript()[-1][1]:
                await asyncio.sleep(0.1)
            await user.idle(600)

    async def come_back(user: Session) -> bool:
        await user.connect()
        await user.idle(600)
        return ("human", "Are you there?") in user.transcript()

    await asyncio.gather(*map(open_one, users))
    await asyncio.gather(*(user.drop() for user in users))
    await asyncio.sleep(1)
    health, begin = asyncio.create_task(slowest_answer(port)), time.monotonic()
    back = await asyncio.gather(*map(come_back, users))
    print(f"  {sum(back)} of {tabs} tabs have their chat, after {time.monotonic() - begin:.1f} s")
    health.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await health


def main() -> None:
    """Try the app, then its copy without the gate's help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tabs", type=int, default=300)
    tabs = parser.parse_args().tabs
    app = install(model_provider="openai")
    with tempfile.TemporaryDirectory() as folder:
        copy_app(app, without := Path(folder) / "without")
        gate = without / "server" / "gate.py"
        text = gate.read_text(encoding="utf-8")
        for ours, none in HELP.items():
            assert ours in text
            text = text.replace(ours, none)
        gate.write_text(text, encoding="utf-8")
        for name, tried in (("with the gate's help", app), ("without", without)):
            print(f"{name}:")
            options = "--server.fileWatcherType=none"
            with app_tests(app).ModelServer() as server, running(tried, server.environment, options) as port:
                asyncio.run(cut_off(port, tabs))


if __name__ == "__main__":
    main()
