"""The model calls tools: each call is made once and told to the model, whatever it, the tool or the user does."""

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolCall, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from PIL import Image

from chat.context import count_tokens
from chat.message import state_of
from chat.model import build_model
from chat.session import Chat
from chat.settings import read_settings
from chat.steps import Step
from chat.tool_turn import MAX_CALLS, NO_MORE, ToolTurn, _to_send_back, _with_strict_arguments
from chat.tools import FIX, _load, read_tools
from tests.model_server import ModelServer, Reply, protocol
from tests.pages import wait_until

WAITS = pytest.mark.skipif(
    not getattr(protocol, "RETRY_AFTER_IS_SEEN", True), reason="this provider's client passes on no header"
)
TOOLS = '''
import asyncio, functools, threading, time
RUNS, LET_GO = [], threading.Event()

def pay(amount: int, to: str = "nobody") -> str:
    """Pay."""
    RUNS.append(amount)
    return f"{amount} paid to {to}"

def fail() -> str:
    """Fail."""
    raise RuntimeError("no luck")

def leave() -> str:
    """End the app."""
    raise SystemExit

def no_more() -> str:
    """Look for one where there is none."""
    return next(iter([]))

def wait() -> str:
    """Block."""
    RUNS.append("waits")
    LET_GO.wait(60)
    return "waited"

def at_once() -> None:
    """Do nothing."""

def much() -> str:
    """Return much."""
    return "x" * 500_000

def rows() -> list[dict]:
    """Return a table."""
    return [{"name": "Ann", "age": 5}]

async def sleep(seconds: float) -> str:
    """Sleep."""
    RUNS.append("sleeps")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        RUNS.append("ended")
        raise
    return "slept"

def named(function: str, name: str, arguments: int) -> str:
    """Take what our own functions take, too."""
    return f"{function} {name} {arguments}"

def no_number() -> list[dict]:
    """Return what JSON has no word for."""
    return [{"x": float("nan"), "y": float("inf")}]

def _decorated(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return function(*args, **kwargs)
    return call

@_decorated
async def later() -> str:
    """Return it later."""
    await asyncio.sleep(0)
    return "came later"

def several() -> list[str]:
    """Return several."""
    yield "one"
    yield "two"

def printed() -> bytes:
    """Return what a command has printed."""
    return b"some text"

def product() -> dict:
    """Return what has the address of a picture."""
    return {"title": "A cat", "text": "It sleeps.", "picture": "https://example.org/cat.png"}

async def block() -> str:
    """Block everybody."""
    time.sleep(0.3)
    return "blocked"

async def interrupt() -> str:
    """End the app, too."""
    raise KeyboardInterrupt

class Frame:
    """What compares with a text as a table of pandas does."""

    def __eq__(self, other):
        raise ValueError("ambiguous")

    def __str__(self):
        return "a frame"

class Odd(Exception):
    """What fails to say what it is."""

    def __str__(self):
        raise ValueError("no word")

def odd() -> str:
    """Raise it."""
    raise Odd

def frame() -> Frame:
    """Return it."""
    return Frame()

def photo() -> bytes:
    """Return a picture as a camera takes it."""
    import io, os
    from PIL import Image
    Image.frombytes("RGB", (1600, 1200), os.urandom(1600 * 1200 * 3)).save(file := io.BytesIO(), "JPEG")
    return file.getvalue()
'''


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of the tools: here a test's own."""
    monkeypatch.setattr("chat.tools.FOLDER", tmp_path)
    _load.cache_clear()  # a module of the test's own
    (tmp_path / "some.py").write_text(TOOLS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Return the [tools] table of the settings, to be changed."""
    limits = dict(read_settings()["tools"])
    monkeypatch.setitem(read_settings(), "tools", limits)
    return limits


def noted(tool: str, name: str) -> Any:
    """Return what the file of a tool has under a name."""
    call: Any = read_tools()[0][tool].call
    return call.__wrapped__.__globals__[name]


def runs() -> list[Any]:
    """Return what the tools note of their runs."""
    return noted("pay", "RUNS")


def let_go() -> None:
    """Let the tools that block go on."""
    noted("pay", "LET_GO").set()


def begin(server: ModelServer, *replies: Reply, earlier: int = 0) -> ToolTurn:
    """Start a turn without a page, in which the model gives these replies and the usual one at last."""
    said = iter(replies)
    server.reply_to = lambda question: next(said, Reply())
    chat = Chat(session_key="without a page", model=build_model(read_settings(), server.key))
    chat.history.clear()
    for number in range(earlier):
        answer = AIMessage(f"Answer {number}", id=str(number), response_metadata={"status": "complete"})
        chat.history.add_messages([HumanMessage(f"Question {number}?"), answer])
    return ToolTurn(HumanMessage("Why?"), chat)


def ended(turn: ToolTurn) -> ToolTurn:
    """Wait for a turn's end."""
    wait_until(lambda: not turn.running)
    return turn


def steps(turn: ToolTurn) -> list[Step]:
    """Return a turn's steps."""
    return state_of(turn.answer).get("steps", [])


def call(name: str, *more: tuple[str, str], **arguments: Any) -> Reply:
    """Return a reply that calls a tool, without a word."""
    return Reply((), calls=((name, json.dumps(arguments)), *more))


def test_the_model_is_told_what_a_tool_returned(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, Reply(("Let me", " pay."), calls=(("pay", '{"amount": 5, "to": "Ann"}'),))))
    assert turn.answer.text == "Let me pay.\n\nHello from the model."
    assert state_of(turn.answer)["status"] == "complete"
    assert {"pay", "fail", "sleep"} <= set(server.tools(0))
    assert server.calls() == [("pay", {"amount": 5, "to": "Ann"}, "5 paid to Ann")]
    (step,) = steps(turn)
    assert (step["name"], step["status"], step["result"]) == ("pay", "done", "5 paid to Ann")


