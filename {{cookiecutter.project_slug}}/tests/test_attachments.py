"""Files go along with a question, as the provider's own wire protocol has them."""

import base64
import io
import json
import re
from typing import Any

import pytest
from langchain_core.language_models import ModelProfile
from PIL import Image, ImageFile
from streamlit.testing.v1 import AppTest

from chat.files import MAX_CHARS
from chat.key import ask_for_key
from chat.model import build_model
from chat.settings import read_settings
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply
from tests.pages import say, transcript

# A red dot.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
)


def test_a_text_goes_along_and_stays_in_the_chat(page: AppTest, server: ModelServer) -> None:
    page.chat_input[0].upload("notes.txt", b"Buy {milk}", "text/plain")
    say(page, "What shall I buy?")
    assert "What shall I buy?" in json.dumps(server.requests[-1])
    assert "Buy {milk}" in json.dumps(server.requests[-1])
    assert page.main.expander[-1].label == r"notes\.txt"
    assert page.main.code[-1].value == "Buy {milk}"

    say(page, "And else?")
    assert "Buy {milk}" in json.dumps(server.requests[-1])
    assert ("human", "What shall I buy?") in transcript(page)


def test_files_and_unanswered_questions_mix(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(status=500)
    page.chat_input[0].upload("notes.txt", b"Buy milk", "text/plain")
    say(page, "What shall I buy?")
    server.reply = Reply()
    say(page, "And where?")
    (*_, asked) = server.conversation()
    sent = json.dumps(server.requests[-1])
    assert all(text in sent for text in ("What shall I buy?", "Buy milk", "And where?"))
    assert isinstance(asked[1], str) or all(isinstance(block, dict) for block in asked[1])


def ask_about_a_file(page: AppTest) -> Any:
    """Return the question as it stands in the history, for a test to put another file into it."""
    page.chat_input[0].upload("a.txt", b"only a text", "text/plain")
    say(page, "What is it?")
    return page.session_state[read_settings()["session_key"]][-2]


def test_a_model_that_reads_no_pictures_is_sent_none(
    page: AppTest, server: ModelServer, settings: dict[str, Any]
) -> None:
    settings["model"]["history_tokens"] = 3000
    page.run()
    question = ask_about_a_file(page)
    question.content[1] = {"type": "image", "base64": base64.b64encode(PNG).decode(), "mime_type": "image/png"}
    build_model(settings, ask_for_key(settings["model"]) or "").profile = ModelProfile(image_inputs=False)
    say(page, "And now?")
    assert "cannot read one of the files" in str([caption.value for caption in page.caption])
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert "(a file)" in json.dumps(server.requests[-1])
    assert question.content[1]["base64"] not in json.dumps(server.requests[-1])


def test_a_picture_that_the_server_refuses_is_not_sent_again(
    page: AppTest, server: ModelServer, settings: dict[str, Any]
) -> None:
    if "image" not in settings["model"]["files"]:
        pytest.skip("this provider is sent no pictures")
    page.run()
    build_model(settings, ask_for_key(settings["model"]) or "").profile = None
    page.run().chat_input[0].upload("a.png", PNG, "image/png")
    server.reply = Reply(status=400, code="invalid_request_error", message="could not process image")
    say(page, "What is it?")
    assert "cannot read a file in this question" in page.error[0].value
    server.reply = Reply()
    say(page, "Second?")
    assert "What is it?" not in json.dumps(server.requests[-1])


def test_a_picture_that_another_model_has_read_does_not_end_the_chat(
    page: AppTest, server: ModelServer, settings: dict[str, Any]
) -> None:
    if "image" not in settings["model"]["files"]:
        pytest.skip("this provider is sent no pictures")
    settings["model"]["history_tokens"] = 9000
    page.run()
    build_model(settings, ask_for_key(settings["model"]) or "").profile = None
    page.run().chat_input[0].upload("a.png", PNG, "image/png")
    say(page, "What is it?")
    server.reply = Reply(status=400, code="invalid_request_error", message="could not process image")
    say(page, "And now?")
    assert "file in an earlier question" in page.error[0].value
    server.reply = Reply()
    say(page, "Third?")
    assert "And now?" in json.dumps(server.requests[-1])
    assert base64.b64encode(PNG).decode() not in json.dumps(server.requests[-1])


def test_a_file_alone_is_asked_about_by_its_name(page: AppTest, server: ModelServer) -> None:
    page.chat_input[0].upload("notes.txt", b"Buy milk", "text/plain").run()
    assert transcript(page)[-2] == ("human", "notes.txt")
    assert "Buy milk" in json.dumps(server.requests[-1])


def test_a_picture_that_cannot_be_shown_does_not_stop_the_page(page: AppTest) -> None:
    question = ask_about_a_file(page)
    encoded = base64.b64encode(b"no picture").decode()
    question.content[1] = {"type": "image", "base64": encoded, "mime_type": "image/png"}
    assert transcript(page.run())[-1] == ("ai", "Hello from the model.")


def test_a_picture_is_not_decoded_at_each_draw(
    page: AppTest, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings["model"]["files"] = ["image"]
    build_model(settings, ask_for_key(settings["model"]) or "").profile = None
    page.run()
    for mode, kind in (("RGBA", "png"), ("RGB", "webp"), ("RGB", "jpeg")):
        file = io.BytesIO()
        Image.new(mode, (2000, 1000)).save(file, kind)
        page.chat_input[0].upload(f"a.{kind}", file.getvalue(), f"image/{kind}")
    say(page, "What is it?")

    def load(_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    page.run()
    assert not page.exception
    assert len(page.get("image")) == 3


def test_a_long_text_is_shown_in_part_and_sent_whole(page: AppTest, server: ModelServer) -> None:
    page.chat_input[0].upload("notes.txt", b"word " * 4000 + b"end", "text/plain")
    say(page, "What is it?")
    assert page.main.code[-1].value.endswith("word \n… and 10,003 more characters")
    assert "word end" in json.dumps(server.requests[-1])


REFUSED = {
    "of no kind": ([("my.exe", b"MZ\x90\0\x03")], r"my\.exe cannot be read"),
    "too large": ([("a.txt", b"x" * 6_000_000)], "larger than 5 MB"),
    "too many": ([("a.txt", b"x")] * 11, "10 files"),
    "too large together": ([("a.txt", b"x" * 5_000_000)] * 4, "15 MB in total"),
}


@pytest.mark.parametrize(("files", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_go_keeps_the_question_and_is_named(
    page: AppTest, server: ModelServer, files: list[tuple[str, bytes]], sentence: str
) -> None:
    for name, data in files:
        page.chat_input[0].upload(name, data, "text/plain")
    say(page, "What is it?")
    assert transcript(page)[-2][1].startswith("What is it?")
    assert sentence in page.error[0].value
    assert page.error[0].value.count(sentence) == 1
    assert not server.requests


@pytest.mark.parametrize(
    ("name", "data", "kind", "what"), [("a.png", PNG, "image", "pictures"), ("a.pdf", b"%PDF-", "pdf", "PDFs")]
)
def test_a_file_goes_along_or_is_refused_with_the_models_name(
    page: AppTest, server: ModelServer, settings: dict[str, Any], name: str, data: bytes, kind: str, what: str
) -> None:
    page.run()
    model = build_model(settings, ask_for_key(settings["model"]) or "")
    sent_by_langchain = kind in settings["model"]["files"]  # as this very test shows
    for profile, goes in ((ModelProfile(image_inputs=False, pdf_inputs=False), False), (None, sent_by_langchain)):
        model.profile = profile
        page.run().chat_input[0].upload(name, data, "application/octet-stream")
        say(page, "What is it?")
        refused = [error.value for error in page.error if f"cannot read {what}: ask another model" in error.value]
        assert len(refused) == (0 if goes else 1)
        sent = json.dumps(server.requests[-1:]).replace("-", "+").replace("_", "/")  # Google's has another alphabet
        assert (base64.b64encode(data).decode() in sent) == goes
        page.session_state[settings["session_key"]].clear()


def test_a_large_file_does_not_push_the_chat_out_of_the_models_sight(
    page: AppTest, server: ModelServer, settings: dict[str, Any]
) -> None:
    settings["model"]["history_tokens"] = 3000
    question = ask_about_a_file(page)
    encoded = base64.b64encode(b"%PDF" * 100_000).decode()
    question.content[1] = {"type": "image", "base64": encoded, "mime_type": "image/png"}
    question.content.append({"type": "text", "text": "small"})
    say(page, "And then?")
    assert "What is it?" in json.dumps(server.requests[-1])


def test_the_most_characters_of_a_question_are_the_same_for_the_browser(page: AppTest) -> None:
    script = PAGE.with_suffix(".js").read_text(encoding="utf-8")
    (characters,) = re.findall(r"MAX_CHARS = ([\d_]+)", script)
    assert int(characters) == page.chat_input[0].proto.max_chars == MAX_CHARS
