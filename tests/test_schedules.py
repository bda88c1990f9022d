"""Does any order of events lose or double a word? Over Streamlit's own WebSocket, with a real HTTP model."""

import asyncio
import random
import re

import pytest

from tests.baking import QUESTIONS, app_tests, install
from tests.running import run_coroutine, running
from tests.streamlit_client import Session

SCHEDULES = 100
AT_ONCE = 8
WORDS = 8
PAUSE = 0.08  # seconds before each word of the model's: an answer takes 0.64 s


def full_answer(question: str) -> str:
    """Return what the model says to a question if nothing ends it early."""
    return " ".join(f"{question}-w{n}" for n in range(WORDS))


async def play(port: int, number: int) -> None:
    """Play one schedule and check what the page shows at its end.

    Parameters:
        port: Where the app listens.
        number: The schedule's number, which is its random seed.
    """
    chance = random.Random(number)
    asked: list[str] = []
    may_be_partial: set[str] = set()  # questions whose answer something may have ended early
    played: list[str] = []

    async with Session(port) as user:

        def shows_whole(question: str) -> bool:
            return ("ai", full_answer(question)) in user.transcript()

        async def ask(kind: str) -> None:
            if asked and not shows_whole(asked[-1]):
                may_be_partial.add(asked[-1])
            asked.append(f"s{number}q{len(asked)}{kind}")
            if kind != "ok":
                may_be_partial.add(asked[-1])
            await user.say(asked[-1])

        for _ in range(chance.randint(3, 6)):
            event = chance.choice(["say", "say", "fail", "cut", "stop", "click", "drop", "again"])
            played.append(event)
            match event:
                case "say":
                    await ask("ok")
                case "fail" | "cut":
                    await ask(event)
                case "stop":
                    if asked and not shows_whole(asked[-1]):
                        may_be_partial.add(asked[-1])
                    await user.press("Stop")
                case "click":
                    await user.click()
                case "drop":
                    await user.drop()
                    await asyncio.sleep(chance.uniform(0.5, 1))  # a browser tries again after 0.5 s at the earliest
                    await user.connect()
                case "again":
                    if await user.press("Try again"):
                        may_be_partial.add(asked[-1])  # what is shown may still be the answer before
            await asyncio.sleep(chance.choice([0, chance.uniform(0, 0.3), chance.uniform(0, 1.2)]))
        try:
            await user.idle()
            await ask("ok")
            async with asyncio.timeout(60):
                while not shows_whole(asked[-1]):  # `idle` alone may mean the run of an earlier event
                    await asyncio.sleep(0.05)
            await user.idle()
        except TimeoutError:
            raise AssertionError(
                f"schedule {number} lost a word or hangs: {played}\n{user.transcript()} {asked}"
            ) from None
        shown = user.transcript()
        trouble = [error for error in user.errors() if error.startswith("!")]

    context = f"schedule {number}: {played}\n{shown}"
    assert not trouble, f"{trouble} {context}"
    assert [text for who, text in shown if who == "human"] == asked, context
    assert [who for who, _ in shown] == ["ai", *["human", "ai"] * len(asked)], context
    for question, (_, answer) in zip(asked, shown[2::2], strict=True):
        whole = full_answer(question)
        assert whole.startswith(answer), context
        assert answer == whole or question in may_be_partial - {asked[-1]}, f"{question} {context}"


async def play_all(port: int) -> None:
    """Play all schedules, some at once, as that many users at one app."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_a_place(number: int) -> None:
        async with places:
            await play(port, number)

    results = await asyncio.gather(*(in_a_place(n) for n in range(SCHEDULES)), return_exceptions=True)
    problems = [result for result in results if isinstance(result, BaseException)]
    assert not problems, f"{len(problems)} of {SCHEDULES} schedules:\n" + "\n\n".join(map(repr, problems[:5]))


@pytest.mark.installs
def test_no_schedule_loses_or_doubles_a_word() -> None:
    app = install(model_provider="openai")
    model_server = app_tests(app)

    class Model(model_server.ModelServer):
        def reply_to(self, question: str) -> object:
            last = question.splitlines()[-1]  # an unanswered question comes before it
            words = tuple(re.findall(r"\S+ ?", full_answer(last)))
            if last.endswith("fail"):
                return model_server.Reply(status=500)
            if last.endswith("cut"):
                return model_server.Reply(words=words[: WORDS // 2], pause=PAUSE, cut=True)
            return model_server.Reply(words=words, pause=PAUSE)

    with Model() as server, running(app, server.environment, "--server.fileWatcherType=none") as port:
        run_coroutine(play_all(port))
        for number in range(len(server.requests)):
            system, greeting, *messages = server.conversation(number)
            assert (system[0], greeting) == ("system", ("assistant", QUESTIONS["greeting"]))
            roles = [role for role, _ in messages]
            assert roles[0::2] == ["user"] * len(roles[0::2])
            assert roles[1::2] == ["assistant"] * len(roles[1::2])
            sessions = {said.partition("q")[0] for _, text in messages for said in text.split()}
            assert len(sessions) == 1, f"one user's words reached another's model: {sessions}"