def test_two_calls_at_once_and_another_round(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, call("pay", ("sleep", '{"seconds": 0.1}'), amount=1), call("pay", amount=2)))
    assert [(name, result) for name, _, result in server.calls()] == [
        ("pay", "1 paid to nobody"),
        ("sleep", "slept"),
        ("pay", "2 paid to nobody"),
    ]
    assert [step["round"] for step in steps(turn)] == [0, 0, 1]
    assert turn.answer.text == "Hello from the model."


@WAITS
def test_a_call_is_made_once_though_the_provider_asks_to_wait(server: ModelServer, folder: Path) -> None:
    turn = begin(server, call("pay", amount=5), Reply(status=429, headers=(("Retry-After", "1"),)))
    assert ended(turn).answer.text == "Hello from the model."
    assert runs() == [5]


def test_a_call_is_made_once_though_the_chat_is_too_long(server: ModelServer, folder: Path) -> None:
    long = Reply(status=400, code="context_length_exceeded", message="prompt is too long")
    turn = begin(server, call("pay", amount=5), long, earlier=4)
    assert ended(turn).answer.text == "Hello from the model."
    assert runs() == [5]
    assert "Question 3?" in json.dumps(server.requests[1])
    assert "Question 3?" not in json.dumps(server.requests[-1])
    assert len(server.calls()) == 1


def test_a_call_is_made_once_though_nothing_makes_the_chat_short_enough(server: ModelServer, folder: Path) -> None:
    long = Reply(status=400, code="context_length_exceeded", message="prompt is too long")
    turn = ended(begin(server, *[call("pay", amount=5), long, long] * 3, earlier=4))
    assert "too long" in state_of(turn.answer)["error"]
    assert runs() == [5]


def test_a_model_that_does_not_stream_calls_tools(server: ModelServer, folder: Path) -> None:
    said = [AIMessage("", tool_calls=[ToolCall(name="pay", args={"amount": 5}, id="1")]), AIMessage("Done.")]
    chat = Chat(session_key="without a page", model=FakeMessagesListChatModel(responses=said))
    chat.history.clear()
    assert ended(ToolTurn(HumanMessage("Why?"), chat)).answer.text == "Done."
    assert runs() == [5]


