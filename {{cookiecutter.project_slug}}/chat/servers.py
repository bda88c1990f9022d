"""Tools of MCP servers, which settings.toml names under [servers.NAME]. One session with each is kept for everybody."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from string import Template
from typing import Any

from chat.tools import Tool, clean_data, for_any_provider, in_thread, safe_name
from server.kept import keep

STARTS_WITHIN = 30  # seconds: a server's package may have to be downloaded first
READ_WITHIN = 300  # seconds, as the SDK itself has it: a server may hold an answer open
TRIED_AGAIN_AFTER = 60  # seconds
ENTRIES = {"command", "url", "headers", "environment", "ask_first"}
MAX_PAGES = 100  # of a server's list of tools, which might have no end

_servers: dict[str, "_Server"] = keep("MCP servers", dict)


class _Server:
    """A session, which has to be opened and closed in one task; `known` is set once there is one, or a problem."""

    def __init__(self, name: str, how: Mapping[str, Any]) -> None:
        asked = how.get("ask_first")
        self.name = name
        self._how: Mapping[str, Any] = {**how, "ask_first": [asked]} if isinstance(asked, str) else how
        self._client: Any = None
        self.problem = ""
        self.tools: list[Tool] = []
        self.known, self._lost = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            self._lost.clear()
            try:
                mcp: Any = await in_thread(import_module, "mcp")  # which takes a second, and so does what it
                await in_thread(import_module, "jsonschema")  # imports at the first result that has a schema
                async with self._target(mcp) as target, mcp.Client(target) as self._client:
                    self.tools = [self._tool(tool) for tool in await self._list()]
                    self.problem = self._unknown()
                    self.known.set()
                    await self._lost.wait()
            except Exception as error:
                self.problem = f"The MCP server {self.name} cannot be used ({type(error).__name__}): see settings.toml."
            self.tools = []
            if not self._lost.is_set():
                self.known.set()
                await asyncio.sleep(TRIED_AGAIN_AFTER)

    @asynccontextmanager
    async def _target(self, mcp: Any) -> AsyncGenerator[Any]:
        """Give what the client connects to."""
        if "url" not in self._how:
            command, *arguments = self._how["command"]
            # Beside what each program needs, a server sees the variables that are named here, and no others.
            shown = {name: os.environ[name] for name in self._how.get("environment", []) if name in os.environ}
            yield mcp.stdio_client(mcp.StdioServerParameters(command=command, args=arguments, env=shown))
        elif headers := self._how.get("headers"):
            sent = {name: Template(text).substitute(os.environ) for name, text in headers.items()}
            httpx2: Any = import_module("httpx2")
            timeout = httpx2.Timeout(STARTS_WITHIN, read=READ_WITHIN)
            async with httpx2.AsyncClient(headers=sent, timeout=timeout) as client:
                connect = import_module("mcp.client.streamable_http").streamable_http_client
                yield connect(self._how["url"], http_client=client)
        else:
            yield self._how["url"]

    async def _list(self) -> list[Any]:
        found, cursor = [], None
        for _ in range(MAX_PAGES):
            page = await self._client.list_tools(cursor=cursor)
            found += page.tools
            if not (cursor := page.next_cursor):
                return found
        raise OverflowError

    def _tool(self, tool: Any) -> Tool:
        name = safe_name(f"{self.name}_{tool.name}")
        description = (tool.description or tool.name)[:1000]
        parameters = {"type": "object", "properties": {}, **tool.input_schema}  # OpenAI refuses one without the two
        told = {"name": name, "description": description, "parameters": parameters}
        function = for_any_provider(clean_data(told))
        asked = self._how.get("ask_first")
        harmless = bool(tool.annotations and tool.annotations.read_only_hint)
        asks_first = not harmless if asked is None else any(name in self._names(each) for each in asked)
        call = partial(self._call, tool.name)
        return Tool({"type": "function", "function": function}, call, ends_at_once=True, asks_first=asks_first)

    def _names(self, asked: str) -> set[str]:
        """Return what models may know a tool as that `ask_first` names: with the server's name, or without."""
        return {safe_name(asked), safe_name(f"{self.name}_{asked}")}

    def _unknown(self) -> str:
        """Return what is to be said of names under `ask_first` that no tool has: nobody knows what they meant."""
        names = {tool.name for tool in self.tools}
        unknown = [each for each in self._how.get("ask_first", []) if not self._names(each) & names]
        if not unknown:
            odd = ", ".join(self._how.keys() - ENTRIES)
            return f"The MCP server {self.name} has entries in settings.toml that mean nothing: {odd}." if odd else ""
        self.tools = [replace(tool, asks_first=True) for tool in self.tools]
        missing = f"The MCP server {self.name} has no tool {', '.join(unknown)}"
        return f"{missing}, so each of its tools asks first: correct ask_first in settings.toml."

    async def _call(self, tool_name: str, /, **arguments: Any) -> Any:
        mcp: Any = import_module("mcp")
        client = self._client
        try:
            result = await client.call_tool(tool_name, arguments)
        except mcp.MCPError as error:
            if error.error.code == -32000 or "session" in error.error.message.lower():
                try:
                    await client.list_tools(cache_mode="bypass")  # it may have meant this call alone
                except Exception:
                    # The connection is closed, or the server no longer knows the session: another is opened, once.
                    if client is self._client:
                        self.known.clear()
                        self._lost.set()
            raise
        said = "\n".join(map(_text, filter(lambda block: block.type != "image", result.content)))
        if not said and result.structured_content is not None:
            said = json.dumps(result.structured_content, ensure_ascii=False)
        if result.is_error:
            raise RuntimeError(said)
        picture = next((block.data for block in result.content if block.type == "image"), None)
        return {"text": said, "picture": picture} if picture else said


def _text(block: Any) -> str:
    if block.type == "text":
        return block.text
    said = block.model_dump(mode="json", exclude_none=True)  # a resource, say
    inside = said.get("resource", said)
    for name in {"data", "blob"} & inside.keys():  # in Base64, which would leave no room for the rest
        inside[name] = f"({len(inside[name]):,} characters that are no text)"
    return json.dumps(said, ensure_ascii=False)


async def server_tools(settings: Mapping[str, Any]) -> dict[str, Tool]:
    """Return the servers' tools by name; nobody waits twice for a server that does not answer."""
    named = settings.get("servers", {})
    wanted = {json.dumps([name, how], sort_keys=True): (name, how) for name, how in named.items()}
    for key in _servers.keys() - wanted.keys():
        _servers.pop(key).task.cancel()
    servers = [_servers.get(key) or _servers.setdefault(key, _Server(name, how)) for key, (name, how) in wanted.items()]
    with suppress(TimeoutError):
        async with asyncio.timeout(STARTS_WITHIN):
            for server in servers:
                await server.known.wait()
    for server in servers:
        if not server.known.is_set():
            server.problem = f"The MCP server {server.name} is not responding: its tools can be used once it does."
            server.known.set()
    tools = [tool for server in servers for tool in server.tools]
    return {tool.name: tool for tool in [*tools, *reversed(tools)]}  # in their order; of a name, the first


def problems_with_servers() -> list[str]:
    """Return a sentence for each server that cannot be used, and one for tools that have the same name."""
    names = Counter(tool.name for server in _servers.values() for tool in server.tools)
    several = [f"Of the MCP tools called {name}, only the first is offered." for name in names if names[name] > 1]
    return [server.problem for server in _servers.values() if server.problem] + several
