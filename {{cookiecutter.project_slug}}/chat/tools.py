"""What the model may do: the public functions in tools/*.py. An edited file counts from the next question on."""

import asyncio
import base64
import contextvars
import inspect
import io
import json
import logging
import math
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from numbers import Integral, Real
from types import FunctionType, ModuleType, coroutine
from typing import Any, TypeVar, get_type_hints

from langchain_core.utils.function_calling import convert_to_openai_tool
from PIL import Image, ImageOps
from pydantic import ValidationError, validate_call

from chat.files import MAX_MEGAPIXELS, PICTURES
from chat.message import clean
from chat.settings import ROOT

FOLDER = ROOT / "tools"
CHARTS = ("line", "bar", "area", "scatter")
MAX_ROWS, MAX_COLUMNS = 1_000, 50  # that the page draws
MAX_PASSAGES = 20
SIDE = 1200  # pixels, at most, of a picture on the page
MAX_DEPTH = 50  # of data; Python itself copies no more than some hundreds
ANCHOR = r"#passage-[a-z0-9-]{1,40}"
MAX_CHARACTERS = 20_000  # of a result, for the model and on the page
NOTE_OF_CUT = 50  # characters, at most: what has been cut is not cut again
FIX = "Fix it, and your next question will use it"
TRIED_AGAIN_AFTER = 10  # seconds: a file that could not be loaded, though nobody has edited it
LATE_SECONDS = 0.2  # an `async def` that keeps everybody's answers waiting for so long is named in the log

Returned = TypeVar("Returned")
_lock = threading.Lock()
_latest: dict[tuple[Any, ...], tuple[float, dict[str, "Tool"], list[str]]] = {}
_warn_once = lru_cache(maxsize=100)(logging.getLogger(__name__).warning)


class ToolError(Exception):
    """Why a file in tools/ cannot be used, as a sentence."""


@dataclass(frozen=True)
class Tool:
    """What the model can call.

    Parameters:
        schema: What the model is told, in the form that every `bind_tools` takes.
        call: Takes the model's arguments, checks them, and returns the result, or what to await for it.
        ends_at_once: Whether it can be stopped in the middle, as a coroutine can, and a plain function cannot.
        asks_first: Whether the user is asked before each call.
    """

    schema: dict[str, Any]
    call: Callable[..., Any]
    ends_at_once: bool
    asks_first: bool

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.schema["function"]["name"]

    async def run(self, arguments: dict[str, Any], seconds: float) -> Any:
        """Return what the function returns; anything else it does is raised as an Exception."""
        try:
            async with asyncio.timeout(seconds or None) as limit:
                if self.ends_at_once:
                    return await _named_if_late(self.name, self.call(**arguments))
                value = await in_thread(self.call, **arguments)
                if inspect.iscoroutine(value):  # of an `async def` within a plain decorator
                    return await _named_if_late(self.name, value)
                return await in_thread(list, value) if inspect.isgenerator(value) else value
        except TimeoutError as error:
            if not limit.expired():
                raise
            late = f"it took more than {seconds} s" + ("" if self.ends_at_once else ", and may still run")
            raise TimeoutError(late) from error
        except Exception:
            raise
        except BaseException as error:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            raise RuntimeError("the tool ended itself") from error


def tools_as_read() -> tuple[dict[str, Tool], list[str]] | None:
    """Return what `read_tools` has returned last, if no file has changed since."""
    begun, tools, problems = _latest.get(_stamp(), (0.0, {}, ["not read"]))
    return (tools, problems) if not problems or time.monotonic() < begun + TRIED_AGAIN_AFTER else None


def _stamp() -> tuple[Any, ...]:
    """Return what changes with the files; a new one each time if they cannot be looked at."""
    try:
        with os.scandir(FOLDER) as entries:
            found = [(one.name, one.stat()) for one in entries if one.name.endswith(".py") and one.name[0] != "."]
        return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))
    except OSError:
        return (("", object()),)