def test_a_turn_that_fails_after_a_call_keeps_it(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, call("pay", amount=5), Reply(status=404, code="model_not_found")))
    assert state_of(turn.answer)["status"] == "failed"
    assert steps(turn)[0]["result"] == "5 paid to nobody"
    assert runs() == [5]


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("fail", "{}", "Error: RuntimeError: no luck"),
        ("leave", "{}", "Error: RuntimeError: SystemExit"),
        ("no_more", "{}", "Error: RuntimeError: StopIteration"),
        ("nothing", "{}", "Error: LookupError: there is no such tool. There are: pay, fail,"),
        ("pay", '{"amount": "a lot"}', "Error: amount: Input should be a valid integer"),
        ("pay", '{"amount": 1, "how": 2}', "Error: how: Unexpected keyword argument"),
        ("pay", "{}", "Error: amount: Missing required argument"),
        ("at_once", "{}", "(done)"),
        ("rows", "{}", '[{"name": "Ann", "age": 5}]'),
        ("named", '{"function": "f", "name": "n", "arguments": 1}', "f n 1"),
        ("no_number", "{}", '[{"x": NaN, "y": Infinity}]'),
        ("interrupt", "{}", "Error: RuntimeError: the tool ended itself"),
        ("odd", "{}", "Error: Odd"),
        ("multi_tool_use.parallel", "{}", "Error: LookupError: there is no such tool."),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(
    server: ModelServer, folder: Path, name: str, arguments: str, told: str
) -> None:
    turn = ended(begin(server, Reply((), calls=((name, arguments),))))
    assert server.calls()[0][2].startswith(told)
    assert steps(turn)[0]["result"].startswith(told)
    assert turn.answer.text == "Hello from the model."


def test_an_answer_that_a_call_ends_waits_for_the_others(
    server: ModelServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tool_turn.problem_of", lambda _: {}["no such name"])
    turn = ended(begin(server, call("sleep", ("fail", "{}"), seconds=0.5)))
    assert state_of(turn.answer)["status"] == "failed"
    assert steps(turn)[0]["result"] == "slept"


def test_a_result_that_compares_oddly_is_told(server: ModelServer, folder: Path) -> None:
    assert [step["status"] for step in steps(ended(begin(server, call("frame"))))] == ["done"]
    assert "a frame" in server.calls()[0][2]


@pytest.mark.skipif(getattr(protocol, "SENDS_ARGUMENTS_WHOLE", False), reason="its arguments are no text")
@pytest.mark.parametrize(
    "arguments",
    ['{"amount": 50', '{"amount": ', "[5]", '"5"', "5", '{"to": ' + "[" * 600 + "]" * 600 + "}", "[" * 100_000],
    ids=["half", "less", "a list", "a text", "a number", "too deep", "much too deep"],
)
def test_no_tool_is_called_with_half_of_its_arguments(server: ModelServer, folder: Path, arguments: str) -> None:
    turn = ended(begin(server, Reply((), calls=(("pay", arguments), ("at_once", "{}")))))
    assert [step["status"] for step in steps(turn)] == ["failed", "done"]
    assert "no JSON object" in server.calls()[0][2]
    assert runs() == []
    assert turn.answer.text == "Hello from the model."


@pytest.mark.skipif(getattr(protocol, "REFUSES_HALVES", False), reason="this client refuses half a character")
@pytest.mark.skipif(getattr(protocol, "SENDS_ARGUMENTS_WHOLE", False), reason="its arguments are no text")
def test_half_a_character_stops_no_call(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, Reply(("Half \ud83d",), calls=(("pay", '{"amount": 5, "to": "\\ud83d"}'),))))
    assert [step["status"] for step in steps(turn)] == ["done"]
    assert turn.answer.text.endswith("Hello from the model.")


def test_an_answer_has_no_more_tables_than_can_be_kept(
    server: ModelServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.tool_turn.MAX_DRAWN", 100)
    turn = ended(begin(server, call("rows"), call("photo"), call("rows"), call("rows")))
    assert ["shown" in step for step in steps(turn)] == [True, False, True, False]
    assert "cannot be shown" in server.calls()[1][2]


def test_a_photo_is_drawn(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, call("photo")))
    assert "which the user is shown" in server.calls()[0][2]
    picture = Image.open(io.BytesIO(base64.b64decode(steps(turn)[0]["shown"]["picture"])))
    assert (picture.size, picture.format) == ((1200, 900), "JPEG")


def test_a_result_is_cut_and_says_so(server: ModelServer, folder: Path) -> None:
    ended(begin(server, call("much")))
    result = server.calls()[0][2]
    assert len(result) < 20_100
    assert result.endswith("480,000 characters more)")


