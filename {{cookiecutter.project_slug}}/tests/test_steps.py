"""What was called is part of the answer: drawn, asked about, exported, imported, and told to the next model."""

import base64
import io
import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import messages_to_dict
from PIL import Image
from streamlit.testing.v1 import AppTest

from chat import keeping, steps
from chat.message import state_of
from chat.settings import read_settings
from chat.steps import as_code
from chat.tools import _load, clean_data, shown
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply
from tests.pages import labels, press, say, transcript

ODD = "<b>a@b.c</b> **bold** $x$ [link](https://example.org) :red[x] ![](https://example.org/x.png) `"
TOOLS = '''
def echo(text: str) -> str:
    """Say it again."""
    return text + ODD

def table() -> list[dict]:
    """Return a table."""
    return [{"name": "Ann", "age": 5}, {"name": "Bob", "age": 7}]

def chart() -> dict:
    """Return a chart."""
    return {"chart": "line", "rows": [{"day": 1, "rain": 2.5}, {"day": 2, "rain": 0}], "x": "day", "y": "rain"}

def picture() -> bytes:
    """Return a picture."""
    import io
    from PIL import Image
    Image.new("RGB", (20, 10), "red").save(file := io.BytesIO(), "PNG")
    return file.getvalue()
'''.replace("ODD", repr(ODD))
ASKS = '''
ASK_FIRST = True

def send(to: str) -> str:
    """Send."""
    return f"sent to {to}"
'''


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of the tools: here a test's own."""
    monkeypatch.setattr("chat.tools.FOLDER", tmp_path)
    _load.cache_clear()
    (tmp_path / "some.py").write_text(TOOLS, encoding="utf-8")
    return tmp_path


def reply(server: ModelServer, *calls: tuple[str, dict[str, Any]]) -> None:
    """Let the model call these first, and then answer."""
    first = Reply((), calls=tuple((name, json.dumps(arguments)) for name, arguments in calls))
    replies = iter([first])
    server.reply_to = lambda question: next(replies, Reply())


def history(page: AppTest) -> list[Any]:
    """Return the messages."""
    return page.session_state[read_settings()["session_key"]]


def boxes(page: AppTest) -> list[str]:
    """Return the labels of the steps on the page."""
    return [box.label for box in page.status]


def test_steps_are_drawn_and_drawn_again_as_text(page: AppTest, server: ModelServer) -> None:
    reply(server, ("echo", {"text": ODD}), ("no such <b>a@b.c</b>", {}))
    say(page, "Go")
    for _ in range(2):
        assert [label.split(" · ")[0] for label in boxes(page)] == ["echo", r"no\_such\_\_b\_a\_b\_c\_\_b\_ failed"]
        arguments, result, *_ = [code.value for code in page.main.code]
        assert json.loads(arguments) == {"text": ODD}
        assert result == ODD * 2
        assert "bold" not in "".join(text.value for text in [*page.markdown, *page.caption])
        assert transcript(page)[-1] == ("ai", "Hello from the model.")
        page.run()
    assert not any(box.proto.expanded for box in page.status)


def test_data_is_drawn_as_what_it_is(page: AppTest, server: ModelServer) -> None:
    reply(server, ("table", {}), ("chart", {}), ("picture", {}))
    say(page, "Go")
    assert page.dataframe[0].value.to_dict("records") == [{"name": "Ann", "age": 5}, {"name": "Bob", "age": 7}]
    kinds = [element.type for message in page.chat_message for element in message]
    assert {"vega_lite_chart", "image"} <= set(kinds)
    assert server.calls()[2][2] == "(A picture, which the user is shown.)"


@pytest.mark.parametrize(
    "value",
    ["text", 5, None, [], {}, [1], [[1]], [{1: 2}], {"chart": "pie", "rows": []}, {"chart": ["x"], "rows": []},
     {"chart": "line", "rows": 5}, {"picture": "no base64!"}, {"picture": "AAAA"}, {"picture": 5}, b"", b"<svg/>"],
)  # fmt: skip
def test_other_data_is_text(value: Any) -> None:
    assert shown(value) is None


def test_what_is_no_number_is_a_gap_and_what_is_one_is_drawn_as_one() -> None:
    assert shown([{"x": float("nan"), "y": float("-inf")}]) == {"rows": [{"x": None, "y": None}]}
    assert shown([{"x": Decimal("9.5"), "y": Fraction(1, 2)}]) == {"rows": [{"x": 9.5, "y": 0.5}]}
    chart = {"chart": "line", "rows": [{"month": "May", "rain": 5}]}
    assert shown(chart) == {**chart, "x": "month"}
    assert clean_data({"x": [float("nan")], "y\ud800": 1}) == {"x": ["NaN"], "y\ufffd": 1}


