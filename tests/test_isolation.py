"""Do two users' tools and their answers stay apart? With a real server, over the page's own protocol."""

import asyncio
import itertools
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.baking import app_tests, copy_app, install
from tests.running import run_coroutine, running
from tests.streamlit_client import Session

TURNS = int(os.environ.get("TURNS", "40"))  # of both users together; 2,000 of them take half an hour
TOOLS = '''
def say(what: str) -> str:
    """Say it."""
    return what
'''
ASKS = '''
from pathlib import Path
ASK_FIRST = True

def send(what: str) -> str:
    """Send."""
    with Path(__file__).with_name("sent").open("a") as file:
        file.write(f"{what}\\n")
    return f"sent {what}"
'''


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something on a page; a busy machine gets five minutes for it."""
    async with asyncio.timeout(300):
        while not condition():
            await asyncio.sleep(0.02)


def own(user: Session, name: str) -> bool:
    """Say whether a page shows nothing of anybody else's: arguments, results and answers."""
    shown = " ".join(str(delta) for delta in user._deltas.values())
    return {word for word in re.findall(r"\b(Ann|Bob) \d+", shown)} <= {name}


async def talk(user: Session, name: str, allowed: list[str]) -> None:
    """Ask again and again, and allow every other call, each at its own time."""
    chance = random.Random(name)
    for number in range(TURNS // 2):
        what, allows = f"{name} {number}", chance.random() < 0.5
        if number % 20 == 19:  # else the chat would grow long
            await user.press("New chat")
            await user.idle(300)
        await user.say(f"Send {what}")
        await until(lambda: user.sees("button", "Allow"))
        await asyncio.sleep(chance.random() / 20)
        assert own(user, name)
        await user.press("Allow" if allows else "Deny")
        allowed += [what] * allows
        await until(lambda what=what: user.transcript()[-1] == ("ai", f"Done: {what}."))
        await until(lambda: not user.sees("button", "Stop") and not user.sees("button", "Allow"))
        assert own(user, name)


@pytest.mark.installs
def test_no_ones_tools_or_approvals_reach_another(tmp_path: Path) -> None:
    made = install(model_provider="openai", tools="files")
    app = copy_app(made, tmp_path / "app")
    (app / "tools" / "say.py").write_text(TOOLS, encoding="utf-8")
    (app / "tools" / "mail.py").write_text(ASKS, encoding="utf-8")
    settings = app / "settings.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("questions_per_minute = 30", "questions_per_minute = 0"), encoding="utf-8")
    reply = app_tests(made).Reply

    def reply_to(question: str) -> Any:
        """Call both tools for a question, and answer with the second one's result."""
        if question.startswith("Send "):
            arguments = json.dumps({"what": question.removeprefix("Send ")})
            return reply((), calls=(("send", arguments), ("say", arguments)))
        return reply((f"Done: {question}.",))

    allowed: dict[str, list[str]] = {"Ann": [], "Bob": []}

    async def both(port: int) -> None:
        async with Session(port) as ann, Session(port) as bob:
            await asyncio.gather(talk(ann, "Ann", allowed["Ann"]), talk(bob, "Bob", allowed["Bob"]))

    with app_tests(made).ModelServer() as server, running(app, server.environment) as port:
        server.reply_to = reply_to
        run_coroutine(both(port))
        told = [call[2] for number in range(len(server.requests)) for call in server.calls(number)]
    sent = (app / "tools" / "sent").read_text(encoding="utf-8").split("\n")[:-1]
    assert sorted(sent) == sorted(itertools.chain(*allowed.values()))
    assert "Not called: the user denied it." in told
