"""What the first visitor would wait for is done as the server starts; what is in progress may end before it does."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from chat.model import MODELS
from chat.settings import read_settings
from server import lifespan
from server.lifespan import WarmUp, ending, let_end
from tests.model_server import ModelServer, Reply
from tests.pages import say, transcript, wait_until

on_unix = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows ends a process without asking")


@pytest.fixture(autouse=True)
def _garbage_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture(autouse=True)
def _nothing_ends() -> Iterator[None]:
    yield
    ending.clear()


def test_the_model_is_made_and_what_is_imported_is_no_garbage(server: ModelServer) -> None:
    before = gc.get_freeze_count()
    warm_up = WarmUp("chat.turn", "chat.session:prepare")
    warm_up.start()
    warm_up.join()
    assert len(MODELS) == 1
    assert gc.get_freeze_count() > before
    assert gc.get_threshold()[0] == 5_000


@pytest.fixture
def told() -> Iterator[list[int]]:
    """Stand in for the server, which hears signals before the app does."""
    told: list[int] = []
    names = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(name, lambda number, _: told.append(number)) for name in names]
    yield told
    for name, handler in zip(names, before, strict=True):
        signal.signal(name, handler)


async def _tell(told: list[int], name: signal.Signals, *tasks: Future[Any]) -> None:
    """Tell a server with these tasks to end; let the first of them end, and wait for the server."""
    async with asyncio.timeout(30):
        async with WarmUp().lifespan(None):
            os.kill(os.getpid(), name)
            while not ending.is_set():
                await asyncio.sleep(0.01)
            if tasks:
                await asyncio.sleep(1)  # not what is shown: it only gives a hasty end the time to come
                assert not told
                tasks[0].set_result(None)
            while not told:
                await asyncio.sleep(0.01)


@on_unix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_an_answer_may_end_before_the_server(told: list[int], name: str, caplog: pytest.LogCaptureFixture) -> None:
    let_end(lasting := Future(), 60)
    let_end(endless := Future(), 0)
    asyncio.run(_tell(told, signal.Signals[name], lasting, endless))
    assert told == [signal.SIGTERM]
    assert endless.cancelled()
    assert not lasting.cancelled()
    assert name in caplog.text


@on_unix
def test_a_server_that_answers_nobody_ends_at_once(told: list[int]) -> None:
    asyncio.run(_tell(told, signal.SIGTERM))
    assert told == [signal.SIGTERM]


@on_unix
def test_a_server_without_a_terminal_outlives_it(told: list[int]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does

    async def lose_the_terminal() -> None:
        async with WarmUp().lifespan(None):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)  # heard after it
            while not told:
                await asyncio.sleep(0.01)

    asyncio.run(lose_the_terminal())
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_an_app_that_another_server_runs_leaves_its_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def begin() -> None:
        async with WarmUp().lifespan(None):
            pass

    thread = threading.Thread(target=lambda: asyncio.run(begin()))  # where no signals can be heard
    thread.start()
    thread.join()
    asyncio.run(begin())
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_answer_has_the_seconds_of_the_settings(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(words=("Some ", "words"), pause=0.5)
    ending.set()
    say(page, "Hello")
    assert "The server is restarting" in page.warning[0].value
    assert transcript(page)[-1] == ("ai", "Some words")
    wait_until(lambda: not lifespan._in_progress)


def test_an_answer_that_cannot_end_in_time_is_kept_as_far_as_it_came(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(words=("Some ", "words"), stall=60)
    asked = threading.Thread(target=say, args=(page, "Hello"))
    asked.start()
    wait_until(lambda: server.requests)
    wait_until(lambda: lifespan._in_progress)
    (task, seconds), *_ = lifespan._in_progress.items()
    assert seconds == read_settings()["shutdown_seconds"]
    wait_until(lambda: page.session_state[read_settings()["session_key"]][-1].text == "Some words")
    task.cancel()
    asked.join()
    assert transcript(page)[-1] == ("ai", "Some words")
    assert "interrupted" in page.error[0].value
