"""MCP servers: their tools are called in a session that is kept, and one that is down is a sentence."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from streamlit.testing.v1 import AppTest

from chat import servers
from chat.message import state_of
from chat.model import build_model
from chat.session import Chat
from chat.settings import read_settings
from chat.tool_turn import ToolTurn
from server.loop import loop
from tests.model_server import ModelServer, Reply
from tests.pages import say, wait_until

# One dot.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
SERVER = '''
import os, time
import anyio
from mcp import MCPError
from mcp.server.mcpserver import MCPServer
from mcp.types import ImageContent, ResourceLink, TextContent, ToolAnnotations

server = MCPServer("test")
CALLS = []

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def count() -> str:
    """Count the calls."""
    CALLS.append(1)
    return f"{len(CALLS)} calls in {os.getpid()}"

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def environment() -> str:
    """Tell the environment."""
    return " ".join(os.environ)

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def wait() -> str:
    """Wait."""
    await anyio.sleep(600)
    return "waited"

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def leave() -> str:
    """End the server."""
    os._exit(1)

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def show() -> list:
    """Show a picture."""
    picture = {"type": "image", "data": PICTURE, "mimeType": "image/png"}
    link = {"type": "resource_link", "name": "notes", "uri": "test://notes"}
    kinds = [(TextContent, {"type": "text", "text": "A dot"}), (ImageContent, picture), (ResourceLink, link)]
    return [kind.model_validate(data) for kind, data in kinds]

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def refuse(code: int) -> str:
    """Refuse."""
    raise MCPError(code=code, message="no browser session named x")

@server.tool()
def delete(what: str) -> str:
    """Delete."""
    return f"deleted {what}"

server.run()
'''.replace("PICTURE", repr(PICTURE))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Return the [servers] table of the settings, with a server of the test's own."""
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    monkeypatch.setattr("chat.tools.FOLDER", tmp_path / "no tools")
    monkeypatch.setenv("SHOWN", "x")
    monkeypatch.setenv("SECRET", "x")
    command = [sys.executable, str(tmp_path / "server.py")]
    named: dict[str, Any] = {"own": {"command": command, "environment": ["SHOWN"]}}
    monkeypatch.setitem(read_settings(), "servers", named)
    yield named
    asyncio.run_coroutine_threadsafe(servers.server_tools({}), loop).result()


def turn_with(server: ModelServer, *calls: str) -> ToolTurn:
    """Start a turn in which the model calls these at once."""
    needed = {"own_delete": '{"what": "x"}', "own_refuse": '{"code": -32000}'}
    made = tuple((name, needed.get(name, "{}")) for name in calls)
    replies = iter([Reply((), calls=made)] if calls else [])
    server.reply_to = lambda question: next(replies, Reply())
    chat = Chat(session_key="without a page", model=build_model(read_settings(), server.key))
    chat.history.clear()
    return ToolTurn(HumanMessage("Why?"), chat)


def results(server: ModelServer, *calls: str) -> list[str]:
    """Return what the model is told of its calls."""
    turn = turn_with(server, *calls)
    wait_until(lambda: not turn.running)
    assert turn.answer.text == "Hello from the model.", state_of(turn.answer)
    return [result for *_, result in server.calls()]


def test_a_session_is_kept_and_shows_the_server_no_secrets(server: ModelServer, named: dict[str, Any]) -> None:
    (first,) = results(server, "own_count")
    second, environment = results(server, "own_count", "own_environment")
    assert (first[0], second[0]) == ("1", "2")
    assert first.split()[-1] == second.split()[-1]
    assert "SHOWN" in environment
    assert "SECRET" not in environment


def test_what_is_not_marked_as_harmless_asks_first(server: ModelServer, named: dict[str, Any]) -> None:
    turn = turn_with(server, "own_delete")
    wait_until(lambda: [step["status"] for step in state_of(turn.answer).get("steps", [])] == ["asks"])
    turn.decide(state_of(turn.answer)["steps"][0]["id"], True)
    wait_until(lambda: not turn.running)
    assert server.calls()[0][2] == "deleted x"
    named["own"]["ask_first"] = []
    assert results(server, "own_delete") == ["deleted x"]


