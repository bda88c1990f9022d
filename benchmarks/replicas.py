"""What do chats in a database survive, how fast are they back, and what do more replicas bring?

    uv run python benchmarks/replicas.py            # all of it: a quarter of an hour on two idle cores
    uv run python benchmarks/replicas.py --only kills,speed

The parts of an app's compose.yaml run as processes (tests/replicas.py); pages come back as a browser's do.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from load import StreamlitUser
from servers import model_server as fast_model_server

from tests.baking import copy_app, install
from tests.crowd import GROWING, RUNNING, STORED, Crowd, Page, model_server, until
from tests.replicas import PostgreSQL, Replicas, topology

PAUSE = 0.1  # seconds before each word


async def watch(
    crowd: Crowd, database: PostgreSQL, happens: Callable[[], Coroutine[Any, Any, None]], growing: str = RUNNING
) -> None:
    """Let something happen while all answers grow, and print what became of them and of the pages."""
    before = crowd.count(await asyncio.to_thread(database.ask, STORED))
    await crowd.ask()
    crowd.take_note()
    crowd.seconds_away()
    await happens()
    await crowd.rest()
    while await asyncio.to_thread(database.ask, growing):
        await asyncio.sleep(0.1)
    counted, away = crowd.count(await asyncio.to_thread(database.ask, STORED)), crowd.seconds_away()
    print(
        f"  {counted._replace(asked=counted.asked - before.asked, incomplete=counted.incomplete - before.incomplete)}"
    )
    if away:
        middle = statistics.median(away)
        print(f"  {len(away)} pages came back: median {middle:.2f} s, longest {away[-1]:.2f} s", flush=True)


async def kills(database: PostgreSQL, replicas: Replicas, users: int, words: int) -> None:
    """Kill one of three replicas, five times; how long that many pages take to open is what to compare with."""
    crowd = Crowd(replicas.port, users, words)
    await crowd.open()
    others = Crowd(replicas.port, users // 2, words).pages
    begin, opened = time.monotonic(), []

    async def open_one(page: Page) -> None:
        await page.open()
        opened.append(time.monotonic() - begin)

    await asyncio.gather(*map(open_one, others))
    print(f"{len(opened)} new pages open: median {statistics.median(opened):.2f} s, longest {opened[-1]:.2f} s")
    await asyncio.gather(*(page.close() for page in others))
    for number in range(5):
        victim = replicas.addresses[number % len(replicas.addresses)]
        print(f"kill -9 of {victim} while {users} users stream:")

        async def happens(victim: str = victim) -> None:
            replicas.kill(victim)
            await asyncio.sleep(1)
            await asyncio.to_thread(replicas.start, victim)

        await watch(crowd, database, happens, GROWING)
    await crowd.close()


async def rolls(database: PostgreSQL, replicas: Replicas, users: int, words: int) -> None:
    """Replace all replicas, one after another, as a rolling update does."""
    crowd = Crowd(replicas.port, users, words)
    await crowd.open()
    for goes in replicas.addresses:
        print(f"SIGTERM to {goes} while {users} users stream:")

        async def happens(goes: str = goes) -> None:
            replicas.kill(goes, signal.SIGTERM)
            await until(lambda: replicas.processes[goes].poll() is not None)
            await asyncio.to_thread(replicas.start, goes)

        await watch(crowd, database, happens)
    await crowd.close()


async def tabs(database: PostgreSQL, replicas: Replicas, users: int, words: int) -> None:
    """Restart the proxy under 300 tabs."""
    crowd = Crowd(replicas.port, 300, words)
    await crowd.open()
    print("HAProxy away for a second, 300 tabs:")
    for page in crowd.pages:  # not all at once: this is about coming back
        await page.ask()
    await crowd.rest()
    crowd.seconds_away()
    replicas.kill_proxy()
    await asyncio.sleep(1)
    await asyncio.to_thread(replicas.start_proxy)
    await until(lambda: all(page.seconds_away for page in crowd.pages))
    print(f"  {crowd.count(await asyncio.to_thread(database.ask, STORED))}")
    away = crowd.seconds_away()
    print(f"  {len(away)} pages came back: median {statistics.median(away):.2f} s, longest {away[-1]:.2f} s")
    await crowd.close()


async def outages(database: PostgreSQL, replicas: Replicas, users: int, words: int) -> None:
    """Restart PostgreSQL, let it crash, and take it away for half a minute."""
    crowd = Crowd(replicas.port, users, words)
    await crowd.open()
    for how, seconds in (("fast", 0), ("immediate", 0), ("fast", 30)):
        print(f"PostgreSQL stopped ({how}) for {seconds} s while {users} users stream:")

        async def happens(how: str = how, seconds: int = seconds) -> None:
            await asyncio.to_thread(database.stop, how)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(database.start)

        await watch(crowd, database, happens)
    await crowd.close()


@contextmanager
def without_limits(app: Path) -> Any:
    """Give a copy of an app in which a user may ask as often as a benchmark does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_app(app, Path(folder) / "app")
        settings = copy / "settings.toml"
        lines = settings.read_text(encoding="utf-8").splitlines()
        free = ["questions_per_minute = 0" if line.startswith("questions_per_minute") else line for line in lines]
        free = ["questions_per_day = 0" if line.startswith("questions_per_day") else line for line in free]
        settings.write_text("\n".join(free), encoding="utf-8")
        yield copy