def test_data_is_bounded() -> None:
    table = shown([{f"{number}": "x" * 1000 for number in range(100)}] * 2000)
    assert (len(table["rows"]), len(table["rows"][0])) == (1000, 50)
    assert len(table["rows"][0]["1"]) < 600
    assert shown({"chart": "bar", "rows": [{"a": 1}], "x": ["a", ["a"]], "y": ["a"]}) == {
        "chart": "bar", "rows": [{"a": 1}], "y": ["a"],
    }  # fmt: skip
    Image.new("1", (9000, 9000)).save(file := io.BytesIO(), "PNG")
    assert shown(file.getvalue()) is None


def test_an_export_brings_the_steps_along(page: AppTest, server: ModelServer) -> None:
    export = pytest.importorskip("features.export")
    reply(server, ("echo", {"text": "Hi"}), ("table", {}), ("picture", {}))
    say(page, "Go")
    markdown = export._to_markdown(history(page))
    assert '(echo)\n\n    {"text": "Hi"}\n\n    Hi<b>' in markdown

    page.session_state["app.export"] = True
    exported = export._to_json(history(page)).encode()
    other = AppTest.from_file(str(PAGE), default_timeout=60)
    other.session_state["app.export"] = True
    other.run().file_uploader[0].set_value(("chat.json", exported, "application/json")).run()
    assert boxes(other) == boxes(page)
    assert [code.value for code in other.main.code] == [code.value for code in page.main.code]
    assert len(other.dataframe) == 1
    say(other, "And now?")
    assert [name for name, *_ in server.calls()] == ["echo", "table", "picture"]


STEP = {"id": "x", "round": 0, "name": "echo", "arguments": {}, "status": "done", "result": "y"}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, {}),
        ({"status": "asks"}, {"status": "stopped"}),
        ({"status": "running", "seconds": "x"}, {"status": "stopped"}),
        ({"name": "<b>"}, {"name": "_b_"}),
        ({"result": "x\ud800"}, {"result": "x\ufffd"}),
        ({"arguments": {"a\ud800": 1}}, {"arguments": {"a\ufffd": 1}}),
        ({"shown": {"rows": [{"a": 1, "b": {}}], "x": 1}}, {"shown": {"rows": [{"a": 1, "b": "{}"}]}}),
        ({"shown": {"picture": base64.b64encode(b"<svg/>").decode()}}, {}),
        ({"round": "0"}, None),
        ({"arguments": "x"}, None),
        ({"arguments": {"x": "y" * 200_000}}, None),
        ({"result": 5}, None),
        ({"name": 5}, None),
    ],
)
def test_only_what_was_checked_is_imported(page: AppTest, change: dict[str, Any], kept: dict[str, Any] | None) -> None:
    pytest.importorskip("features.export")
    say(page, "Hello")
    saved = messages_to_dict(history(page))
    saved[-1]["data"]["response_metadata"] |= {"steps": [STEP | change], "context": "x"}
    other = AppTest.from_file(str(PAGE), default_timeout=60)
    other.session_state["app.export"] = True
    file = ("chat.json", json.dumps(saved).encode(), "application/json")
    other.run().file_uploader[0].set_value(file).run()
    if kept is None:
        assert "not an exported chat" in other.error[0].value
        return
    (step,) = state_of(history(other)[-1])["steps"]
    assert step.pop("id") != "x"
    assert step == {name: it for name, it in (STEP | kept).items() if name != "id"}
    assert "context" not in history(other)[-1].response_metadata


def test_passages_with_the_same_link_are_all_drawn(page: AppTest, server: ModelServer) -> None:
    say(page, "Hello")
    passages = [{"source": "a.md", "text": text, "cite": "#passage-1"} for text in ("one", "two")]
    step = STEP | {"seconds": 1, "shown": {"passages": passages}}
    state_of(history(page)[-1])["steps"] = [step, step | {"id": "y"}]
    drawn = [code.value for code in page.run().main.code]
    assert [text for text in drawn if text in ("one", "two")] == ["one", "two"] * 2


