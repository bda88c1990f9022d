"""Messages are sent as OpenAI's client would send them, and nothing is dropped of what its protocol can bring."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from streamlit.testing.v1 import AppTest

from chat.model import build_model
from chat.session import Chat, Session
from chat.settings import read_settings
from chat.turn import Turn
from providers.openai import MessagesAsTheyAre
from tests.model_server import ModelServer, protocol
from tests.pages import say, transcript, wait_until

PICTURE = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
MESSAGES = [
    SystemMessage("Be brief. 🙂"),
    HumanMessage([{"type": "text", "text": "What is {this}?"}, PICTURE]),
    AIMessage("A picture.", id="1", response_metadata={"status": "complete"}),
    HumanMessage("And now?"),
]


def test_the_request_is_the_same_json(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(read_settings(), server.key)
    assert "".join(chunk.text for chunk in model.stream(MESSAGES)) == "Hello from the model."
    monkeypatch.delattr(MessagesAsTheyAre, "_get_request_payload")
    list(model.stream(MESSAGES))
    ours, theirs = server.requests
    assert ours == theirs
    assert len(ours["messages"]) == len(MESSAGES)


def answer_with(monkeypatch: pytest.MonkeyPatch, *deltas: dict[str, Any], **fields: Any) -> None:
    """Let the server answer with these deltas, with the fields in each chunk."""
    chunks = [protocol.event({"index": 0, "delta": delta, "finish_reason": None}, **fields) for delta in deltas]
    end = protocol.event({"index": 0, "delta": {}, "finish_reason": "stop"}, **fields)
    if fields:
        end += protocol.event(**fields)  # and once more, alone
    monkeypatch.setattr(protocol, "stream", lambda *_: iter([*chunks, end + b"data: [DONE]\n\n"]))


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_servers_thinking_is_shown(page: AppTest, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    answer_with(monkeypatch, {"role": "assistant", name: "Let me"}, {name: " see."}, {"content": "Yes."})
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "Let me see.Yes.")
    assert [expander.markdown[0].value for expander in page.main.expander] == ["Let me see."]


def test_a_models_refusal_is_its_answer(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, {"role": "assistant", "refusal": "I can't"}, {"refusal": " do that."})
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "I can't do that.")


def test_an_end_without_a_delta_is_one(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"index": 0, "delta": {"role": "assistant", "content": "Yes."}, "finish_reason": None}
    end = protocol.event({"index": 0, "delta": None, "finish_reason": "stop"}) + b"data: [DONE]\n\n"
    monkeypatch.setattr(protocol, "stream", lambda *_: iter([protocol.event(said), end]))
    say(page, "Hello")
    assert page.session_state[read_settings()["session_key"]][-1].response_metadata["ended"] == ""


def test_running_totals_are_not_added_up(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    answer_with(monkeypatch, {"role": "assistant", "content": "One"}, {"content": " two"}, usage=usage)
    say(page, "Hello")
    used = page.session_state[read_settings()["session_key"]][-1].usage_metadata
    assert (used["input_tokens"], used["output_tokens"], used["total_tokens"]) == (7, 5, 12)


def test_a_fault_in_mid_answer_needs_no_code(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "stream", lambda *_: iter([b'data: {"error": "The model crashed"}\n\n']))
    say(page, "Hello")
    assert "fault on its side" in page.error[0].value


def test_texts_go_as_strings(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    monkeypatch.setattr("chat.turn.session", lambda: session)
    chat = Chat(session_key="texts", model=build_model(read_settings(), server.key))
    texts: list[Any] = [{"type": "text", "text": text} for text in ("What shall I buy?", "notes.txt\nBuy milk")]
    turn = Turn(HumanMessage(texts), chat)
    wait_until(lambda: not turn.running)
    assert all(isinstance(message["content"], str) for message in server.requests[-1]["messages"])
    assert server.conversation()[-1] == ("user", "What shall I buy?\n\nnotes.txt\nBuy milk")


ODD: list[Any] = [[1], "abc", True, *({"prompt_tokens": odd, "completion_tokens": 3} for odd in (10.5, -5))]
ODD += [{"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": "x"}}]


@pytest.mark.filterwarnings("ignore:Pydantic serializer")  # OpenAI's client finds them odd, too
@pytest.mark.parametrize("usage", ODD)
def test_odd_figures_do_not_spoil_an_answer(page: AppTest, monkeypatch: pytest.MonkeyPatch, usage: Any) -> None:
    answer_with(monkeypatch, {"role": "user", "content": "Yes."}, usage=usage)
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "Yes.")
    answer = page.session_state[read_settings()["session_key"]][-1]
    assert answer.response_metadata["status"] == "complete"
    assert answer.usage_metadata is None or answer.usage_metadata["output_tokens"] == 3
