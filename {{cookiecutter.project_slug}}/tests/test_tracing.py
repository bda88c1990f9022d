"""What LangSmith is told: of a user's questions what LangChain says where it is told to trace, of tests' nothing."""

import asyncio
import os
import subprocess
import sys
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from threading import Thread
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import RunnableConfig

from chat.chain import build_chain, pieces_of
from chat.history import InMemoryChatMessageHistory
from chat.model import build_model
from chat.settings import read_settings
from server.loop import loop
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply


def test_no_test_traces() -> None:
    calls: list[object] = []
    handler = type("Handler", (BaseHTTPRequestHandler,), {"log_message": lambda *said: calls.append(said)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as langsmith:
        Thread(target=langsmith.serve_forever, daemon=True).start()
        endpoint = {"LANGSMITH_ENDPOINT": f"http://127.0.0.1:{langsmith.server_port}", "LANGSMITH_API_KEY": "secret"}
        names = [f"{family}_{name}" for family in ("LANGSMITH", "LANGCHAIN") for name in ("TRACING", "TRACING_V2")]
        command = [sys.executable, "-m", "pytest", "-q", "-m", "smoke", "-k", "session_key"]
        environment = os.environ | dict.fromkeys(names, "true") | endpoint
        subprocess.run(command, cwd=PAGE.parent, env=environment, check=True)
        langsmith.shutdown()
    assert calls == []


class Tracer(BaseCallbackHandler):
    """Notes what the model is asked and what it answers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
        self.seen.append(messages[0][-1].text)

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.seen.append(response.generations[0][0].text)


@pytest.mark.parametrize("tracers", [[Tracer()], []])
def test_a_tracer_sees_the_models_call_and_without_one_no_piece_is_kept(
    server: ModelServer, tracers: list[Tracer]
) -> None:
    server.reply = Reply(words=tuple(f"{number} " for number in range(100)))
    pieces: list[weakref.ref[AIMessageChunk]] = []
    kept: list[int] = []
    text = StringIO()

    async def take(messages: list[BaseMessage], config: RunnableConfig) -> None:
        async for piece in pieces_of(model, messages, config):
            pieces.append(weakref.ref(piece))
            kept.append(sum(each() is not None for each in pieces))
            text.write(piece.text)

    model = build_model(read_settings(), server.key)
    chain = build_chain(model, "", InMemoryChatMessageHistory(), take)
    asked = chain.ainvoke({"question": "Are you there?"}, {"callbacks": [*tracers]})
    asyncio.run_coroutine_threadsafe(asked, loop).result()
    assert text.getvalue() == "".join(server.reply.words)
    assert [tracer.seen for tracer in tracers] == [["Are you there?", text.getvalue()]] * len(tracers)
    assert tracers or max(kept) < 10