def test_the_calls_are_bounded(server: ModelServer, folder: Path, limits: dict[str, int]) -> None:
    limits["rounds"] = 2
    turn = begin(server, *[Reply(("Hm.",), calls=(("pay", json.dumps({"amount": number})),)) for number in range(9)])
    assert "tools.rounds" in state_of(ended(turn).answer)["ended"]
    assert runs() == [0, 1]
    assert [result for *_, result in server.calls()][2:] == [NO_MORE]

    runs().clear()
    many = Reply((), calls=(("pay", '{"amount": 1}'),) * (MAX_CALLS + 5))
    ended(begin(server, many))
    assert len(runs()) == MAX_CALLS
    assert [result for *_, result in server.calls()].count(NO_MORE) == 5


@pytest.mark.skipif(getattr(protocol, "SENDS_ARGUMENTS_WHOLE", False), reason="its arguments are no text")
def test_endless_arguments_end(server: ModelServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(read_settings(), "answer_characters", 1000)
    turn = ended(begin(server, Reply((), calls=(("pay", "x" * 2000),), stall=1)))
    assert "reached the limit" in state_of(turn.answer)["ended"]
    assert steps(turn) == []


class Streaming(FakeMessagesListChatModel):
    """A model that streams these pieces in each answer."""

    pieces: Any

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for piece in self.pieces():
            yield ChatGenerationChunk(message=piece)
            await asyncio.sleep(0)  # as for the network


def answer_of(pieces: Any) -> ToolTurn:
    """Return the turn of a model that streams these pieces."""
    chat = Chat(session_key="without a page", model=Streaming(responses=[], pieces=pieces))
    chat.history.clear()
    return ended(ToolTurn(HumanMessage("Why?"), chat))


@pytest.mark.parametrize(("step", "calls", "most"), [(0, 1, 100), (1, 1, 0), (1000, 1000, 0)])
def test_calls_without_an_end_end(
    server: ModelServer, folder: Path, monkeypatch: pytest.MonkeyPatch, step: int, calls: int, most: int
) -> None:
    monkeypatch.setitem(read_settings(), "answer_characters", most)

    def piece(first: int) -> AIMessageChunk:
        chunks = [tool_call_chunk(name="", args="", index=first + number) for number in range(calls)]
        return AIMessageChunk(content="", tool_call_chunks=chunks)

    turn = answer_of(lambda: map(piece, count(0, step)))
    assert "reached the limit" in state_of(turn.answer)["ended"]
    assert steps(turn) == []


def test_calls_of_an_old_protocol_are_dropped(server: ModelServer, folder: Path) -> None:
    calls: Any = iter([[tool_call_chunk(name="pay", args='{"amount": 5}', index=0, id="1")], []])
    said: Any = ("x", {})  # which cannot be merged
    old = [AIMessageChunk(content="Hm. ", additional_kwargs={"function_call": each}) for each in said]
    turn = answer_of(lambda: [*old, AIMessageChunk(content="", tool_call_chunks=next(calls))])
    assert turn.answer.text == "Hm. Hm. \n\nHm. Hm. "
    assert runs() == [5]


def test_half_a_character_in_a_calls_id_is_replaced() -> None:
    assert _with_strict_arguments(tool_call_chunk(name="pay", args="{}", id="a\ud83d"))["id"] == "a\ufffd"


def test_a_tool_that_takes_too_long_is_ended(server: ModelServer, folder: Path, limits: dict[str, int]) -> None:
    limits["seconds"] = 1
    turn = ended(begin(server, call("sleep", ("wait", "{}"), seconds=60)))
    let_go()
    assert "more than 1 s" in steps(turn)[0]["result"]
    assert "may still run" not in steps(turn)[0]["result"]
    assert "may still run" in steps(turn)[1]["result"]
    assert turn.answer.text == "Hello from the model."


def test_stop_ends_a_coroutine_at_once_and_closes_the_steps(server: ModelServer, folder: Path) -> None:
    turn = begin(server, call("sleep", ("wait", "{}"), seconds=60))
    wait_until(lambda: {"sleeps", "waits"} <= set(runs()))
    turn.stop()
    assert [step["status"] for step in steps(turn)] == ["stopped", "stopped"]
    assert [step["result"] for step in steps(turn)] == ["Stopped.", "Stopped, but it may still run."]
    wait_until(lambda: "ended" in runs())
    let_go()
    assert state_of(turn.answer)["status"] == "stopped"
    assert "ended" not in state_of(turn.answer)  # a model that asks for tools where there are none
    assert len(server.requests) == 1


def test_tools_that_block_hold_up_nobody_elses(server: ModelServer, folder: Path) -> None:
    blocked = begin(server, Reply((), calls=(("wait", "{}"),) * MAX_CALLS))
    wait_until(lambda: runs().count("waits") == MAX_CALLS)  # asyncio's own pool has fewer threads
    assert steps(ended(begin(server, call("at_once"))))[0]["status"] == "done"
    assert blocked.running
    let_go()
    ended(blocked)


def test_a_coroutine_that_blocks_is_named(server: ModelServer, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    ended(begin(server, call("block", ("sleep", '{"seconds": 0.3}'))))
    late = [record.getMessage() for record in caplog.records if "holds up" in record.getMessage()]
    assert [message.split()[2] for message in late] == ["block"]


ASKS = '''
ASK_FIRST = True
SENT = []

def send(to: str) -> str:
    """Send."""
    SENT.append(to)
    return "sent"
'''


@pytest.fixture
def sent(folder: Path) -> list[str]:
    """Return what a tool that asks first notes of its runs."""
    (folder / "mail.py").write_text(ASKS, encoding="utf-8")
    return noted("send", "SENT")


def asked(turn: ToolTurn) -> Step | None:
    """Return the step that asks."""
    return next((step for step in steps(turn) if step["status"] == "asks"), None)


def test_nothing_is_sent_before_the_user_allows_it(server: ModelServer, sent: list[str]) -> None:
    turn = begin(server, call("send", ("send", '{"to": "Bob"}'), ("pay", '{"amount": 1}'), to="Ann"))
    wait_until(lambda: asked(turn) and runs())
    first, second, _ = steps(turn)
    assert (first["status"], second["status"]) == ("asks", "waits")
    assert sent == []
    turn.decide(second["id"], True)  # is not asked yet, so it does not count
    turn.decide(first["id"], True)
    wait_until(lambda: asked(turn) is second)
    assert sent == ["Ann"]
    turn.decide(second["id"], False)
    turn.decide(second["id"], True)  # too late
    ended(turn)
    assert sent == ["Ann"]
    assert [result for *_, result in server.calls()][:2] == ["sent", "Not called: the user denied it."]
    assert second["status"] == "denied"


def test_what_cannot_be_shown_whole_is_not_asked(server: ModelServer, sent: list[str]) -> None:
    turn = ended(begin(server, call("send", to="x" * 6000)))
    assert [step["status"] for step in steps(turn)] == ["failed"]
    assert "cannot be shown" in server.calls()[0][2]
    assert sent == []


def test_nobody_answers(server: ModelServer, sent: list[str], limits: dict[str, int]) -> None:
    limits["seconds_to_ask"] = 1
    turn = begin(server, call("send", to="Ann"))
    wait_until(lambda: asked(turn))
    step = asked(turn)
    ended(turn)
    assert sent == []
    assert server.calls()[0][2] == "Not called: the user was asked, and did not answer within 1 s."
    turn.decide(step["id"] if step else "", True)
    assert sent == []


def test_stop_denies_what_was_asked(server: ModelServer, sent: list[str]) -> None:
    turn = begin(server, call("send", ("send", '{"to": "Bob"}'), to="Ann"))
    wait_until(lambda: asked(turn))
    first = steps(turn)[0]["id"]
    turn.stop()
    turn.decide(first, True)
    assert [step["status"] for step in steps(turn)] == ["stopped", "stopped"]
    assert sent == []


def test_one_turns_yes_is_not_anothers(server: ModelServer, sent: list[str]) -> None:
    one = begin(server, call("send", to="Ann"))
    wait_until(lambda: asked(one))
    other = begin(server, call("send", to="Bob"))
    wait_until(lambda: asked(other))
    other.decide(steps(one)[0]["id"], True)
    one.decide(steps(one)[0]["id"], False)
    ended(one)
    assert sent == []
    assert other.running
    other.stop()


def test_what_a_function_returns_is_told(server: ModelServer, folder: Path) -> None:
    names = ("later", "several", "printed", "product")
    ended(begin(server, *map(call, names)))
    told = [result for *_, result in server.calls()]
    assert told[:3] == ["came later", '["one", "two"]', "some text"]
    assert json.loads(told[3])["title"] == "A cat"


def test_choices_of_numbers_are_described(folder: Path) -> None:
    source = "from typing import Literal\ndef roll(sides: Literal[4, 6] = 6, die: Literal['a', 'b'] = 'a') -> int:\n"
    (folder / "dice.py").write_text(source + '    """Roll."""\n    return sides\n', encoding="utf-8")
    told = read_tools()[0]["roll"].schema["function"]["parameters"]["properties"]
    assert told["sides"] == {"type": "integer", "default": 6, "description": "One of [4, 6]."}  # Gemini's wants texts
    assert told["die"]["enum"] == ["a", "b"]


def test_an_edit_of_a_helper_counts_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.syspath_prepend(place := tmp_path_factory.mktemp("app"))
    (helped := place / "tools").mkdir()
    monkeypatch.setattr("chat.tools.FOLDER", helped)
    source = 'from tools._word import WORD\ndef say() -> str:\n    """Say."""\n    return WORD\n'
    (helped / "some.py").write_text(source, encoding="utf-8")
    for word in ("one", "another"):
        (helped / "_word.py").write_text(f"WORD = '{word}'\n", encoding="utf-8")
        assert read_tools()[0]["say"].call() == word


def test_an_edit_counts_at_once(folder: Path) -> None:
    for answer in ("one", "two"):  # as long as the other, in the same second
        (folder / "some.py").write_text(f'def say() -> str:\n    """Say."""\n    return "{answer}"\n', encoding="utf-8")
        assert read_tools()[0]["say"].call() == answer


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = 1\ndef f(:\n", "line 2, SyntaxError"),
        ("\nraise SystemExit", "line 2, SystemExit"),
        ("import os\nimport no_such_package", "line 2, ModuleNotFoundError (no_such_package)"),
        ("\n\nopen('/none')", "line 3, FileNotFoundError"),
        ("def f() -> str:\n    return ''", "line 1, `f` has no docstring"),
        ('def f(a, b: int) -> str:\n    """F."""', "line 1, `f` has no type for a"),
        ('def f(*, a: "Nothing") -> str:\n    """F."""', "line 1, `f` cannot be offered: NameError: name 'Nothing'"),
        ('class A: ...\ndef f(a: A) -> str:\n    """F."""', "line 2, `f` cannot be offered: PydanticInvalid"),
        (f'def {"f" * 65}() -> str:\n    """F."""', "has a name that models do not take"),
        ('def f(*a: int) -> str:\n    """F."""', "line 1, `f` takes any number of arguments (a)"),
        ('def pay(a: int) -> str:\n    """F."""', "another file already has pay()"),
        ("\xff", "cannot be read as UTF-8"),
        ("\nraise KeyboardInterrupt", "line 2, KeyboardInterrupt"),
        ("import asyncio\nraise asyncio.CancelledError", "line 2, CancelledError"),
        ("x\0", "null bytes"),
        ('def f(a: float = float("inf")) -> str:\n    """F."""', "line 1, `f` cannot be offered: ValueError: Out of"),
        ('def f() -> str:\n    """F \\ud800."""', "line 1, `f` cannot be offered: UnicodeEncodeError"),
        ('def f() -> str:\n    """F.\n\n    Args:\n        b: B.\n    """', "ValueError: Arg b in docstring not found"),
        ('def f() -> str:\n    " "', "line 1, `f` has no docstring"),
        ('def f(a: int, /) -> str:\n    """F."""', "line 1, `f` has a parameter that no model can give"),
        ('def f(_a: int = 1) -> str:\n    """F."""', "line 1, `f` has a parameter that no model can give"),
        ('def f(callbacks: int) -> str:\n    """F."""', "line 1, `f` has a parameter that no model can give"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_others_work(folder: Path, source: str, problem: str) -> None:
    (folder / "worse.py").write_bytes(source.encode("latin-1"))
    tools, (sentence,) = read_tools()
    assert sentence.startswith("tools/worse.py cannot be used: ")
    assert problem in sentence
    assert "line None" not in sentence
    assert "pay" in tools


def test_what_is_no_plain_function_is_named_and_the_others_work(folder: Path) -> None:
    source = "from functools import lru_cache, partial\nimport streamlit as st\nfrom langchain_core.tools import tool\n"
    for name, decorator in (("a", "@lru_cache"), ("b", "@st.cache_data"), ("c", "@tool"), ("_own", "@lru_cache")):
        source += f'{decorator}\ndef {name}(x: int) -> int:\n    """Do."""\n'
    source += 'def f(x: int) -> int:\n    """Do."""\nd = partial(f, x=1)\nlength = partial(len)\n'
    (folder / "cached.py").write_text(source, encoding="utf-8")
    tools, problems = read_tools()
    assert problems == [
        "tools/cached.py cannot offer a, b, c, d: a tool is a plain function, other names begin with _."
    ]
    assert {"f", "pay"} <= tools.keys()


def test_a_file_that_cannot_be_used_is_tried_again_and_logged_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = f"word = open({str(folder / 'word')!r}).read()\ndef say() -> str:\n" + '    """Say."""\n    return word'
    (folder / "worse.py").write_text(source, encoding="utf-8")
    for _ in range(3):
        assert "say" not in read_tools()[0]
    problem = f"tools/worse.py cannot be used: line 1, FileNotFoundError. {FIX}."
    assert [record.getMessage() for record in caplog.records] == [problem]
    (folder / "word").write_text("hello")
    assert read_tools()[0]["say"].call() == "hello"


SLOW = """
import pathlib, time
for _ in range(500):
    if not pathlib.Path(__file__).with_name("go").exists():
        time.sleep(0.01)
pathlib.Path(__file__).with_name("loaded").touch()
"""


def test_a_file_that_loads_slowly_keeps_no_question_from_being_stored(server: ModelServer, folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    turn = begin(server)
    assert [message.text for message in turn._chat.history.messages] == ["Why?", ""]
    assert not (folder / "loaded").exists()
    (folder / "go").touch()
    assert ended(turn).answer.text == "Hello from the model."
    assert "pay" in server.tools()


def test_a_file_that_loads_for_too_long_holds_up_no_answer(
    server: ModelServer, folder: Path, settings: dict[str, Any]
) -> None:
    settings["tools"]["seconds"] = 0.1
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    turn = ended(begin(server))
    assert turn.answer.text == "Hello from the model."
    assert "takes too long to load" in state_of(turn.answer)["without"]
    (folder / "go").touch()
    wait_until((folder / "loaded").exists)


def test_only_public_functions_of_the_file_are_tools(folder: Path) -> None:
    source = "from __future__ import annotations\nfrom os.path import join\ndef _own() -> str: ...\n"
    source += "from dataclasses import dataclass\n@dataclass\nclass Place:\n    name: str\n"
    source += 'async def weather(place: Place) -> str:\n    """Say it.\n\n    Args:\n        place: Where.\n    """\n'
    source += "    return place.name\nby_name = lambda place: place.name\n"
    (folder / ".#some.py").symlink_to("nowhere")  # an editor's
    (folder / "some.py").write_text(source, encoding="utf-8")
    (folder / "_helper.py").write_text("def no_tool(): ...", encoding="utf-8")
    (tool,) = read_tools()[0].values()
    assert tool.ends_at_once
    assert "Where." in json.dumps(tool.schema)


def test_the_next_turn_is_told_of_the_calls(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, call("pay", ("fail", "{}"), amount=1), call("pay", amount=2)))
    ended(ToolTurn(HumanMessage("And now?"), turn._chat))
    assert [(name, result) for name, _, result in server.calls()] == [
        ("pay", "1 paid to nobody"),
        ("fail", "Error: RuntimeError: no luck"),
        ("pay", "2 paid to nobody"),
    ]
    assert server.conversation()[-1] == ("user", "And now?")


def test_results_are_text_though_a_file_was_sent(server: ModelServer, folder: Path) -> None:
    turn = begin(server, call("pay", amount=1))
    ended(turn)
    content: Any = [{"type": "text", "text": "Read"}, {"type": "text", "text": "notes.txt\nBuy milk"}]
    turn._chat.history.messages[0].content = content
    ended(ToolTurn(HumanMessage("And now?"), turn._chat))
    assert server.calls()[0][2] == "1 paid to nobody"


def test_a_stopped_call_can_be_gone_on_from(server: ModelServer, folder: Path) -> None:
    turn = begin(server, call("sleep", seconds=60))
    wait_until(lambda: "sleeps" in runs())
    turn.stop()
    assert ended(ToolTurn(HumanMessage("And now?"), turn._chat)).answer.text == "Hello from the model."
    assert server.calls()[0][2] == "Stopped."


def test_what_goes_along_is_cut_at_a_question(
    server: ModelServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.context.context_tokens", lambda _: 100_000)
    monkeypatch.setitem(read_settings()["model"], "history_tokens", 0)
    turn = ended(begin(server, call("much")))
    after = ended(ToolTurn(HumanMessage("Second?"), turn._chat))
    assert len(server.calls()) == 1
    for size in range(500, 9000, 500):
        monkeypatch.setattr("chat.context.context_tokens", lambda _, size=size: size)
        ended(ToolTurn(HumanMessage("Third?"), after._chat))
        assert len(server.calls()) == server.conversation().count(("user", "Why?"))
        del after._chat.history.messages[4:]
    assert count_tokens(turn._as_sent([turn.answer])) > 4000


def test_rounds_are_added_up_but_the_context_is_the_last_ones(server: ModelServer, folder: Path) -> None:
    turn = ended(begin(server, call("pay", amount=1), call("pay", amount=2)))
    used = turn.answer.usage_metadata
    assert used
    assert used["total_tokens"] == 36
    assert state_of(turn.answer)["context"] == 12


@pytest.mark.skipif(getattr(protocol, "TAKES_TAGS_OUT", False), reason="this client reads the tags itself")
def test_what_was_thought_before_a_call_goes_back_with_its_result(server: ModelServer) -> None:
    ours = pytest.importorskip("providers.openai").MessagesAsTheyAre
    model: Any = build_model(read_settings(), server.key)
    if not isinstance(model, ours) or protocol.__name__ != "tests.protocols.openai":
        pytest.skip("this model goes another way")
    call = ToolCall(name="clock", args={}, id="1")
    thought = AIMessage("", additional_kwargs={"reasoning_content": "Hm."}, tool_calls=[call])
    list(model.stream([HumanMessage("How late is it?"), thought, ToolMessage("Noon", tool_call_id="1")]))
    assert [message.get("reasoning_content") for message in server.requests[-1]["messages"]] == [None, "Hm.", None]


def test_thinking_of_each_round_is_taken_out(server: ModelServer, folder: Path) -> None:
    replies = [Reply((f"<think>{number}?</think>Text {number}",), calls=(("at_once", "{}"),)) for number in (1, 2)]
    turn = ended(begin(server, *replies))
    assert turn.answer.text == "Text 1\n\nText 2\n\nHello from the model."
    assert state_of(turn.answer)["thinking"] == "1?\n\n2?"


def test_without_a_tool_nothing_is_offered(server: ModelServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "some.py").unlink()
    ended(begin(server))
    assert server.tools() == []


def test_a_model_that_takes_no_tools_is_offered_none(server: ModelServer, folder: Path) -> None:
    chat = Chat(session_key="without a page", model=build_model(read_settings(), server.key).model_copy())
    assert chat.model
    chat.model.profile = {"tool_calling": False}
    chat.history.clear()
    ended(ToolTurn(HumanMessage("Why?"), chat))
    assert server.tools() == []


def test_halves_of_characters_in_a_thought_that_is_sent_back_are_joined_or_replaced() -> None:
    said = AIMessageChunk(content="", additional_kwargs={"reasoning_content": "\ud83d\ude00 \ud83d"})
    assert _to_send_back(said, []).additional_kwargs["reasoning_content"] == "\U0001f600 \ufffd"


@pytest.mark.filterwarnings("ignore:Pydantic serializer")  # OpenAI's client expects a text
@pytest.mark.parametrize("arguments", [{}, {"time_zone": "UTC"}])
def test_arguments_may_come_as_an_object(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str]
) -> None:
    ours = pytest.importorskip("providers.openai").MessagesAsTheyAre
    model: Any = build_model(read_settings(), server.key)
    if not isinstance(model, ours) or protocol.__name__ != "tests.protocols.openai":
        pytest.skip("this model goes another way")
    call = {"index": 0, "id": "1", "type": "function", "function": {"name": "clock", "arguments": arguments}}
    delta = {"role": "assistant", "tool_calls": [call]}
    said = protocol.event({"index": 0, "delta": delta, "finish_reason": "tool_calls"}) + b"data: [DONE]\n\n"
    monkeypatch.setattr(protocol, "stream", lambda *_: iter([said]))
    chunks = list(model.stream([HumanMessage("How late is it?")]))
    assert [call["args"] for chunk in chunks for call in chunk.tool_calls] == [arguments]
