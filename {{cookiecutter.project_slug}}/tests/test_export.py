"""What is exported can be imported; anything else changes nothing."""

import base64
import io
import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, messages_to_dict
from PIL import Image
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings
from features import export
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply
from tests.pages import say, transcript

SAID = [("human", "What is {this}? <b>“é”</b> 🙂"), ("ai", "Hello from the model.")]


def messages(page: AppTest) -> list:
    """Return the history."""
    return page.session_state[read_settings()["session_key"]]


def opened(page: AppTest) -> AppTest:
    """Open what exports and imports."""
    page.session_state["app.export"] = True
    return page.run()


def imported(page: AppTest, text: str) -> AppTest:
    """Import a file in another session, and return its page."""
    other = opened(AppTest.from_file(str(PAGE), default_timeout=60))
    return other.file_uploader[0].set_value(("other.json", text.encode(), "application/json")).run()


def without_ids(exported: str) -> list:
    """Return an export but for the ids, which are new after an import, and kinds of tokens, which nobody sees."""
    saved = json.loads(exported)
    for message in saved:
        message["data"]["id"] = None
        for detail in ("input_token_details", "output_token_details"):
            (message["data"].get("usage_metadata") or {}).pop(detail, None)
    return saved


def test_an_export_restores_the_chat(page: AppTest, server: ModelServer) -> None:
    say(page, SAID[0][1])
    exported, markdown = export._to_json(messages(page)), export._to_markdown(messages(page))
    assert server.key not in exported
    assert f"**You:**\n\n{SAID[0][1]}\n\n**Assistant:**\n\n{SAID[1][1]}\n" in markdown

    other = imported(page, exported)
    assert transcript(other) == transcript(page)
    assert without_ids(json.dumps(messages_to_dict(messages(other)))) == without_ids(exported)
    say(other, "Go on")
    assert SAID[0][1] in json.dumps(server.requests[-1], ensure_ascii=False)


def test_an_unfinished_answer_comes_back_as_stopped(page: AppTest) -> None:
    say(page, "Hello")
    data = json.loads(export._to_json(messages(page)))
    data[-1]["data"]["response_metadata"]["status"] = "running"
    other = imported(page, json.dumps(data))
    assert "Stopped" in [caption.value for caption in other.caption]


def test_an_import_does_not_speak_for_the_app(page: AppTest) -> None:
    say(page, "Hello")
    data = json.loads(export._to_json(messages(page)))
    data[-1]["data"]["response_metadata"] |= {"status": "failed", "error": "[Sign in](https://evil)", "ended": ":x:"}
    other = imported(page, json.dumps(data))
    assert [error.value for error in other.error] == [export.SAID["error"]]
    assert export.SAID["ended"] in [caption.value for caption in other.caption]


def test_odd_feedback_is_made_even(page: AppTest) -> None:
    say(page, "Hello")
    data = json.loads(export._to_json(messages(page)))
    data[-1]["data"]["response_metadata"]["feedback"] = True
    other = imported(page, json.dumps(data))
    assert transcript(other) == transcript(page)