def read_tools() -> tuple[dict[str, Tool], list[str]]:
    """Return the tools by name, and a sentence for each file that cannot be used. It may take long to load one."""
    tools: dict[str, Tool] = {}
    problems, stamp = [], _stamp()
    helpers = tuple(each for each in stamp if each[0].startswith("_"))
    _forget(helpers)
    for file in sorted(FOLDER.glob("[!_.]*.py")):
        try:
            source = file.read_text(encoding="utf-8")
            with _lock:  # no file is run twice at once
                found, others = _load(file.name, source, helpers)
            if taken := [tool.name for tool in found if tool.name in tools]:
                raise ToolError(f"another file already has {taken[0]}(). {FIX}")
            tools |= {tool.name: tool for tool in found}
            if others:
                said = f"cannot offer {', '.join(others)}: a tool is a plain function, other names begin with _."
                problems.append(f"tools/{file.name} {said}")
        except (ToolError, OSError, ValueError) as error:
            problem = error if isinstance(error, ToolError) else f"it cannot be read as UTF-8. {FIX}"
            problems.append(f"tools/{file.name} cannot be used: {problem}.")
    for problem in problems:
        _warn_once(problem)
    _latest.clear()
    _latest[stamp] = time.monotonic(), tools, problems
    return tools, problems


@lru_cache(maxsize=1)
def _forget(helpers: tuple[Any, ...]) -> None:
    """Let helpers be imported anew if one has changed."""
    for name in [name for name in sys.modules if name.startswith("tools._")]:
        del sys.modules[name]


