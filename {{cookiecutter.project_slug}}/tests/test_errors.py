"""One sentence for what a provider can say (the table in chat/errors.toml, over the wire), and for a spoilt file."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from streamlit.testing.v1 import AppTest

from chat.errors import TABLE, end_sentence, sentence_for
from chat.model import ChatModel
from chat.settings import read_settings
from tests.conftest import PAGE
from tests.model_server import ModelServer, Reply, protocol
from tests.pages import say, transcript

RATE_LIMIT = "Rate limit reached. Visit https://platform.openai.com/account/billing to add a payment method."
REFUSALS = {
    "a wrong key": (Reply(status=401), "refused the"),
    "no credit": (Reply(status=402, code="insufficient_quota"), "no credit or quota left"),
    "an unknown model": (Reply(status=404), "does not know the model"),
    "too often": (Reply(status=429, code="rate_limit_error", message=RATE_LIMIT), "too often"),
    "too long": (Reply(status=400, code="context_length_exceeded", message="prompt is too long"), "too long for"),
    "a bad argument": (Reply(status=400), "refused the request"),
    "a fault": (Reply(status=500), "fault on its side"),
    "overloaded": (Reply(status=529), "overloaded"),
    "a cut connection": (Reply(words=("Half",), cut=True), "broke off"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_one_sentence(page: AppTest, server: ModelServer, refusal: str) -> None:
    server.reply, sentence = REFUSALS[refusal]
    say(page, "Hello")
    assert transcript(page)[-2] == ("human", "Hello")
    assert sentence in page.error[0].value
    assert read_settings()["model"]["provider"] in page.error[0].value or "too long" in sentence


# What the page says with clients that tell less of a fault within a stream, after half an answer and after none.
TELLS_LESS = {
    "langchain_fireworks": ("may be incomplete", "may be incomplete"),
    "langchain_mistralai": ("may be incomplete", "fault on its side"),
    "langchain_nvidia_ai_endpoints": ("may be incomplete", "may be incomplete"),
    "langchain_huggingface": ("fault on its side", "fault on its side"),
}


@pytest.mark.parametrize("words", [("Half",), ()], ids=["half an answer", "no word"])
@pytest.mark.parametrize(("code", "sentence"), getattr(protocol, "FAULTS", {}).items())
def test_a_fault_within_a_stream_is_one_sentence(
    page: AppTest, server: ModelServer, code: str, sentence: str, words: tuple[str, ...]
) -> None:
    server.reply = Reply(words=words, fault=code)
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "".join(words))
    packages = [kind.__module__.partition(".")[0] for kind in ChatModel.__mro__]
    less = next((TELLS_LESS[package] for package in packages if package in TELLS_LESS), None)
    sentence = less[words == ()] if less else sentence
    assert sentence in " ".join(element.value for element in (*page.error, *page.caption))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[503] Service Unavailable", "overloaded"),
        ("ResponseError(code='rate_limit_exceeded', message='a fault')", "too often"),
        ("context_length_exceeded: a fault", "too long for"),
        ("OpenRouter API returned an error during streaming: a fault (code: 429)", "too often"),
        ("Response r1 failed.", "The model failed (ValueError)"),
    ],
)
def test_a_fault_that_has_but_a_text_is_one_sentence(text: str, sentence: str) -> None:
    assert sentence in sentence_for(ValueError(text), read_settings()["model"])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"finish_reason": "length"}, "cut off"),
        ({"stop_reason": "max_tokens"}, "cut off"),
        ({"finish_reason": "MAX_TOKENS"}, "cut off"),
        ({"finish_reason": "content_filter"}, "filter"),
        ({"finish_reason": "RECITATION"}, "filter"),  # Gemini's
        ({"stopReason": "guardrail_intervened"}, "filter"),  # Bedrock's
        ({"finish_reason": "ERROR"}, "fault"),  # Cohere's
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "cut off"),
        ({"status": "completed", "incomplete_details": None}, ""),
        ({"finish_reason": "stop"}, ""),
    ],
)
def test_an_answer_that_ends_early_says_why(said: dict[str, Any], sentence: str) -> None:
    ended = end_sentence(said)
    assert ended is not None
    assert sentence in ended
    assert bool(sentence) == bool(ended)


@pytest.mark.parametrize("cause", TABLE["causes"])
def test_a_sentence_can_be_filled_in(cause: str) -> None:
    assert TABLE["causes"][cause]["sentence"].format(provider="P", name="N", key="K").isprintable()


def test_asked_too_often_is_not_too_long() -> None:
    class ClientError(Exception):
        response: ClassVar = {"ResponseMetadata": {"HTTPStatusCode": 429}, "Error": {"Code": "ThrottlingException"}}

    error = ClientError("Too many tokens, please wait before trying again.")  # Bedrock's words
    assert "too often" in sentence_for(error, read_settings()["model"])


def test_of_an_unknown_failure_the_log_says_where_not_what(caplog: pytest.LogCaptureFixture) -> None:
    text = "it repeats the key sk-secret"
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        sentence = sentence_for(error, read_settings()["model"])
    assert sentence.startswith("The model failed (RuntimeError)")
    assert "raise RuntimeError(text)" in caplog.text
    assert "sk-secret" not in sentence + caplog.text


def test_spoilt_json_is_one_sentence_or_passed_over(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(spoilt=True)
    say(page, "Hello")
    assert transcript(page)[-1] == ("ai", "Hello from the model")
    passed_over = getattr(protocol, "SPOILT_IS_PASSED_OVER", False)
    assert ["cannot be read" in error.value for error in page.error] == ([] if passed_over else [True])


@pytest.mark.parametrize("reply", [Reply(silence=30), Reply(pause=30)], ids=["nothing comes", "no word comes"])
def test_silence_ends_at_the_timeout(server: ModelServer, settings: dict[str, Any], reply: Reply) -> None:
    settings["model"]["arguments"] = hurried(settings["model"]["arguments"])
    server.reply = reply
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    say(page, "Hello")
    assert "took too long" in page.error[0].value
    assert transcript(page)[-2] == ("human", "Hello")


def hurried(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the model's arguments with timeouts of a sixtieth, whatever their name and their unit."""
    return {
        name: hurried(value) if isinstance(value, dict) else value // 60 if "timeout" in name else value
        for name, value in arguments.items()
    }


