"""Tools of MCP servers, which settings.toml names under [servers.NAME]. One session with each is kept for everybody."""

import asyncio
import base64
import json
import os
import time
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from chat.steps import safe_name
from chat.tools import Tool, in_thread
from server.kept import keep

STARTS_WITHIN = 30  # seconds: a server's package may have to be downloaded first
TRIED_AGAIN_AFTER = 60  # seconds

_servers: dict[str, "_Server"] = keep("MCP servers", dict)


class _Server:
    """A session, which has to be opened and closed in one task."""

    def __init__(self, name: str, how: Mapping[str, Any]) -> None:
        self.name, self._how = name, how
        self.problem, self.begun = "", time.monotonic()
        self.tools: list[Tool] = []
        self.known = asyncio.Event()
        self._task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        try:
            mcp: Any = await in_thread(import_module, "mcp")  # which takes a second
            target = self._how["url"] if "url" in self._how else mcp.stdio_client(self._parameters(mcp))
            async with mcp.Client(target) as client:
                self.tools = [self._tool(client, tool) for tool in (await client.list_tools()).tools]
                self.known.set()
                await asyncio.Event().wait()
        except Exception as error:
            self.problem = f"The MCP server {self.name} cannot be used ({type(error).__name__}): see settings.toml."
        finally:
            self.tools = []
            self.known.set()

    def _parameters(self, mcp: Any) -> Any:
        command, *arguments = self._how["command"]
        # Beside what each program needs, a server sees the variables that are named here, and no others.
        shown = {name: os.environ[name] for name in self._how.get("environment", []) if name in os.environ}
        return mcp.StdioServerParameters(command=command, args=arguments, env=shown)

    def _tool(self, client: Any, tool: Any) -> Tool:
        name = safe_name(f"{self.name}_{tool.name}")
        description = (tool.description or tool.name)[:1000]
        function = {"name": name, "description": description, "parameters": tool.input_schema}
        asked = self._how.get("ask_first")
        harmless = bool(tool.annotations and tool.annotations.read_only_hint)
        asks_first = not harmless if asked is None else tool.name in asked
        call = partial(self._call, client, tool.name)
        return Tool({"type": "function", "function": function}, call, ends_at_once=True, asks_first=asks_first)

    async def _call(self, client: Any, tool_name: str, /, **arguments: Any) -> Any:
        mcp: Any = import_module("mcp")
        try:
            result = await client.call_tool(tool_name, arguments)
        except mcp.MCPError as error:
            if error.error.code == -32000:  # the connection is closed; the next question opens another
                self.end()
            raise
        said = "\n".join(block.text for block in result.content if block.type == "text")
        if result.is_error:
            raise RuntimeError(said)
        pictures = [base64.b64decode(block.data) for block in result.content if block.type == "image"]
        return said or next(iter(pictures), None)

    def end(self) -> None:
        """Close the session; the next question opens another."""
        self._task.cancel()
        for key in [key for key, server in _servers.items() if server is self]:
            del _servers[key]


async def server_tools(settings: Mapping[str, Any]) -> dict[str, Tool]:
    """Return the servers' tools by name; a server that does not start in time has none yet."""
    named = settings.get("servers", {})
    wanted = {json.dumps([name, how], sort_keys=True): (name, how) for name, how in named.items()}
    for key, server in list(_servers.items()):
        again = server.problem and time.monotonic() - server.begun > TRIED_AGAIN_AFTER
        if key not in wanted or again:
            server.end()
    for key, (name, how) in wanted.items():
        if key not in _servers:
            _servers[key] = _Server(name, how)
    servers = [_servers[key] for key in wanted]
    if servers:
        await asyncio.wait([asyncio.create_task(server.known.wait()) for server in servers], timeout=STARTS_WITHIN)
    return {tool.name: tool for server in servers for tool in server.tools}


def problem_with_servers() -> str:
    """Return a sentence for each server that cannot be used."""
    return " ".join(server.problem for server in list(_servers.values()) if server.problem)