def test_the_user_is_asked_on_the_page(page: AppTest, server: ModelServer, folder: Path) -> None:
    (folder / "mail.py").write_text(ASKS, encoding="utf-8")
    reply(server, ("send", {"to": "Ann"}), ("send", {"to": "Bob"}))
    awaited = ["asks", "waits"]

    def click(_: object) -> Callable[[], bool]:
        """Return what says that somebody clicks, once it is drawn what is awaited."""
        seen = [0]
        return lambda: (seen.append(statuses(page) == awaited) or sum(seen)) > 1

    page.default_timeout = 300  # as long as the user has: a busy machine is no failure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chat.turn.watch_for_events", click)
        say(page, "Go")
        asked, waits = page.main.expander
        assert (asked.label, asked.proto.expanded, waits.label) == ("Allow send to run?", True, "send")
        assert not page.status  # nothing turns while the app waits for the user
        assert "skeleton" not in [element.type for element in page.chat_message[-1]]
        assert "Ann" in page.main.code[0].value
        awaited[:] = ["done", "asks"]
        press(page, "Allow")
        awaited[:] = []
        press(page, "Deny")
    assert statuses(page) == ["done", "denied"]
    assert [result for *_, result in server.calls()] == ["sent to Ann", "Not called: the user denied it."]
    assert not {"Allow", "Deny"} & set(labels(page))


def test_nothing_is_hidden_in_what_is_asked() -> None:
    for unseen in "\u202e\u2028\u3164\u2800\u034f\ufe0f\U000e0041\U000e0101\x85":
        shown = as_code({"file": f"a{unseen}txt.exe"})
        assert shown.isascii()
        assert json.loads(shown) == {"file": f"a{unseen}txt.exe"}
    assert "ä 👋 日本" in as_code({"text": "ä 👋 日本"})


def test_a_column_has_one_type() -> None:
    assert shown([{"a": 1}, {"a": "x"}, {"a": None}, {}]) == {"rows": [{"a": "1"}, {"a": "x"}, {"a": None}, {}]}
    assert shown([{"a": 1}, {"a": 2.5}]) == {"rows": [{"a": 1}, {"a": 2.5}]}


def test_steps_of_a_process_that_has_ended_are_closed(
    page: AppTest, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply(server, ("echo", {"text": "Hi"}), ("echo", {"text": "Ho"}))
    say(page, "Go")
    state = state_of(history(page)[-1])
    for step, status in zip(state["steps"], ("running", "asks"), strict=True):
        step["status"] = status
        del step["seconds"]
    assert boxes(page.run()) == ["echo was stopped"] * 2
    say(page, "And?")  # whether such a call was made is not known, and the model has to hear that
    assert [result for *_, result in server.calls()] == [steps.UNKNOWN, steps.NEVER_RAN]
    del history(page)[-2:]
    state["status"] = "running"
    page.session_state["app.session"]["turns"].clear()  # it is another process that asks, then
    if elsewhere := getattr(keeping, "_Elsewhere", None):  # a database would be asked how far that process is
        monkeypatch.setattr(elsewhere, "follow", lambda turn: iter([turn.answer.text]))
    assert [box.label for box in page.run().main.expander] == ["Allow echo to run?"]
    assert "another process" in page.chat_message[-1].caption[0].value
    assert "Allow" not in labels(page)


def statuses(page: AppTest) -> list[str]:
    """Return what has become of the calls."""
    return [step["status"] for step in state_of(history(page)[-1]).get("steps", [])]


def test_the_context_is_what_the_last_request_took(
    page: AppTest, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("features.usage")
    monkeypatch.setattr("features.usage.context_tokens", lambda _: 100)
    reply(server, ("echo", {"text": "Hi"}))
    say(page, "Go")
    captions = [caption.value for caption in page.caption]
    assert "14 tokens in, 10 out" in captions
    assert captions[-1].startswith("Context 12% of 100 tokens")


def test_another_version_has_its_own_steps(page: AppTest, server: ModelServer) -> None:
    pytest.importorskip("features.versions")
    reply(server, ("echo", {"text": "Hi"}))
    say(page, "Go")
    press(page, "Try again")
    assert boxes(page) == []
    press(page, "Earlier version")
    assert len(boxes(page)) == 1


def test_a_file_that_cannot_be_used_is_named_on_the_page(page: AppTest, folder: Path) -> None:
    (folder / "worse.py").write_text("def f(:", encoding="utf-8")
    assert not page.run().warning
    assert transcript(say(page, "Hello"))[-1] == ("ai", "Hello from the model.")
    assert r"tools\/worse\.py cannot be used" in page.warning[0].value
    (folder / "worse.py").unlink()
    assert not say(page, "Hello").warning