class Load(NamedTuple):
    """What some seconds of turns cost.

    Parameters:
        turns: Turns a second.
        seconds: The median of a turn's seconds.
        app: Milliseconds of processor time a turn, of all replicas.
        database: The same, of PostgreSQL.
        proxy: The same, of HAProxy.
    """

    turns: float
    seconds: float
    app: float
    database: float
    proxy: float


def cpu_seconds(*processes: int) -> float:
    """Return the processor time of processes and of what they have begun, in seconds."""
    total = 0.0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        total += cpu_seconds(*map(int, children))
    return total


async def turns(made: tuple[PostgreSQL, Replicas], users: int, tokens: int, answer: float, seconds: float) -> Load:
    """Let users ask one question after another.

    Parameters:
        made: Where.
        users: How many.
        tokens: How many an answer has.
        answer: In how many seconds they come.
        seconds: For how long the users go on.
    """
    database, replicas = made
    crowd = [StreamlitUser(replicas.port) for _ in range(users)]
    for user in crowd:
        await user.open()
    await asyncio.gather(*(user.ask() for user in crowd))
    apps = [replicas.processes[address].pid for address in replicas.addresses]

    def spent() -> list[float]:
        return [cpu_seconds(*apps), cpu_seconds(database.pid()), cpu_seconds(replicas.processes["proxy"].pid)]

    begin, taken, before = time.monotonic(), [], spent()

    async def chat(user: StreamlitUser) -> None:
        while time.monotonic() < begin + seconds:
            taken.append((await user.ask(tokens, answer)).seconds)

    await asyncio.gather(*map(chat, crowd))
    speed = len(taken) / (time.monotonic() - begin)
    cost = [1000 * (now - then) / len(taken) for now, then in zip(spent(), before, strict=True)]
    for user in crowd:
        await user.close()
    return Load(speed, statistics.median(taken), *cost)


def speed(app: Path, rounds: int) -> None:
    """Print what one replica does and what two do, interleaved."""
    kinds = {"20 tokens in 0.2 s, 40 users": (40, 20, 0.2, 20), "100 tokens in 10 s, 100 users": (100, 100, 10, 30)}
    with without_limits(app) as copy, tempfile.TemporaryDirectory() as folder, fast_model_server(Path(folder)):
        environment = {name: os.environ[name] for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY")}
        found: dict[tuple[str, int], list[Load]] = {}
        for _ in range(rounds):
            for number in (1, 2):
                with topology(copy, environment, number) as made:
                    for kind, how in kinds.items():
                        found.setdefault((kind, number), []).append(asyncio.run(turns(made, *how)))
    for (kind, number), loads in found.items():
        print(f"{kind}, {number} replica(s):")
        for name, each in zip(Load._fields, zip(*loads, strict=True), strict=True):
            print(f"  {name}: {statistics.median(each):.3g} ({min(each):.3g} to {max(each):.3g})")
        ratios = [two.turns / one.turns for one, two in zip(found[kind, 1], loads, strict=True)]
        print(f"  turns a second : those of one replica: {statistics.median(ratios):.2f}", flush=True)


def main() -> None:
    """Run what is wanted."""
    parts = {"kills": kills, "rolls": rolls, "outages": outages, "tabs": tabs}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join([*parts, "speed"]))
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--words", type=int, default=150, help="in an answer, ten a second")
    parser.add_argument("--rounds", type=int, default=3, help="of turns a second")
    given = parser.parse_args()
    app = install(model_provider="openai", conversations="database")
    for name in given.only.split(","):
        if name == "speed":
            speed(app, given.rounds)
            continue
        words, pause = (5, 0) if name == "tabs" else (given.words, PAUSE)
        with model_server(app, words, pause) as server, topology(app, server.environment) as (database, replicas):
            asyncio.run(parts[name](database, replicas, given.users, words))


if __name__ == "__main__":
    main()
