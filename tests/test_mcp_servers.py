"""Do the tools of others' MCP servers work? Those of the protocol's own authors, over stdio and over HTTP."""

import json
import os
import re
import shutil
from typing import Any

import pytest

from tests.baking import install, run

pytestmark = pytest.mark.installs
EVERYTHING = "@modelcontextprotocol/server-everything"
# Calls each tool of a server as a turn does, and prints what the model and the user get of it.
SCRIPT = """
import asyncio, json, os, subprocess, sys
from chat import servers
from chat.tools import problem_of, shown, told
from server.loop import loop

how, arguments, beside = map(json.loads, sys.argv[1:])
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ | {"KEY": ""}}
process = subprocess.Popen(beside, **quiet) if beside else None

async def call(tool, name):
    try:
        value = await tool.run(arguments.get(name, {}), 60)
    except Exception as error:
        value = problem_of(error)
    drawn = shown(value)
    return told(value, drawn), bool(drawn), tool.asks_first

async def call_all():
    servers.TRIED_AGAIN_AFTER = 0.2  # until it listens
    while not (tools := await servers.server_tools({"servers": {"x": how}})):
        await asyncio.sleep(0.2)
    results = {name[2:]: await call(tool, name[2:]) for name, tool in tools.items()}
    await servers.server_tools({})
    return results

try:
    print("RESULTS", json.dumps(asyncio.run_coroutine_threadsafe(call_all(), loop).result(120)))
finally:
    if process:
        process.kill()
"""
GIVEN = {
    "echo": {"message": "Hi"},
    "get-sum": {"a": 1, "b": 2},
    "get-annotated-message": {"messageType": "success", "includeImage": True},
    "get-resource-links": {"count": 2},
    "get-resource-reference": {"resourceType": "Text", "resourceId": 1},
    "get-structured-content": {"location": "Chicago"},
    "gzip-file-as-resource": {"name": "x.gz", "data": "data:text/plain;base64,aGVsbG8=", "outputType": "resource"},
    "trigger-long-running-operation": {"duration": 1, "steps": 2},
}
SAID = {
    "echo": "Echo: Hi",
    "get-sum": "The sum of 1 and 2 is 3.",
    "get-annotated-message": "completed successfully",
    "get-env": "PATH",
    "get-resource-links": "resource_link",
    "get-resource-reference": "demo://resource/dynamic/text/1",
    "get-structured-content": "temperature",
    "get-tiny-image": "(Data that cannot be shown.)",  # a PNG file with a wrong checksum
    "gzip-file-as-resource": "x.gz",
    "simulate-research-query": "Error",  # it takes tasks, which the app has not
    "toggle-simulated-logging": "logging",
    "toggle-subscriber-updates": "updates",
    "trigger-long-running-operation": "completed",
}


@pytest.fixture(autouse=True)
def _only_with_all_providers(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--all-providers"):
        pytest.skip("takes others' packages: --all-providers")


def results(how: Any, arguments: Any, *, beside: Any = None, around: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what each tool's call comes to: what the model is told, whether there is a picture, whether it asks."""
    app = install(model_provider="openai", tools="files and MCP servers")
    given = [json.dumps(each) for each in (how, arguments, beside)]
    python = (str(app / ".venv" / "bin" / "python"), "-c", SCRIPT, *given)
    said = run(*around, *python, cwd=app, env={"PYTHONPATH": str(app), "KEY": "secret value"}).stdout
    return json.loads(next(line for line in said.splitlines() if line.startswith("RESULTS")).partition(" ")[2])


def check_everything(found: dict[str, Any]) -> None:
    """Check the results of server-everything."""
    assert {name for name, says in SAID.items() if says in found.get(name, [""])[0]} == set(SAID)
    assert not found["echo"][2]
    assert found["gzip-file-as-resource"][2]
    assert "secret value" not in json.dumps(found)


@pytest.mark.skipif(not shutil.which("npx"), reason="takes Node.js: apt-get install nodejs npm")
def test_server_everything_over_stdio() -> None:
    check_everything(results({"command": ["npx", "-y", EVERYTHING, "stdio"]}, GIVEN))


@pytest.mark.skipif(not shutil.which("npx") or not shutil.which("ip"), reason="takes Node.js and iproute2")
def test_server_everything_over_http() -> None:
    app = install(model_provider="openai", tools="files and MCP servers")
    run("npx", "-y", "--package", EVERYTHING, "node", "--version", cwd=app)  # which downloads it
    # It listens on all interfaces whatever it is told, so it gets a network in which there is only loopback.
    alone = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    beside = ["npx", "--offline", "-y", EVERYTHING, "streamableHttp"]
    check_everything(results({"url": "http://127.0.0.1:3001/mcp"}, GIVEN, beside=beside, around=alone))


def test_mcp_server_time() -> None:
    given = {
        "get_current_time": {"timezone": "Europe/Oslo"},
        "convert_time": {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"},
    }
    reach = [name for name in os.environ if re.search("^UV_|PROXY|CERT", name.upper())]
    found = results({"command": ["uvx", "mcp-server-time"], "environment": reach}, given)
    assert "Europe/Oslo" in found["get_current_time"][0]
    assert "21:00" in found["convert_time"][0]
