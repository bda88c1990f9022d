"""What an answer's model has called: drawn above its text, asked about, sent with the next question, and exported."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import Any, TypedDict
from uuid import uuid4

import streamlit as st
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from streamlit.delta_generator import DeltaGenerator

from chat.files import take
from chat.markdown import plain
from chat.message import state_of
from chat.tools import SIDE, clean_data, cut, safe_name, shown

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")  # opens the passage that a link leads to
OPEN = ("waits", "asks", "running")
ENDS = {"done": "", "failed": " failed", "denied": " was not called", "stopped": " was stopped"}
MAY_RUN = "Stopped, but it may still run."
UNKNOWN = "It is not known whether this ran to its end: the app was stopped meanwhile."
NEVER_RAN = "Stopped before it ran."
SHOWN_CHARACTERS = 5_000  # which go to the browser again with each question
MAX_STEPS = 250  # of an imported answer
MAX_DRAWN = 2_000_000  # characters of tables and pictures in an answer, which is stored and drawn again and again
# Source: https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt (Default_Ignorable_Code_Point), the
# category Cf, and what ends a line or looks like a space.
UNSEEN = re.compile(
    "[\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)


class Step(TypedDict, total=False):
    """A call of a tool, in an answer whose model may call some."""

    id: str  # ours: the model's own may be anything
    round: int  # which of the answer's requests to the model it came from
    name: str
    arguments: dict[str, Any]  # by name
    status: str  # "waits", "asks", "running", "done", "failed", "denied" or "stopped"
    result: str  # what the model is told
    shown: Any  # what the page draws instead: a table, a chart or a picture
    seconds: float


def is_open(step: Step) -> bool:
    """Say whether a call has no result yet."""
    return step["status"] in OPEN


def drawer(place: DeltaGenerator) -> Callable[..., bool]:
    """Return what draws an answer's steps, each time those that have changed, and says whether the user is asked.

    Parameters:
        place: Where they go.
    """
    places: list[DeltaGenerator] = []
    drawn: list[str] = []

    def draw(answer: BaseMessage, turn: Any = None) -> bool:
        steps = [step.copy() for step in state_of(answer).get("steps", [])]  # each as it is at one moment
        if state_of(answer).get("status") != "running":
            for step in filter(is_open, steps):
                step.update(status="stopped", result=_result_of(step))
        if steps and not places:
            places.append(place.container(gap="small"))
        for number, step in enumerate(steps):
            if number == len(drawn):
                drawn.append("")
                places.append(places[0].empty())
            if step["status"] != drawn[number]:  # buttons cannot be drawn twice in one run of the page
                drawn[number] = step["status"]
                with places[number + 1].container(gap="small"):
                    _draw(step, turn)
        return "asks" in drawn

    return draw


def _draw(step: Step, turn: Any) -> None:
    status, name, result = step["status"], plain(step["name"]), step.get("result")
    # Not in a `with` block, whose end completes it. While the user is asked nothing turns: the app waits.
    if status == "asks":
        box = st.expander(f"Allow {name} to run?", icon=":material/front_hand:", expanded=True)
    elif status in OPEN:
        box = st.status(name, expanded=False) if status == "running" else st.expander(name, icon=":material/schedule:")
    else:
        label = name + ENDS[status] + (", but may still run" if result == MAY_RUN else "")
        if (seconds := step.get("seconds")) is not None:
            label += f" · {seconds:g} s" if seconds else " · under 0.1 s"
        box = st.status(label, state="complete" if status == "done" else "error", expanded=False)
    # Nothing of what a model or a tool says is Markdown here.
    box.code(cut(as_code(step["arguments"]), SHOWN_CHARACTERS), language="json", wrap_lines=True)
    data = step.get("shown") or {}
    if result and "passages" not in data:
        box.code(cut(result, SHOWN_CHARACTERS), language=None, wrap_lines=True)
    if status == "asks" and hasattr(turn, "decide"):
        row = box.container(horizontal=True)
        for word, looks, allows in (("Allow", "primary", True), ("Deny", "secondary", False)):
            key, args = f"app.{word.lower()}.{step['id']}", (step["id"], allows)
            row.button(word, key=key, type=looks, on_click=turn.decide, args=args)
    elif status == "asks":
        box.caption("Allow or deny this in the window where you asked: this one is served by another process.")
    with suppress(Exception):  # an import may hold any data
        _draw_data(data, box, step["id"])


def _draw_data(data: Any, box: DeltaGenerator, step_id: str) -> None:
    match data:
        case {"passages": passages}:
            box.html(f"<script>{SCRIPT}</script>", unsafe_allow_javascript=True)
            for number, passage in enumerate(passages):  # an import may have the same link in several
                key = f"app.{passage['cite'].removeprefix('#')}_{step_id}_{number}"
                place = box.container(key=key, gap=None)
                place.badge(plain(passage["source"]), color="gray")
                place.code(passage["text"], language=None, wrap_lines=True)
        case {"picture": encoded}:
            st.image(base64.b64decode(encoded), width="content")
        case {"chart": kind, "rows": rows, **columns}:
            getattr(st, f"{kind}_chart")(rows, **columns)
        case {"rows": rows}:
            st.dataframe(rows, hide_index=True)


def as_code(arguments: Any) -> str:
    """Return arguments as JSON in which nothing is hidden: characters that are not seen are written as codes."""
    return UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], json.dumps(arguments, ensure_ascii=False, indent=1))


def _result_of(step: Step) -> str:
    if is_open(step):  # the process that was to make this call has ended
        return UNKNOWN if step["status"] == "running" else NEVER_RAN
    return step.get("result") or "(nothing)"


def unfold(answer: BaseMessage) -> list[BaseMessage]:
    """Return an answer as its model said it: in each round the calls, then their results, and the text at last."""
    steps = state_of(answer).get("steps", [])
    said: list[BaseMessage] = []
    for _, group in groupby(steps, lambda step: step["round"]):
        called = list(group)
        calls = [ToolCall(name=step["name"], args=step["arguments"], id=step["id"]) for step in called]
        results = [ToolMessage(_result_of(step), tool_call_id=step["id"]) for step in called]
        said += [AIMessage("", tool_calls=calls), *results]
    ended = "(The answer ended here.)"  # some providers refuse a question right after a result
    return [*said, answer if answer.text or not said else AIMessage(ended)]


def as_markdown(answer: BaseMessage) -> list[str]:
    """Return the steps for an export: names, and as code the arguments and results."""
    steps = state_of(answer).get("steps", [])
    return [
        f"({plain(step['name'])}{ENDS.get(step['status'], '')})\n\n"
        + indent(f"{json.dumps(step['arguments'], ensure_ascii=False)}\n\n{step.get('result', '')}", "    ")
        for step in steps
    ]


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """Return what may be taken over from an imported answer's state."""
    steps, before, size = [], 0, 0
    for step in said.get("steps", [])[:MAX_STEPS]:
        size += len(json.dumps(step.get("shown")))
        status, seconds = step["status"], step.get("seconds")
        if type(step["round"]) is not int or not isinstance(step["arguments"], dict) or step["round"] < before:
            raise ValueError("no step")
        if len(json.dumps(step["arguments"])) > 100_000 or size > 2 * MAX_DRAWN:  # a JSON file may have escapes
            raise ValueError("too long for a step")
        before = step["round"]
        kept = Step(id=uuid4().hex, round=before, name=safe_name(step["name"]), result=cut(step.get("result", "")))
        kept |= Step(status=status if status in ENDS else "stopped", arguments=clean_data(step["arguments"]))
        if "picture" in (step.get("shown") or {}):
            take(SIDE**2 // 16)  # as for any other picture
        if drawn := shown(step.get("shown"), SIDE**2):
            kept["shown"] = drawn
        if type(seconds) in (int, float) and 0 <= seconds < 10**6:
            kept["seconds"] = seconds
        steps.append(kept)
    context = said.get("context")
    counted = {"context": context} if type(context) is int and 0 <= context < 10**9 else {}
    return {"steps": steps, **counted} if steps else {}
