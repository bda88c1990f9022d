"""How fast is the generated app, beside a plain one after LangChain's guide, Chainlit, and a bare websocket?

    uv run python benchmarks/chats.py [--rounds 3] [--users 40] [--only opening,turns] [--ways app,plain]
                                      [--minutes 4] [--before FOLDER] [--plot docs/images/performance.svg]

Everything runs on this machine, each server in its own process, in turn: every round measures each way once. The table
has medians over the rounds (minimum to maximum), ratios between values of the same round, and what the measuring
itself took: the processor share of the load generator (this process) and of the model server. Linux only.
"""

import argparse
import asyncio
import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))
from browser import feel, has_browser
from load import PATIENCE_SECONDS, Turn, User
from model_server import question
from servers import Process, Way, behind_a_proxy, has_proxy, model_server, running, ways

Numbers = dict[str, float]  # what is measured, with its unit -> the value
TYPING_SECONDS = 2  # between a fresh page and the first question
KEPT_SECONDS = 125  # Streamlit by itself keeps a lost session for 2 minutes; the app keeps it longer
TURNS_OF_A_VISIT = 5
WAVES = 3


class Bench:
    """One run of the benchmark.

    Parameters:
        users: How many are there at once.
        minutes: How long they come, chat and go for the memory.
        model: The model server.
    """

    def __init__(self, users: int, minutes: float, model: Process) -> None:
        self.users, self.minutes, self.model = users, minutes, model

    async def start(self, way: Way) -> Numbers:
        """A process starts, and its first user asks two questions."""
        async with running(way) as server:
            user = way.user(server.port)
            await user.open()
            await asyncio.sleep(TYPING_SECONDS)
            first, second = [(await user.ask()).seconds for _ in range(2)]
            return {
                "page with a chat input after the process starts, s": user.could_type - server.begin,
                "first turn in a fresh process, s": first,
                "first turn : second turn": first / second,
                "memory after the first turns, MB": server.megabytes(),
            }

    async def opening(self, way: Way) -> Numbers:
        """All open the page in the same instant."""
        async with running(way) as server:
            await self._visit(way.user(server.port))
            users = [way.user(server.port) for _ in range(self.users)]
            seconds = await asyncio.gather(*(user.open() for user in users))
            return {f"page opens, {self.users} users at once, s": median(seconds)}

    async def turns(self, way: Way) -> Numbers:
        """All ask in the same instant, for an answer of 20 tokens in 0.2 s, and again when all have theirs."""
        async with running(way) as server:
            users = await self._crowd(way, server.port)
            cpu, own, model = server.cpu_seconds(), time.process_time(), self.model.cpu_seconds()
            turns, seconds = await self._waves(users)
            wall = sum(seconds)
            return {
                f"turn of 20 tokens in 0.2 s, {self.users} users, s": median(turn.seconds for turn in turns),
                "CPU a turn, ms": (server.cpu_seconds() - cpu) / len(turns) * 1000,
                "turns a second, 1/s": self.users / median(seconds),
                "load generator's share of a core, %": (time.process_time() - own) / wall * 100,
                "model server's share of a core, %": (self.model.cpu_seconds() - model) / wall * 100,
            }

    async def alone(self, way: Way) -> Numbers:
        """The same turns asked of the model server itself, without any app between."""
        cpu, begin = self.model.cpu_seconds(), time.monotonic()
        seconds = [
            s for _ in range(WAVES) for s in await asyncio.gather(*(self._ask_model() for _ in range(self.users)))
        ]
        return {
            f"model server alone, {self.users} answers at once, s": median(seconds),
            "model server alone, share of a core, %": (self.model.cpu_seconds() - cpu)
            / (time.monotonic() - begin)
            * 100,
        }

    async def answer(self, way: Way) -> Numbers:
        """One user: how much comes over the wire for a long answer, and how soon the first word does."""
        async with running(way) as server:
            user = way.user(server.port)
            await self._visit(user)
            received = (await user.ask(200, 2)).received
            first_words = {
                after: median([(await user.ask(5, 5 * after)).first_word for _ in range(20)]) for after in (0.3, 0.01)
            }
            return {"answer of 200 tokens in 2 s, kB": received / 1000} | {
                f"first word after the model's first token, which comes after {after} s, ms": seconds * 1000
                for after, seconds in first_words.items()
            }

    async def long(self, way: Way) -> Numbers:
        """One user, in a short chat and in a long one."""
        async with running(way, way.long) as server:
            times, received = {}, {}
            for length in (10, 10_000):
                user = way.user(server.port)
                await user.open(f"messages={length}")
                turns = [await user.ask() for _ in range(4)][1:]
                await user.close()
                times[length], received[length] = median(t.seconds for t in turns), median(t.received for t in turns)
            return {f"turn in a chat of {length:,} messages, s": times[length] for length in times} | {
                "turn with 10,000 messages : with 10, time": times[10_000] / times[10],
                "turn with 10,000 messages : with 10, bytes": received[10_000] / received[10],
            }

    async def browser(self, way: Way) -> Numbers:
        """A person types and scrolls, in a short chat, in a long one, and when earlier messages have been asked for."""
        numbers: Numbers = {}
        async with running(way, way.long) as server:
            for length, clicks in ((10, 0), (10_000, 0), (10_000, 10)):
                drawn, key, frame = await feel(server.port, length, clicks)
                chat = f"in a chat of {length:,} messages, {drawn} drawn, ms"
                numbers |= {f"key to picture {chat}": key, f"frame to frame while one scrolls {chat}": frame}
        return numbers

    async def processes(self, way: Way) -> Numbers:
        """All ask in the same instant, of one process and of two behind a proxy."""
        per_second = []
        async with running(way) as server:
            _, seconds = await self._waves(await self._crowd(way, server.port))
            per_second.append(self.users / median(seconds))
        async with behind_a_proxy(way) as port:
            _, seconds = await self._waves(await self._crowd(way, port))
            per_second.append(self.users / median(seconds))
        return {
            "turns a second of two processes, 1/s": per_second[1],
            "turns a second of two processes : one": per_second[1] / per_second[0],
        }

    async def memory(self, way: Way) -> Numbers:
        """Some come and stay; then all come, chat, leave and come back, for minutes; then all have left."""
        async with running(way) as server:
            await self._visit(way.user(server.port))
            at_start = server.megabytes()
            users = await self._crowd(way, server.port)
            a_session = (server.megabytes() - at_start) / self.users
            await asyncio.gather(*(user.close() for user in users))

            end, left, samples = time.monotonic() + self.minutes * 60, 0, []

            async def come_and_go() -> None:
                nonlocal left
                while time.monotonic() < end:
                    await self._visit(user := way.user(server.port), TURNS_OF_A_VISIT)
                    await user.close()
                    left += 1

            async def watch() -> None:
                while time.monotonic() < end:
                    await asyncio.sleep(self.minutes)  # 60 samples
                    samples.append(server.megabytes())

            await asyncio.gather(watch(), *(come_and_go() for _ in range(self.users)))
            await asyncio.sleep(KEPT_SECONDS)
            await self._visit(way.user(server.port))
            print(f"{way.name}: {left} sessions have left", file=sys.stderr)
            half = len(samples) // 2
            return {
                "memory at start, MB": at_start,
                "memory of a session, MB": a_session,
                f"memory in the second quarter of {self.minutes:g} min, {self.users} users, MB": median(
                    samples[half // 2 : half]
                ),
                "memory in its last quarter, MB": median(samples[half + half // 2 :]),
                f"memory when all have left for {KEPT_SECONDS} s, MB": server.megabytes(),
            }

    async def _visit(self, user: User, turns: int = 1) -> None:
        await user.open()
        for _ in range(turns):
            await user.ask()

    async def _crowd(self, way: Way, port: int) -> list[User]:
        """Return users at the page, each of whom has had a turn."""
        users = [way.user(port) for _ in range(self.users)]
        await asyncio.gather(*(self._visit(user) for user in users))
        return users

    async def _waves(self, users: list[User]) -> tuple[list[Turn], list[float]]:
        turns, seconds = [], []
        for _ in range(WAVES):
            begin = time.monotonic()
            turns += await asyncio.gather(*(user.ask() for user in users))
            seconds.append(time.monotonic() - begin)
        return turns, seconds

    async def _ask_model(self) -> float:
        body = json.dumps({"messages": [{"role": "user", "content": question(20, 0.2, "u0")}], "stream": True}).encode()
        begin = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.model.port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), PATIENCE_SECONDS)
        writer.close()
        return time.monotonic() - begin


# What is measured of which ways; the rest has no such thing (a floor without a page, Chainlit without a wrapper).
MEASURES: dict[str, tuple[Callable[[Bench, Way], Awaitable[Numbers]], tuple[str, ...]]] = {
    "opening": (Bench.opening, ("app", "app_database", "app_before", "plain", "plain_streaming", "chainlit")),
    "turns": (
        Bench.turns,
        (
            "app",
            "app_database",
            "app_before",
            "app_without_features",
            "plain",
            "plain_streaming",
            "chainlit",
            "bare_websocket",
        ),
    ),
    "processes": (Bench.processes, ("app",)),
    "answer": (Bench.answer, ("app", "app_before", "plain", "plain_streaming", "chainlit", "bare_websocket")),
    "start": (Bench.start, ("app", "app_before", "plain", "plain_streaming", "chainlit")),
    "long": (Bench.long, ("app", "app_before", "plain")),
    "browser": (Bench.browser, ("app", "app_before")),
    "memory": (Bench.memory, ("app", "app_database", "app_before", "plain", "chainlit")),
    "alone": (Bench.alone, ("bare_websocket",)),
}
WAYS = [way for way in MEASURES["turns"][1] if way != "app_before"]


async def measure(bench: Bench, rounds: int, only: list[str], compared: dict[str, Way]) -> dict[str, dict[str, list]]:
    """Return what was measured -> the way -> a value for each round.

    Parameters:
        bench: What measures.
        rounds: How often each way is measured; the memory, which takes minutes, once.
        only: Which measures.
        compared: Which ways.
    """
    results: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, (take, has) in MEASURES.items():
        if name not in only:
            continue
        for number in range(1 if name == "memory" else rounds):
            for way in (way for key, way in compared.items() if key in has):
                print(f"{time.strftime('%X')} {name}, round {number + 1}: {way.name}", file=sys.stderr)
                for label, value in (await take(bench, way)).items():
                    results[label][way.name].append(value)
    return results


def table(results: dict[str, dict[str, list[float]]], names: list[str]) -> str:
    """Return the results as a table in Markdown.

    Parameters:
        results: What `measure` returned.
        names: Of the ways, one column each.
    """
    others = [name for name in ("the app with a database", "the app before", "plain", "Chainlit") if name in names]
    lines = ["| " + " | ".join(["", *names, *(f"the app : {other}" for other in others)]) + " |"]
    lines.append("|---" * (1 + len(names) + len(others)) + "|")
    for label, of in results.items():
        ratios = [
            [a / b if b else math.nan for a, b in zip(of["the app"], of[other], strict=True)] if of[other] else []
            for other in others
        ]
        lines.append("| " + " | ".join([label, *map(_cell, [of[name] for name in names] + ratios)]) + " |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if len(values) < 2:
        return "".join(map(_number, values))
    return f"{_number(median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.3g}"


def machine(compared: dict[str, Way]) -> str:
    """Return what it was measured on, and with which versions."""
    cpu = re.findall(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    packages = {"app": ("streamlit", "langchain-core", "langchain-openai"), "chainlit": ("chainlit", "langchain-core")}
    cores = f"{os.cpu_count()} cores ({cpu[0] if cpu else platform.machine()})"
    said = [f"{date.today()}", cores, f"Python {platform.python_version()}"]
    for key in packages.keys() & compared.keys():
        code = (
            f"from importlib.metadata import version as v; print(*(p + ' ' + v(p) for p in {packages[key]}), sep=', ')"
        )
        with_it = subprocess.run([compared[key].python, "-c", code], capture_output=True, text=True, check=True)
        said.append(f"{compared[key].name} with {with_it.stdout.strip()}")
    return "; ".join(said)


def main() -> None:
    """Measure, print the table, and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=4, help="how long the memory is watched, for each way")
    parser.add_argument("--only", default=",".join(MEASURES), help="measures, by comma")
    parser.add_argument("--ways", default=",".join(WAYS), help="what is compared, by comma")
    parser.add_argument("--before", type=Path, help="an openai app of an earlier version, to be compared too")
    parser.add_argument("--plot", type=Path, help="the SVG file to draw")
    options = parser.parse_args()
    only = options.only.split(",")
    if unknown := {*only} - {*MEASURES} | {*options.ways.split(",")} - {*WAYS}:
        parser.error(f"there is no {', '.join(unknown)}; measures: {', '.join(MEASURES)}; ways: {', '.join(WAYS)}")
    if "processes" in only and not has_proxy():
        only.remove("processes")
        print("Two processes are not measured: there is no haproxy here (apt-get install haproxy).")
    if "browser" in only and not has_browser():
        only.remove("browser")
        print("The browser is not measured: there is no Chromium here (apt-get install chromium).")

    with tempfile.TemporaryDirectory() as folder, model_server(Path(folder)) as model:
        wanted = options.ways.split(",") + (["app_before"] if options.before else [])
        compared = ways(Path(folder), wanted, options.before)
        bench = Bench(options.users, options.minutes, model)

        async def run() -> dict[str, dict[str, list[float]]]:
            await model.listening()
            for way in compared.values():  # once unmeasured: Python compiles what it imports at the first start
                async with running(way) as server:
                    await way.user(server.port).open()
            return await measure(bench, options.rounds, only, compared)

        results = asyncio.run(run())
        about = machine(compared)
    names = [way.name for way in compared.values()]
    print(f"{about}; medians of {options.rounds} interleaved rounds (minimum to maximum)\n\n{table(results, names)}")
    if options.plot:
        command = ["uv", "run", "--no-project", Path(__file__).with_name("plot.py"), options.plot]
        subprocess.run(command, input=json.dumps({"results": results, "about": about}), text=True, check=True)


if __name__ == "__main__":
    main()