@lru_cache(maxsize=100)  # keeps no failure: what a file lacked may be there by now
def _load(name: str, source: str, helpers: tuple[Any, ...] = ()) -> tuple[list[Tool], list[str]]:
    """Run a file, and return its tools, and the names of objects that may have been meant as tools.

    By its text: Python's own cache misses a quick edit.

    Parameters:
        name: The file's.
        source: Its text.
        helpers: What changes with those files whose names begin with _, which it may import.

    Raises:
        ToolError: It cannot be used.
    """
    path = str(FOLDER / name)
    module = ModuleType(f"tools.{name.removesuffix('.py')}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses and pydantic look there; Streamlit would watch it
    try:
        exec(compile(source, path, "exec"), module.__dict__)
        public = [(name, each) for name, each in vars(module).items() if name[0] != "_"]
        functions = [(name, each) for name, each in public if isinstance(each, FunctionType)]
        own = [each for name, each in functions if (each.__module__, each.__name__) == (module.__name__, name)]
        others = [name for name, each in public if getattr(_wrapped(each), "__module__", "") == module.__name__]
        return [_tool(function, bool(getattr(module, "ASK_FIRST", False))) for function in own], others
    except ToolError as error:
        raise ToolError(f"{error}. {FIX}") from None
    except BaseException as error:  # a file must not end the app
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        # Of another error's text, nobody knows what is in it.
        what = error.msg if isinstance(error, SyntaxError) else getattr(error, "name", "")
        problem = f"{f'line {line}, ' if line else ''}{type(error).__name__}{f' ({what})' if what else ''}"
        problem += f". {'Install it, then restart the app' if isinstance(error, ImportError) else FIX}"
        raise ToolError(problem) from error
    finally:
        sys.modules.pop(module.__name__, None)


def _wrapped(value: Any) -> Any:
    """Return the function in what is none itself: a partial, LangChain's tool, a function wrapped by a cache."""
    inside = {} if isinstance(value, FunctionType | type) else getattr(value, "__dict__", {})
    inner = inside.get("__wrapped__") or inside.get("func") or inside.get("coroutine")
    return value.func if isinstance(value, partial) else inner


def _tool(function: FunctionType, asks_first: bool) -> Tool:
    where = f"line {function.__code__.co_firstlineno}, `{function.__name__}`"
    parameters = inspect.signature(function).parameters.values()
    if safe_name(function.__name__) != function.__name__:
        raise ToolError(f"{where} has a name that models do not take: at most 64 letters from a to z, digits and _")
    if not (function.__doc__ or "").strip():
        raise ToolError(f"{where} has no docstring, which tells the model what it does")
    if starred := [each.name for each in parameters if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]:
        raise ToolError(f"{where} takes any number of arguments ({', '.join(starred)}): make that a list")
    if untyped := [each.name for each in parameters if each.annotation is each.empty]:
        raise ToolError(f"{where} has no type for {', '.join(untyped)}")
    waits = inspect.iscoroutinefunction(function)
    try:
        function.__annotations__ = get_type_hints(function, include_extras=True)  # those that are texts, too
        tool = Tool(for_any_provider(convert_to_openai_tool(function)), validate_call(function), waits, asks_first)
        json.dumps(tool.schema, ensure_ascii=False, allow_nan=False).encode()  # as it is sent
    except Exception as error:  # whatever a type, a default or the docstring leads to
        said = str(error).partition("\n")[0]
        raise ToolError(f"{where} cannot be offered: {type(error).__name__}: {said}") from error
    if tool.schema["function"]["parameters"]["properties"].keys() != {each.name for each in parameters}:
        raise ToolError(f"{where} has a parameter that no model can give: before a /, with a _ in front, or callbacks")
    return tool


def for_any_provider(schema: Any) -> Any:
    """Return a schema whose choices, unless they are texts, are described: Gemini's client refuses them otherwise."""
    if isinstance(schema, list):
        return [for_any_provider(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: for_any_provider(each) for name, each in schema.items()}
    if isinstance(choices := schema.get("enum"), list) and not all(isinstance(each, str) for each in choices):
        del schema["enum"]
        schema["description"] = f"{schema.get('description', '')} One of {json.dumps(choices)}.".strip()
    return schema


def safe_name(name: str) -> str:
    """Return a name that any provider takes; a model may call whatever it wants."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "_"


async def in_thread(function: Callable[..., Returned], /, *args: Any, **arguments: Any) -> Returned:
    """Return what a function returns that may block. A thread of its own: a pool is full when some block for long."""
    future: Future[Returned] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(function(*args, **arguments))
        except BaseException as error:  # SystemExit would end the loop's thread, and no future takes StopIteration
            ordinary = isinstance(error, Exception) and not isinstance(error, StopIteration)
            future.set_exception(error if ordinary else RuntimeError(type(error).__name__))

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="tool", daemon=True).start()
    return await asyncio.wrap_future(future)


@coroutine
def _named_if_late(name: str, steps: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Drive a coroutine, and name it in the log if it blocks: then everybody's answers wait for it."""
    value, error = None, None
    while True:
        begun = time.monotonic()
        try:
            awaited = steps.throw(error) if error else steps.send(value)
        except StopIteration as end:
            return end.value
        finally:
            if time.monotonic() - begun > LATE_SECONDS:
                late = "The tool %s blocks: as an `async def` it holds up everybody's answers. Make it a plain `def`."
                logging.getLogger(__name__).warning(late, name)
        try:
            value, error = (yield awaited), None
        except BaseException as thrown:
            error = thrown


def problem_of(error: BaseException) -> str:
    """Return what the model is told of an error."""
    if isinstance(error, ValidationError):  # without the values, which it knows, and addresses of pydantic's pages
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
        return f"Error: {'; '.join(wrong)}"
    with suppress(Exception):  # it may fail to say what it is
        return f"Error: {type(error).__name__}: {error}"
    return f"Error: {type(error).__name__}"


def told(value: Any, drawn: Any) -> str:
    """Return what the model is told of a result, and of what the page draws of it."""
    picture = "(A picture, which the user is shown.)" if drawn else "(Data that cannot be shown.)"
    match value:
        case None:
            return "(done)"
        case str():
            return value or "(done)"
        case bytes():
            with suppress(UnicodeDecodeError):  # what a command has printed, say
                return picture if drawn else value.decode() or "(done)"
            return picture
        case {"picture": _, "text": text} if drawn or value.keys() == {"picture", "text"}:
            return f"{text}\n{picture}"
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def clean_data(value: Any) -> Any:
    """Return JSON's values without what cannot be drawn, sent and stored.

    Raises:
        ValueError: They are nested more than MAX_DEPTH deep.
    """
    _check_depth(value, MAX_DEPTH)
    return json.loads(clean(json.dumps(value, ensure_ascii=False)), parse_constant=str)  # NaN is none of its values


def _check_depth(value: Any, most: int) -> None:
    if not most:
        raise ValueError("too deeply nested")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(each, most - 1)


def cut(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return a text of so many characters at most, which says so where it ends early."""
    more = len(text) - most
    return clean(f"{text[:most]}\n(cut here: {more:,} characters more)" if more > NOTE_OF_CUT else text)


def shown(value: Any, most_pixels: int = MAX_MEGAPIXELS * 1_000_000) -> Any:
    """Return what the page draws of a result beside its text: a table, a chart or a picture, or else nothing.

    A table is a list of rows, a chart `{"chart": "line", "rows": rows}` with "x" and "y" if need be (a column's name,
    or a list of them), a picture the bytes of a PNG, JPEG, GIF or WebP. An answer's links lead to passages:
    `{"passages": [{"source": …, "text": …, "cite": "[…](#passage-…)"}]}`. An import goes through this, too.
    """
    match value:
        case bytes():
            return _picture(value, most_pixels)
        case {"picture": str(encoded)}:
            with suppress(ValueError):
                return _picture(base64.b64decode(encoded, validate=True), most_pixels)
        case {"chart": kind, "rows": rows} if kind in CHARTS and (rows := _rows(rows)):
            columns = {axis: value[axis] for axis in ("x", "y") if _are_columns(value.get(axis), rows)}
            texts = [name for name, cell in rows[0].items() if isinstance(cell, str)]  # the months, say
            return {"chart": kind, "rows": rows, **({"x": texts[0]} if texts else {}), **columns}
        case {"passages": list() as found}:
            return {"passages": [one for each in found[:MAX_PASSAGES] if (one := _passage(each))]} if found else None
        case {"rows": rows} | (list() as rows) if rows := _rows(rows):
            return {"rows": rows}
    return None


def _rows(value: Any) -> list[dict[str, Any]]:
    """Return a table's first rows, or none if it is no table."""
    rows = value[:MAX_ROWS] if isinstance(value, list) else []
    if not all(isinstance(row, dict) and all(isinstance(name, str) for name in row) for row in rows):
        return []
    cells = [{clean(name): _cell(row[name]) for name in list(row)[:MAX_COLUMNS]} for row in rows]
    for name in {name for row in cells for name in row}:
        column = [row for row in cells if row.get(name) is not None]
        if len({isinstance(row[name], str) for row in column}) > 1:  # a column that is drawn has one type
            for row in column:
                row[name] = str(row[name])
    return cells


def _cell(value: Any) -> Any:
    if isinstance(value, Real | Decimal) and not isinstance(value, int | float):  # numpy's, PostgreSQL's
        with suppress(ValueError, OverflowError):
            value = int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # a gap
    return value if isinstance(value, bool | int | float | None) else cut(str(value), 500)


def _passage(value: Any) -> dict[str, str] | None:
    match value:
        case {"source": str(source), "text": str(text), "cite": str(cite)} if anchor := re.search(ANCHOR, cite):
            return {"source": cut(source, 300), "text": cut(text), "cite": anchor[0]}
    return None


def _are_columns(names: Any, rows: list[dict[str, Any]]) -> bool:
    named = names if isinstance(names, list) else [names]
    return bool(named) and all(isinstance(name, str) and name in rows[0] for name in named)


def _picture(data: bytes, most_pixels: int) -> dict[str, str] | None:
    with suppress(Exception):  # whatever a decoder stumbles over
        picture = Image.open(io.BytesIO(data), formats=list(PICTURES))
        if picture.width * picture.height <= most_pixels:
            picture.thumbnail((SIDE, SIDE), reducing_gap=None)  # with a gap, a 16-bit picture fails
            mode, kind = ("RGBA", "PNG") if picture.has_transparency_data else ("RGB", "JPEG")
            ImageOps.exif_transpose(picture).convert(mode).save(copy := io.BytesIO(), kind)
            return {"picture": base64.b64encode(copy.getvalue()).decode()}
    return None
