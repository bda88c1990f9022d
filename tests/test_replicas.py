"""Does a chat survive what befalls its replica, the proxy or the database? The parts of compose.yaml, as processes."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.baking import install
from tests.crowd import GROWING, STORED, Count, Crowd, Page, model_server, until
from tests.replicas import PostgreSQL, Replicas, Silence, topology, what_is_missing
from tests.running import run_coroutine

resource = pytest.importorskip("resource", reason="Windows has no limits of a process")

pytestmark = [
    pytest.mark.installs,
    pytest.mark.skipif(bool(what_is_missing()), reason=f"needs {what_is_missing()}"),
]
USERS, WORDS, PAUSE = 9, 40, 0.1
AWAY = "The database cannot be reached right now: try again in a moment."
SAID = f"{AWAY} Keep this page open: what is new here is saved once it is back."
BROKE_OFF = "The answer broke off: try again."
ASKS = """
from chat import store
from chat.errors import ChatError

store.revision("nobody", "none")
print("There.", flush=True)
input()
for _ in range(20):
    try:
        store.revision("nobody", "none")
    except ChatError as problem:
        print(problem)
"""
Play = Callable[[Callable[[Crowd], Coroutine[Any, Any, None]]], Count]


@pytest.fixture(scope="module")
def app() -> Path:
    """Return an app that keeps its chats in a database."""
    return install(model_provider="openai", conversations="database")


@pytest.fixture(scope="module")
def running(app: Path) -> Iterator[tuple[PostgreSQL, Replicas]]:
    """Run three replicas of it."""
    with model_server(app, WORDS, PAUSE) as server, topology(app, server.environment) as made:
        yield made


@pytest.fixture
def play(running: tuple[PostgreSQL, Replicas]) -> Play:
    """Return what lets something happen while a crowd's answers grow, and counts."""
    database, replicas = running

    def play(happens: Callable[[Crowd], Coroutine[Any, Any, None]]) -> Count:
        async def scene() -> Count:
            crowd = Crowd(replicas.port, USERS, WORDS)
            await crowd.open()
            await crowd.ask()
            crowd.take_note()
            await happens(crowd)
            await crowd.rest()
            await until(lambda: not database.ask(GROWING))  # the end of an answer is shown first
            counted = crowd.count(database.ask(STORED))
            await crowd.close()
            return counted

        return run_coroutine(scene())

    return play


def test_a_replica_that_is_killed_costs_a_second_of_its_answers(
    running: tuple[PostgreSQL, Replicas], play: Play
) -> None:
    _, replicas = running

    async def happens(crowd: Crowd) -> None:
        victim, before = replicas.addresses[0], crowd.replicas()
        replicas.kill(victim)
        await until(lambda: crowd.moved(before) == USERS // 3)
        await crowd.rest()
        errors = [page.errors() for page in crowd.pages]
        assert errors.count([BROKE_OFF]) == USERS // 3
        assert errors.count([]) == USERS - USERS // 3
        await asyncio.to_thread(replicas.start, victim)

    counted = play(happens)
    assert counted == Count(asked=USERS, lost=0, doubled=0, incomplete=USERS // 3, behind=counted.behind, not_shown=0)
    assert counted.behind <= 1 / PAUSE + 1


def test_a_replica_that_is_told_to_end_breaks_no_answer(running: tuple[PostgreSQL, Replicas], play: Play) -> None:
    _, replicas = running

    async def happens(crowd: Crowd) -> None:
        goes, before = replicas.addresses[1], crowd.replicas()
        replicas.kill(goes, signal.SIGTERM)
        await until(lambda: not replicas.is_well(goes))
        assert replicas.processes[goes].poll() is None
        await until(lambda: crowd.moved(before) == USERS // 3)
        await until(lambda: replicas.processes[goes].poll() is not None)
        await crowd.rest()
        await crowd.ask()
        await asyncio.to_thread(replicas.start, goes)

    assert play(happens) == Count(asked=2 * USERS, lost=0, doubled=0, incomplete=0, behind=0, not_shown=0)


def test_all_come_back_when_the_proxy_restarts(running: tuple[PostgreSQL, Replicas], play: Play) -> None:
    _, replicas = running

    async def happens(crowd: Crowd) -> None:
        replicas.kill_proxy()
        await asyncio.to_thread(replicas.start_proxy)
        await until(lambda: all(page.seconds_away for page in crowd.pages))

    assert play(happens) == Count(asked=USERS, lost=0, doubled=0, incomplete=0, behind=0, not_shown=0)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_of_the_database_breaks_no_answer(running: tuple[PostgreSQL, Replicas], play: Play, how: str) -> None:
    database, _ = running

    async def happens(crowd: Crowd) -> None:
        database.stop(how)
        database.start()

    assert play(happens) == Count(asked=USERS, lost=0, doubled=0, incomplete=0, behind=0, not_shown=0)


def test_what_is_asked_while_the_database_is_away_is_stored_when_it_is_back(
    running: tuple[PostgreSQL, Replicas], play: Play
) -> None:
    database, _ = running

    async def happens(crowd: Crowd) -> None:
        database.stop()
        await crowd.rest()
        assert all(page.words() == WORDS for page in crowd.pages)  # they went on
        for page in crowd.pages:
            page.asked.append(f"{page.name} meanwhile")
            await page.say(page.asked[-1])
        await until(lambda: all(SAID in page.errors() for page in crowd.pages))
        await crowd.rest()
        database.start()
        for page in crowd.pages:
            assert page.asked[-1] in [text for _, text in page.transcript()]
            await page.press("Try again")
        await until(lambda: all(page.words() == WORDS for page in crowd.pages))

    assert play(happens) == Count(asked=2 * USERS, lost=0, doubled=0, incomplete=0, behind=0, not_shown=0)


def test_a_database_that_falls_silent_lets_nobody_wait_for_ever(
    app: Path, running: tuple[PostgreSQL, Replicas]
) -> None:
    with Silence(running[0].port) as way:
        url = running[0].url.replace(str(running[0].port), str(way.port))
        process = subprocess.Popen(
            [app / ".venv" / "bin" / "python", "-c", ASKS],
            cwd=app,
            env=os.environ | {"DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout
            assert process.stdout.readline() == "There.\n"
            way.begin()
            assert process.communicate("\n", 60)[0] == f"{AWAY}\n" * 20  # else it would be killed
        finally:
            process.kill()
            process.wait()


def test_a_full_disk_costs_nothing_that_was_asked(app: Path, tmp_path: Path) -> None:
    with model_server(app, WORDS, 0) as server:
        replica = Replicas(app, server.environment | {"DATABASE_URL": f"sqlite:///{tmp_path / 'chats.db'}"}, 1)

        async def scene() -> None:
            page = Page(replica.port)
            await page.open()
            await page.ask()
            await until(lambda: page.words() == WORDS)
            process = replica.processes[replica.addresses[0]]
            full = (tmp_path / "chats.db-wal").stat().st_size  # as if there were no room for more
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
            page.asked.append(f"{page.name} meanwhile")
            await page.say(page.asked[-1])
            await until(lambda: SAID in page.errors() and page.questions() == page.asked)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await page.idle()
            await page.press("Try again")
            await until(lambda: page.words() == WORDS and not page.errors())
            again = Page(replica.port)
            again.cookies, again.query = page.cookies, page.query
            await again.open()
            assert again.questions() == page.asked
            await page.close()
            await again.close()

        try:
            replica.begin()
            run_coroutine(scene())
        finally:
            replica.end()