@pytest.mark.parametrize("name", ["count", "own_count"])
def test_a_tool_that_is_to_ask_first_does_under_either_name(
    server: ModelServer, named: dict[str, Any], name: str
) -> None:
    named["own"]["ask_first"] = [name]
    turn = turn_with(server, "own_count")
    wait_until(lambda: [step["status"] for step in state_of(turn.answer).get("steps", [])] == ["asks"])
    turn.stop()


def test_a_wrong_name_under_ask_first_is_a_sentence(named: dict[str, Any], page: AppTest, server: ModelServer) -> None:
    named["own"]["ask_first"] = ["delet"]
    assert "has no tool delet" in say(page, "Hello").warning[0].value
    assert all(tool.asks_first for one in servers._servers.values() for tool in one.tools)


def test_one_name_under_ask_first_needs_no_list(named: dict[str, Any], page: AppTest, server: ModelServer) -> None:
    named["own"] |= {"ask_first": "count", "env": {}}
    assert "that mean nothing" in say(page, "Hello").warning[0].value
    (asked,) = [tool.name for one in servers._servers.values() for tool in one.tools if tool.asks_first]
    assert asked == "own_count"


def test_a_tool_without_arguments_has_the_schema_that_providers_want(named: dict[str, Any]) -> None:
    told = SimpleNamespace(name="list", description="List.", input_schema={"type": "object"}, annotations=None)
    tool = servers._Server._tool(SimpleNamespace(name="own", _how={}, _call=print), told)  # ty: ignore[invalid-argument-type]
    assert tool.schema["function"]["parameters"] == {"type": "object", "properties": {}}


def test_a_default_that_json_has_no_word_for_is_sent_as_a_text() -> None:
    schema = {"type": "object", "properties": {"most": {"type": "number", "default": float("inf")}}}
    told = SimpleNamespace(name="list", description="List.", input_schema=schema, annotations=None)
    tool = servers._Server._tool(SimpleNamespace(name="own", _how={}, _call=print), told)  # ty: ignore[invalid-argument-type]
    assert '"default": "Infinity"' in json.dumps(tool.schema, allow_nan=False)


def test_stop_ends_a_call_and_the_session_goes_on(server: ModelServer, named: dict[str, Any]) -> None:
    (first,) = results(server, "own_count")
    turn = turn_with(server, "own_wait")
    wait_until(lambda: state_of(turn.answer).get("steps"))
    turn.stop()
    assert state_of(turn.answer)["steps"][0]["result"] == "Stopped."
    assert results(server, "own_count")[0].split()[-1] == first.split()[-1]


def test_a_call_that_is_refused_ends_nobodys_session(server: ModelServer, named: dict[str, Any]) -> None:
    (first,) = results(server, "own_count")
    waiting = turn_with(server, "own_wait")
    wait_until(lambda: state_of(waiting.answer).get("steps"))
    assert "no browser session named x" in results(server, "own_refuse")[0]
    assert results(server, "own_count")[0].split()[-1] == first.split()[-1]
    assert waiting.running
    waiting.stop()


def test_a_list_without_an_end_is_not_read_on_and_on() -> None:
    async def page(**_: Any) -> Any:
        return SimpleNamespace(tools=[], next_cursor="more")

    client = SimpleNamespace(list_tools=page)
    with pytest.raises(OverflowError):
        asyncio.run(servers._Server._list(SimpleNamespace(_client=client)))  # ty: ignore[invalid-argument-type]


def test_of_two_tools_with_the_same_name_the_first_is_offered(
    server: ModelServer, named: dict[str, Any], tmp_path: Path
) -> None:
    more = "".join(f"""
@server.tool(name={name!r})
def {word}() -> str:
    return {word!r}
""" for name, word in (("delete.file", "one"), ("delete_file", "two")))  # fmt: skip
    (tmp_path / "server.py").write_text(SERVER.replace("server.run()", f"{more}\nserver.run()"), encoding="utf-8")
    named["own"]["ask_first"] = ["delete.file"]
    turn = turn_with(server, "own_delete_file")
    wait_until(lambda: [step["status"] for step in state_of(turn.answer).get("steps", [])] == ["asks"])
    turn.decide(state_of(turn.answer)["steps"][0]["id"], True)
    wait_until(lambda: not turn.running)
    assert server.calls()[0][2] == "one"
    said = "Of the MCP tools called own_delete_file, only the first is offered."
    assert state_of(turn.answer)["without"] == said