def test_markdown_tells_all_that_the_page_shows(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(status=500)
    say(page, "What is this?")
    notes = {"type": "text", "text": "notes.txt\nBuy milk"}
    messages(page)[-2].content = [{"type": "text", "text": "What is this?"}, notes]
    markdown = export._to_markdown(messages(page))
    assert "What is this?\n\n(notes.txt)\n" in markdown
    assert "reported a fault on its side" in markdown


def message(kind: str, content: object, **fields: object) -> str:
    """Return an export of one message, with an answer if it is a question."""
    answer = [{"type": "ai", "data": {"content": "x"}}] if kind == "human" else []
    return json.dumps([{"type": kind, "data": {"content": content, **fields}}, *answer])


NO_EXPORTS = ["", "no JSON", "[]", "{}", "[1]", "[[1]]", '[{"type": "human"}]', "[" * 100_000]
NO_EXPORTS += [message("system", "x"), message("human", 5), message("human", [{}]), message("human", [5])]
NO_EXPORTS += [message("human", " "), message("human", [{"type": "text", "text": ""}])]
NO_EXPORTS += [message("human", "x" * 500_001), message("ai", "x", response_metadata={"status": "complete"})]
NO_EXPORTS += ["[" + "[]," * 500_000 + "1]", json.dumps(json.loads(message("human", "x")) * 5001)]
NO_EXPORTS += [message("human", [{"type": "text", "text": "x"}] * 12)]
PICTURE = {"type": "image", "base64": "no base64!", "mime_type": "image/png"}
SOUND = {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}
NO_EXPORTS += [message("human", [{"type": "text", "text": "x"}, block]) for block in ({"type": "text"}, PICTURE, SOUND)]


@pytest.mark.parametrize("text", NO_EXPORTS)
def test_what_is_no_export_says_so_and_changes_nothing(page: AppTest, text: str) -> None:
    other = imported(page, text)
    assert transcript(other) == transcript(page)
    assert r"other\.json is not an exported chat: nothing was changed." in other.error[0].value


@pytest.mark.parametrize("used", [{"input_tokens": -5}, {"output_tokens": 10**30}, {"total_tokens": "7"}, {"x": 1}, 5])
def test_only_what_was_checked_is_taken_over(page: AppTest, used: Any) -> None:
    say(page, "Hello")
    data = json.loads(export._to_json(messages(page)))
    counts = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    data[-1]["data"] |= {"usage_metadata": used if used == 5 else counts | used, "tool_calls": "x", "example": []}
    data[-1]["data"]["response_metadata"] |= {"refused": True, "unseen": "x", "thinking": "Hm \ud83d"}
    data[-2]["data"]["content"] = "Hello \ud800"
    other = imported(page, json.dumps(data))
    if used == 5:
        assert "not an exported chat" in other.error[0].value
        return
    assert transcript(other)[-2] == ("human", "Hello \ufffd")
    answer = messages(other)[-1]
    assert answer.usage_metadata == (counts if "x" in used else None)
    assert answer.response_metadata == {"status": "complete", "ended": "", "thinking": "Hm \ufffd", "refused": True}


def test_a_file_in_an_import_is_checked_as_one_that_is_uploaded(page: AppTest) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 10)).save(file, "PNG")
    blocks: list[Any] = [{"type": "text", "text": "x"}, {"type": "text", "text": "notes.txt\nBuy milk"}]
    blocks += [{"type": "image", "base64": base64.b64encode(file.getvalue()).decode(), "mime_type": "text/html"}]
    blocks += [{"type": "file", "base64": base64.b64encode(b"%PDF-").decode(), "filename": "a.pdf", "url": "x"}]
    other = imported(page, message("human", blocks))
    assert messages(other)[0].content[2]["mime_type"] == "image/png"
    assert messages(other)[0].content[3].keys() == {"type", "base64", "mime_type", "filename"}
    assert len(other.session_state["app.session"]["previews"]) == 1
    Image.new("1", (9000, 9000)).save(file := io.BytesIO(), "PNG")
    blocks[2]["base64"] = base64.b64encode(file.getvalue()).decode()
    other = imported(page, message("human", blocks))
    assert other.error[0].value.startswith("Nothing was imported. A picture is larger than 5 MB or 25 million pixels")


def test_a_chat_in_progress_cannot_be_replaced(page: AppTest) -> None:
    assert not opened(page).file_uploader[0].disabled
    say(page, "Hello")
    page.run()
    assert page.file_uploader[0].disabled


def test_an_import_that_comes_late_replaces_nothing(page: AppTest) -> None:
    uploader = opened(page).file_uploader[0]
    exported = ("chat.json", message("ai", "Hi").encode(), "application/json")
    messages(page).append(HumanMessage("Typed meanwhile"))
    uploader.set_value(exported).run()
    assert "so nothing was imported" in page.error[0].value
    assert messages(page)[-1].text == "Typed meanwhile"
