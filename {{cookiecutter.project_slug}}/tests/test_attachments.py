"""Files go along with a question, as the provider's own wire protocol has them."""

import base64
import io
import json
from typing import Any

import pytest
from langchain_core.language_models import ModelProfile
from PIL import Image
from streamlit.testing.v1 import AppTest

from chat.key import ask_for_key
from chat.model import build_model
from chat.session import Chat
from chat.settings import read_settings
from features import attachments
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
    assert "does not read: 1" in str([caption.value for caption in page.caption])
    assert transcript(page)[-1] == ("ai", "Hello from the model.")
    assert "(a file)" in json.dumps(server.requests[-1])
    assert question.content[1]["base64"] not in json.dumps(server.requests[-1])


def test_a_file_alone_is_asked_about_by_its_name(page: AppTest, server: ModelServer) -> None:
    page.chat_input[0].upload("notes.txt", b"Buy milk", "text/plain").run()
    assert transcript(page)[-2] == ("human", "notes.txt")
    assert "Buy milk" in json.dumps(server.requests[-1])


def large_picture() -> bytes:
    """Return a picture of so many pixels that Pillow refuses it."""
    file = io.BytesIO()
    Image.new("1", (16_000, 16_000)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("picture", [b"no picture", large_picture()], ids=["damaged", "large"])
def test_a_picture_that_cannot_be_shown_does_not_stop_the_page(page: AppTest, picture: bytes) -> None:
    question = ask_about_a_file(page)
    encoded = base64.b64encode(picture).decode()
    question.content[1] = {"type": "image", "base64": encoded, "mime_type": "image/png"}
    assert transcript(page.run())[-1] == ("ai", "Hello from the model.")


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


@pytest.mark.parametrize(
    ("name", "data", "mime_type"), [("a.png", PNG, "image/png"), ("a.pdf", b"%PDF-", "application/pdf")]
)
def test_what_the_model_reads_is_sent_as_it_is(
    page: AppTest, server: ModelServer, name: str, data: bytes, mime_type: str
) -> None:
    if name[1:] not in page.chat_input[0].proto.file_type:
        pytest.skip("this model's profile does not say that it reads it")
    page.chat_input[0].upload(name, data, mime_type)
    say(page, "What is it?")
    sent = json.dumps(server.requests[-1])
    assert base64.b64encode(data).decode() in sent.replace("-", "+").replace("_", "/")  # Google's has another alphabet
    assert mime_type.partition("/")[2] in sent


def test_only_what_the_profile_says_is_accepted(server: ModelServer) -> None:
    model = build_model(read_settings(), server.key)
    for inputs, kinds in [((), set()), (("image_inputs",), {"png"}), (("pdf_inputs",), {"pdf"})]:
        model.profile = ModelProfile(**dict.fromkeys(inputs, True))
        accepted = set(attachments.accepted(Chat(model=model))["file_type"])
        assert accepted & {"png", "pdf"} == kinds
        assert "txt" in accepted