def test_no_network_is_one_sentence(page: AppTest, server: ModelServer) -> None:
    server.__exit__()
    say(page, "Hello")
    assert "cannot be reached" in page.error[0].value


@pytest.mark.skipif(
    bool(read_settings()["model"]["key_variable"]) or not hasattr(protocol, "NO_CREDENTIALS"),
    reason="this provider has a key, or needs none",
)
def test_missing_credentials_are_one_sentence(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*protocol.environment(server.url), read_settings()["model"]["base_url_variable"]]:
        monkeypatch.delenv(name)
    for name, value in protocol.NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    page = say(AppTest.from_file(str(PAGE), default_timeout=60).run(), "Hello")
    assert "There are no credentials for" in page.error[0].value
    assert not page.exception


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title = ", "cannot be read"),
        ("title = 'x'", "lacks session_key"),
        ("title = 5", "lacks title"),
        ("image_hosts = [1]", "image_hosts"),
    ],
)
def test_a_spoilt_settings_file_is_one_sentence(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, sentence: str
) -> None:
    say(page, "Keep this")
    with monkeypatch.context() as spoilt:
        spoilt.setattr("chat.settings.ROOT", tmp_path)
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
        page.run()
        assert not page.exception
        assert sentence in page.error[0].value
    assert ("human", "Keep this") in transcript(page.run())


def test_a_wrong_argument_is_one_sentence(page: AppTest, settings: dict[str, Any]) -> None:
    settings["model"]["arguments"]["model"] = 5
    page.run()
    assert not page.exception
    assert "check [model] in settings.toml" in page.error[0].value
