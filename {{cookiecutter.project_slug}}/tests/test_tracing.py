"""Nothing that a test says leaves this machine, even where LangSmith is told to trace whatever LangChain does."""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.conftest import PAGE


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
