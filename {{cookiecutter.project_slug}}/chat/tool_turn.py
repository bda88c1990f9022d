"""A turn in which the model may call tools: it is asked, its calls are made, and it is asked again with the results."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from io import StringIO
from typing import Any, cast
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolCallChunk,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks, add_usage
from langchain_core.runnables import RunnableConfig

from chat.context import context_tokens
from chat.errors import ChatError, is_too_long
from chat.message import clean
#% if "MCP" in cookiecutter.tools
from chat.servers import problems_with_servers, server_tools
#% endif
from chat.session import Chat
from chat.steps import MAX_DRAWN, MAY_RUN, SHOWN_CHARACTERS, Step, as_code, is_open, unfold
from chat.tools import (
    MAX_CHARACTERS,
    clean_data,
    cut,
    in_thread,
    problem_of,
    read_tools,
    safe_name,
    shown,
    told,
    tools_as_read,
)
from chat.turn import Turn
from server.loop import loop

MAX_CALLS = 20  # of one request: each may take a thread
PIECES = 500  # of an answer, kept until it is known whether there are calls in them; more calls than that have no end
NO_JSON = "(no JSON)"  # what arguments that are none stand under
NO_MORE = "Not called: these were too many calls for one answer. Answer with what you have."
NOT_LOADED = "The tools cannot be used: a file in tools/ takes too long to load."
NO_END = "The answer ends here: it has reached the limit of tool calls (tools.rounds in settings.toml)."


class ToolTurn(Turn):
    """One question, the calls that the model makes, and its answer. A call is made once, whatever is tried again.

    What was called is in the answer, as its steps, from the moment of the call on.
    """

    def __init__(self, question: HumanMessage, chat: Chat, problem: ChatError | None = None) -> None:
        """Start; the parameters are those of `start`."""
        self._takes_tools = not chat.model or (chat.model.profile or {}).get("tool_calling") is not False
        self._tools: dict[str, Any] = {}  # each a Tool, by name
        self._problems: list[str] = []
        self._steps: list[Step] = []
        self._pieces: list[AIMessageChunk] = []
        self._unmerged = 0
        self._before, self._chars_before = ("", ""), 0  # thinking and text of earlier rounds; characters, also of calls
        self._drawn = 0
        self._asked: dict[str, asyncio.Future[bool]] = {}
        self._one_at_a_time = asyncio.Lock()
        super().__init__(question, chat, problem)

    def decide(self, step_id: str, allowed: bool) -> None:
        """Take the user's word on a call, which counts if it is still asked."""
        if asked := self._asked.pop(step_id, None):
            loop.call_soon_threadsafe(lambda: asked.done() or asked.set_result(allowed))

    def _visible(self) -> tuple[str, ...]:
        return *super()._visible(), *(step["status"] for step in self._steps)

    def _so_far(self) -> tuple[str, str]:
        thinking, text = ("\n\n".join(filter(None, both)) for both in zip(self._before, super()._so_far(), strict=True))
        return thinking, text

    def _length(self) -> int:
        return self._chars_before + super()._length() + len(self._steps)  # a call is something that came, too

    def _as_sent(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        return [each for message in messages for each in unfold(message)] if self._takes_tools else messages

    async def _answer(self) -> None:
        # In a thread: a file may take long to load, and neither pages nor the loop wait for it.
        if self._takes_tools and self._chat.model and not self._problem:
            try:
                async with asyncio.timeout(self._chat.settings["tools"]["seconds"] or None):
                    self._tools, self._problems = tools_as_read() or await in_thread(read_tools)
            except TimeoutError:
                self._problems = [NOT_LOADED]
            self._takes_tools = bool(self._tools or self._chat.settings.get("servers"))
        await super()._answer()

    async def _reply(
        self, model: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig, **options: Any
    ) -> None:
        limits = self._chat.settings["tools"]
        #% if "MCP" in cookiecutter.tools
        if self._takes_tools:
            self._tools = await server_tools(self._chat.settings) | self._tools  # no server takes a file's place
            self._problems = list(dict.fromkeys([*self._problems, *problems_with_servers()]))
        #% endif
        if self._problems:
            self._state["without"] = " ".join(self._problems)
        if self._tools:
            with suppress(NotImplementedError):  # a class that takes none: it answers all the same
                options |= cast(Any, model.bind_tools([tool.schema for tool in self._tools.values()])).kwargs
        longest = min(MAX_CHARACTERS, context_tokens(model) or MAX_CHARACTERS)  # of a result: a quarter of the context
        work: list[BaseMessage] = []
        for number in range(limits["rounds"] + 2):
            ask = partial(super()._reply, model, config=config, **options)
            await self._ask_once(ask, messages, work)
            if not any(piece.tool_call_chunks for piece in self._pieces):
                return
            said = add_ai_message_chunks(*self._pieces) if len(self._pieces) > 1 else self._pieces[0]
            calls = [_with_strict_arguments(chunk) for chunk in said.tool_call_chunks]
            steps = self._begin(calls[:MAX_CALLS], number) if number < limits["rounds"] else []
            making = (self._make(step, limits, longest) for step in steps)
            made = await asyncio.gather(*making, return_exceptions=True)  # whatever becomes of one, all come to an end
            texts = [text if isinstance(text, str) else problem_of(text) for text in made]
            texts += [NO_MORE] * (len(calls) - len(texts))
            results = [ToolMessage(text, tool_call_id=call["id"]) for call, text in zip(calls, texts, strict=True)]
            work += [_to_send_back(said, calls), *results]
        self._state["ended"] = NO_END

    def _let_go(self) -> None:
        super()._let_go()
        self._pieces = []

    async def _ask_once(
        self, ask: Callable[[list[BaseMessage]], Awaitable[None]], messages: list[BaseMessage], work: list[BaseMessage]
    ) -> None:
        """Ask the model. What is tried again is this, so that no call is made twice."""
        with self._changed:
            self._join()
            self._before = self._state.get("thinking", ""), self.answer.text
            self._chars_before += super()._length()
            self._words, self._thoughts, self._pieces, self._unmerged = StringIO(), StringIO(), [], 0
            self._state.pop("ended", None)
        used = self.answer.usage_metadata
        self.answer.usage_metadata = None
        try:
            await ask([*messages, *work])
        except Exception as error:
            if not (work and is_too_long(error)):
                raise
            system = [message for message in messages[:1] if isinstance(message, SystemMessage)]
            await ask([*system, messages[-1], *work])  # the chat so far makes way
        finally:
            self._add_up(used, self.answer.usage_metadata)

    def _add_up(self, before: UsageMetadata | None, now: UsageMetadata | None) -> None:
        """Count what all requests took together, and what is in the context after the last one."""
        if before and now:
            self._state["context"] = now["total_tokens"]
        self.answer.usage_metadata = add_usage(before, now) if before and now else before or now

    def _grow(self, chunk: AIMessageChunk) -> None:
        if self._tools:
            chunk.additional_kwargs.pop("function_call", None)  # an old protocol's, never called, which may have no end
            self._pieces.append(chunk)
            calls = chunk.tool_call_chunks  # which may have no end, nor their number
            self._chars_before += sum(max(1, len(piece["name"] or "") + len(piece["args"] or "")) for piece in calls)
            self._unmerged += max(1, len(calls))
            if max(len(calls), len(self._pieces[0].tool_call_chunks)) > PIECES:
                self._pieces = []
                self._deadline.reschedule(0)
            elif self._unmerged > PIECES:
                self._pieces, self._unmerged = [add_ai_message_chunks(*self._pieces)], 0
        super()._grow(chunk)

    def _begin(self, calls: list[ToolCall], number: int) -> list[Step]:
        """Put calls into the answer."""
        begun = []
        for call in calls:
            name = call["name"]
            status = "waits" if name in self._tools and self._tools[name].asks_first else "running"
            begun.append(Step(id=uuid4().hex, round=number, name=name, arguments=call["args"], status=status))
        with self._changed:
            self._steps += begun
            self._state["steps"] = self._steps
            self._state.pop("ended", None)  # the answer has not
        return begun

    async def _make(self, step: Step, limits: dict[str, int], longest: int) -> str:
        """Make a call, and return what the model is told."""
        tool, begun = self._tools.get(step["name"]), time.monotonic()
        try:
            if not tool:
                raise LookupError(f"there is no such tool. There are: {', '.join(self._tools)}")
            if NO_JSON in step["arguments"]:
                raise ValueError("the arguments are no JSON object")
            if tool.asks_first and len(as_code(step["arguments"])) > SHOWN_CHARACTERS:
                raise ValueError("arguments this long cannot be shown to the user, who has to allow the call")
            if tool.asks_first:
                async with self._one_at_a_time:
                    refusal = await self._ask_user(step, limits["seconds_to_ask"])
                if refusal:
                    return self._end_step(step, "denied", refusal)
                begun = time.monotonic()
            value = await tool.run(step["arguments"], limits["seconds"])
            drawn = await in_thread(shown, value)
            size = len(json.dumps(drawn))
            drawn = drawn if self._drawn + size < MAX_DRAWN else None
            self._drawn += size if drawn else 0
            status, result = "done", await in_thread(told, value, drawn)
        except Exception as error:
            status, result, drawn = "failed", problem_of(error), None
        seconds = round(time.monotonic() - begun, 1)
        more = {"shown": drawn} if drawn else {}
        return self._end_step(step, status, cut(result, longest), seconds=seconds, **more)

    async def _ask_user(self, step: Step, seconds: int) -> str:
        """Ask whether a call may be made, and return why not."""
        self._asked[step["id"]] = asked = asyncio.get_running_loop().create_future()
        self._change(step, status="asks")
        try:
            async with asyncio.timeout(seconds or None):
                if await asked:
                    self._change(step, status="running")
                    return ""
        except TimeoutError:
            return f"Not called: the user was asked, and did not answer within {seconds} s."
        finally:
            self._asked.pop(step["id"], None)
        return "Not called: the user denied it."

    def _end_step(self, step: Step, status: str, result: str, **more: Any) -> str:
        self._change(step, status=status, result=result, **more)
        return result

    def _change(self, step: Step, **what: Any) -> None:
        with self._changed:
            if is_open(step):  # else the answer has been stopped
                step.update(cast(Step, what))

    def _end(self, status: str, **details: Any) -> None:
        with self._changed:
            for step in filter(is_open, self._steps):
                tool = self._tools.get(step["name"])
                goes_on = step["status"] == "running" and tool and not tool.ends_at_once
                self._end_step(step, "stopped", MAY_RUN if goes_on else "Stopped.")
            super()._end(status, **details)


def _with_strict_arguments(chunk: ToolCallChunk) -> ToolCall:
    """Return a call. LangChain completes half a JSON object, and would call a tool with half a number."""
    arguments = None
    with suppress(ValueError, RecursionError):
        arguments = clean_data(json.loads(chunk["args"] or "{}"))
    arguments = arguments if isinstance(arguments, dict) else {NO_JSON: clean(chunk["args"] or "")}
    return ToolCall(name=safe_name(chunk["name"] or "unnamed"), args=arguments, id=clean(chunk["id"] or uuid4().hex))


def _to_send_back(said: AIMessageChunk, calls: list[ToolCall]) -> AIMessage:
    """Return what the model said as it came, signatures and all; without them where its calls could not be read."""
    read, meant = ([(one["id"], one["name"], one["args"]) for one in each] for each in (said.tool_calls, calls))
    if thoughts := said.additional_kwargs.get("reasoning_content"):  # which OpenAI's protocol sends back
        said.additional_kwargs["reasoning_content"] = clean(thoughts)
    if read == meant and clean(said.text) == said.text:
        return cast(AIMessage, message_chunk_to_message(said))
    return AIMessage(clean(said.text), tool_calls=calls)
