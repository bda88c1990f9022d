"""What a model thinks is shown folded away, and the text alone is the answer."""

import inspect
import json
import re
import time

import pytest
from streamlit.testing.v1 import AppTest

from chat.message import split_thinking
from chat.settings import read_settings
from tests.model_server import ModelServer, Reply, protocol
from tests.pages import say

THINKS = "thinking" in inspect.signature(protocol.stream).parameters


@pytest.mark.skipif(not THINKS, reason="answers in this protocol hold no thinking")
def test_thinking_is_folded_away_and_never_sent_back(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(thinking="Let me see.")
    say(page, "Hello")
    answer = page.session_state[read_settings()["session_key"]][-1]
    assert answer.text == "Hello from the model."
    (thoughts,) = [expander for expander in page.main.expander if expander.label == "Thinking"]
    assert thoughts.markdown[0].value == "Let me see."
    assert not thoughts.proto.expanded

    say(page, "And now?")
    assert "Let me see." not in json.dumps(server.requests[-1])


@pytest.mark.parametrize(
    ("words", "thinking", "text"),
    [
        (("<think>", "Let me see.", "</think>", "\n\nYes."), "Let me see.", "Yes."),
        (("\n<thi", "nk>Let me see.</thi", "nk>Yes."), "Let me see.", "Yes."),
        (("Let me see.\n", "</think>\n\nYes."), "Let me see.", "Yes."),
        (("[THINK]Let me see.[/THINK]Yes.",), "Let me see.", "Yes."),
        (("<think>\n\n</think>\n\nYes.",), "", "Yes."),
        (("Let me see.", "</think>Yes."), "Let me see.", "Yes."),
        (("<think>Let me", " see.</think>\n<think>So.</think>Yes."), "Let me see.\n\nSo.", "Yes."),
        (("<|channel>thought\n", "Let me see.<channel|>", "Yes."), "Let me see.", "Yes."),
        (("◁think▷Let me see.◁/think▷Yes.",), "Let me see.", "Yes."),
        (("<|START_THINKING|>Let me see.<|END_THINKING|>Yes.",), "Let me see.", "Yes."),
        (
            (
                "<|channel|>analysis<|message|>Let me see.",
                "<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
            ),
            "Let me see.",
            "Yes.",
        ),
    ],
)
def test_thinking_in_the_answer_is_taken_out(
    page: AppTest, server: ModelServer, words: tuple[str, ...], thinking: str, text: str
) -> None:
    server.reply = Reply(words)
    say(page, "Hello")
    answer = page.session_state[read_settings()["session_key"]][-1]
    assert answer.text == text
    assert answer.response_metadata.get("thinking", "") == thinking

    say(page, "And now?")
    assert "Let me see." not in json.dumps(server.requests[-1])


@pytest.mark.skipif(getattr(protocol, "TAKES_TAGS_OUT", False), reason="this client takes the tags out itself")
@pytest.mark.parametrize(
    "text",
    [
        "Write `<think>` and `</think>`.",
        "A <think> is ended by </think>.",
        'Call `text.split("</think>")` to drop it.',
        "Models end their thoughts with </think> and then answer.",
        'Look for "</think>" in the stream.',
    ],
)
def test_a_text_on_thinking_is_an_answer(page: AppTest, server: ModelServer, text: str) -> None:
    for words in ((text,), tuple(re.findall(r"\s*\S+", text))):
        server.reply = Reply(words)
        say(page, "How do models think?")
        answer = page.session_state[read_settings()["session_key"]][-1]
        assert (answer.text, answer.response_metadata.get("thinking", "")) == (text, "")


def test_thoughts_without_an_answer_say_so(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(("<think>Let me see.",))
    say(page, "Hello")
    assert "thought, but wrote no answer" in page.error[0].value
    assert "Let me see." in [expander.markdown[0].value for expander in page.main.expander]


@pytest.mark.parametrize("piece", ["<think", "</think", "<think>", "</think>", "<|channel|>analysis"])
def test_a_bomb_takes_no_longer_than_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        begin = time.thread_time()
        split_thinking((piece * length)[:length])
        split_thinking(("<" + piece[1:-1] * length)[:length])
        return time.thread_time() - begin

    assert seconds(32_000) < 80 * max(seconds(4_000), 0.001)  # eight times the text; not 64 times the time
