# /// script
# requires-python = ">=3.11"
# dependencies = ["langchain-core>=1.7,<2", "langchain-openai>=1.7,<2", "uvloop>=0.22,<0.24"]
# ///
"""What do the layers of the memory guide's chain cost? `uv run --no-project benchmarks/chain.py [--rounds 5]`.

No page and no other server: the processor time of this process for an answer of 20 tokens, 40 answers at once, from
the model server beside it, in the app's loop; medians over the rounds (minimum to maximum), the layers in turn.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import median
from typing import Any

import openai
import uvloop
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_openai import ChatOpenAI
from model_server import question

AT_ONCE, ANSWERS = 40, 200
ASKED = question(20, 0.2, "u0")


def layers() -> dict[str, Callable[[], AsyncIterator[Any]]]:
    """Return what is measured: each asks once, through one layer more than the one before."""
    client, model = openai.AsyncOpenAI(), ChatOpenAI(stream_usage=True)
    prompt = ChatPromptTemplate.from_messages(
        [("system", "You are a chatbot."), MessagesPlaceholder("history"), ("human", "{question}")]
    )

    async def ask_client() -> AsyncIterator[Any]:
        messages: Any = [{"role": "user", "content": ASKED}]
        async for chunk in await client.chat.completions.create(model="m", messages=messages, stream=True):
            yield chunk

    async def take_all(prompt: Any) -> str:
        async for _ in model._astream(prompt.to_messages()):
            pass
        return ""

    def ask_with_history(answers: Any) -> AsyncIterator[Any]:
        chain = RunnableWithMessageHistory(
            prompt | answers,
            lambda: InMemoryChatMessageHistory(),
            input_messages_key="question",
            history_messages_key="history",
        )
        return chain.astream({"question": ASKED})

    return {
        "openai's client": ask_client,
        "ChatOpenAI": lambda: model.astream(ASKED),
        "prompt \\| ChatOpenAI": lambda: (prompt | model).astream({"question": ASKED, "history": []}),
        "RunnableWithMessageHistory(prompt \\| ChatOpenAI)": lambda: ask_with_history(model),
        "the same, keeping no piece, as in the app": lambda: ask_with_history(RunnableLambda(take_all)),
    }


async def milliseconds(ask: Callable[[], AsyncIterator[Any]]) -> float:
    """Return the processor time for an answer."""

    async def read() -> None:
        async for _ in ask():
            pass

    begin = time.process_time()
    for _ in range(ANSWERS // AT_ONCE):
        await asyncio.gather(*(read() for _ in range(AT_ONCE)))
    return (time.process_time() - begin) / ANSWERS * 1000


async def measure(rounds: int) -> None:
    """Print a table."""
    asks = layers()
    results: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(rounds + 1):
        for name, ask in asks.items():
            taken = await milliseconds(ask)
            if number:  # the first round warms up
                results[name].append(taken)
    print("| layers | CPU for an answer of 20 tokens |\n|---|---|")
    for name, taken in results.items():
        print(f"| {name} | {median(taken):.1f} ms ({min(taken):.1f} to {max(taken):.1f}) |")


def main() -> None:
    """Start the model server, measure, and end it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    warnings.filterwarnings("ignore", ".* deprecated")  # of what the guide uses
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, Path(__file__).with_name("model_server.py"), str(port)])
    os.environ |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(rounds))
    finally:
        server.kill()


if __name__ == "__main__":
    main()