def test_a_picture_and_other_data_come_along(server: ModelServer, named: dict[str, Any]) -> None:
    turn = turn_with(server, "own_show")
    wait_until(lambda: not turn.running)
    (step,) = state_of(turn.answer)["steps"]
    assert "picture" in step["shown"]
    assert "A dot" in server.calls()[0][2]
    assert "test://notes" in server.calls()[0][2]
    assert "(A picture, which the user is shown.)" in server.calls()[0][2]


def test_a_server_takes_no_files_place(server: ModelServer, named: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "no tools").mkdir()
    source = 'def own_count() -> str:\n    """Count."""\n    return "mine"\n'
    (tmp_path / "no tools" / "own.py").write_text(source, encoding="utf-8")
    assert results(server, "own_count") == ["mine"]


def test_a_server_that_ends_is_started_again(server: ModelServer, named: dict[str, Any]) -> None:
    (first,) = results(server, "own_count")
    assert "Error" in results(server, "own_leave")[0]
    assert results(server, "own_count")[0].split()[-1] != first.split()[-1]


@contextmanager
def listening(port: int) -> Generator[None]:
    """Run the server at this port."""
    script = SERVER.replace("server.run()", f"server.run('streamable-http', host='127.0.0.1', port={port})")
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
            yield
        finally:
            process.kill()


def test_a_server_with_an_address(server: ModelServer, named: dict[str, Any]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    named["own"] = {"url": f"http://127.0.0.1:{port}/mcp"}
    with listening(port):
        assert max(results(server, "own_count", "own_count")).startswith("2 calls")  # in either order
    with listening(port):  # it has forgotten the session
        results(server, "own_count")  # which may be an error
        assert "calls in" in results(server, "own_count")[0]
    assert "Error" in results(server, "own_count")[0]


def test_a_server_with_an_address_may_want_a_token(
    server: ModelServer, named: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str | None] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.headers["Authorization"])
            self.send_error(401)

    monkeypatch.setenv("OWN_TOKEN", "secret")
    with HTTPServer(("127.0.0.1", 0), Refusing) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{http.server_port}/mcp"
        named["own"] = {"url": url, "headers": {"Authorization": "Bearer $OWN_TOKEN"}}
        turn = turn_with(server)
        wait_until(lambda: not turn.running)
        http.shutdown()
    assert set(sent) == {"Bearer secret"}
    assert "secret" not in state_of(turn.answer)["without"]


def test_a_server_that_is_down_is_a_sentence(named: dict[str, Any], page: AppTest, server: ModelServer) -> None:
    named["own"]["command"] = ["no-such-command"]
    assert say(page, "Hello").chat_message[-1].markdown[-1].value == "Hello from the model."
    assert "MCP server own cannot be used" in page.warning[0].value
    assert "own" not in json.dumps(server.tools())


def test_a_server_that_does_not_answer_is_waited_for_once(
    named: dict[str, Any], page: AppTest, server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "STARTS_WITHIN", 0)
    hangs = "import pathlib, time\nwhile not pathlib.Path(__file__).with_name('go').exists(): time.sleep(0.01)\n"
    (tmp_path / "server.py").write_text(hangs + SERVER, encoding="utf-8")
    say(page, "Hello")
    assert "MCP server own is not responding" in page.warning[0].value
    monkeypatch.setattr(servers, "STARTS_WITHIN", 600)  # for which nobody waits now
    assert say(page, "Hello").chat_message[-1].markdown[-1].value == "Hello from the model."
    assert "own" not in json.dumps(server.tools())
    (tmp_path / "go").touch()
    wait_until(lambda: all(one.tools for one in servers._servers.values()))
    assert not say(page, "Hello").warning
    assert "own_count" in server.tools()


def test_a_server_that_could_not_be_used_is_tried_again(
    named: dict[str, Any], server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "TRIED_AGAIN_AFTER", 0.1)
    (tmp_path / "server.py").write_text("raise SystemExit", encoding="utf-8")
    assert results(server) == []
    assert server.tools() == []
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    wait_until(lambda: all(one.tools for one in servers._servers.values()))
    assert results(server, "own_count")[0].startswith("1 calls")
