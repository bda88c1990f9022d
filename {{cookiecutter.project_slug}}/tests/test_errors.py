"""One sentence for what a provider can say (the table in chat/errors.toml, over the wire), and for a spoilt file."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from streamlit.testing.v1 import AppTest

from chat.errors import TABLE, end_sentence, is_refused, is_too_long, sentence_for
from chat.model import ChatModel, build_model
from chat.settings import EXPECTED, read_settings
from server.loop import loop
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


WORDS = {
    "cannot read a file": [
        (400, "this model does not support image input"),
        (400, "Could not process image"),
        (400, "Unable to process input image. Please retry."),
        (404, "No endpoints found that support image input"),
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (400, "At most 0 image(s) may be provided in one prompt."),
        (400, "Invalid content type. image_url is only supported by certain models."),
        (400, "Failed to deserialize the JSON body: messages[1]: unknown variant `image_url`, expected `text`"),
        (400, "Model does not support images. Please use a model that does."),
        (400, "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum"),
        (400, "The image was specified using the image/jpeg media type, but appears to be a image/png image"),
        (400, "The provided image does not match the specified image format."),
        (400, "This model doesn't support the image content block that you provided."),
        (400, "'url' field must be a base64 encoded image."),
        (400, "The PDF specified was not valid."),
        (422, "messages[0].content: invalid type: sequence, expected a string"),
        (400, "'messages.0.content' : value must be a string"),
        (422, "messages.0.content: Input should be a valid string"),
        (400, "[{'type': 'string_type', 'loc': ('body', 'messages', 0, 'content', 'str'), 'input': []}]"),
    ],
    "filter refuses": [
        (400, "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."),
        (400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
        (400, "litellm.ContentPolicyViolationError: refused"),
        (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"),
        (403, "m requires moderation on p. Your input was flagged."),
        (400, "Output blocked by content filtering policy"),
        (400, "Content Exists Risk"),
        (400, "The request was rejected because it was considered high risk"),
        (400, "Input data may contain inappropriate content."),
        (400, "Violated OpenAI moderation policy"),
        (400, "The request failed because the input text may contain sensitive information."),
    ],
    "begins with the app's greeting": [
        (400, "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/..."),
        (400, 'messages: first message must use the "user" role'),
        (400, "A conversation must start with a user message. Try again."),
        (400, "After the (optional) system message(s), user message(s) should alternate with assistant message(s)."),
        (400, "Please ensure that multiturn requests alternate between user and model."),
    ],
    "does not accept a system prompt": [
        (400, "System role not supported"),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
        (400, "This model doesn't support system messages."),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (400, "Only user and assistant roles are supported!"),
    ],
    "stream_usage = false": [
        (400, "Unrecognized request argument supplied: stream_options"),
        (422, "body -> stream_options: Extra inputs are not permitted"),
    ],
    "too long for": [
        (400, "the request exceeds the available context size, try increasing it"),
        (400, "Your input exceeds the context window of this model."),
        (400, "input length and `max_tokens` exceed context limit: 199990 + 20000 > 200000"),
        (400, "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000"),
        (400, "`inputs` must have less than 4096 tokens. Given: 5000"),
        (400, "Invalid 'messages[1].content': string too long. Expected a string with maximum length 1048576."),
        (400, "Prompt exceeds max length"),
        (413, "Request Entity Too Large"),
    ],
    "no credit": [
        (400, "Your credit balance is too low."),
        (400, "Budget has been exceeded! Max budget: 1.0"),
        (429, "Your account is not active, please check your billing details on our website."),
        (429, "Your account is suspended due to insufficient balance, please recharge your account."),
        (403, "Your newly created team doesn't have any credits yet."),
        (403, "Key limit exceeded (total limit)."),
        (400, "You have reached your specified API usage limits."),
        (412, "Account x is suspended, possibly due to reaching the monthly spending limit."),
    ],
    "does not offer the model": [
        (403, "Project `p` does not have access to model `m`"),
        (401, "key not allowed to access model. This key can only access models=['gpt-4']."),
        (400, "Unable to access non-serverless model m."),
    ],
    "too often": [(429, "Too many tokens, please wait before trying again.")],
    "refused the": [
        (400, "No connected db."),
        (400, "Incorrect API key provided: xa***."),
        (400, "API key not valid. Please pass a valid API key."),
        (401, "Incorrect API key provided: sk-abcpdfx."),
    ],
    "does not know the model": [
        (400, "Invalid model name passed in model=m. Call `/v1/models` to view available models for your key."),
        (400, "Model Not Exist"),
        (400, "The provided model identifier is invalid."),
        (400, "m is not a valid model ID"),
        (400, "No models loaded. Please load a model in the developer page."),
        (400, "Your organization must be verified to stream this model."),
        (404, "The model `pdf-chat` does not exist"),
    ],
    "country": [(400, "User location is not supported for the API use.")],
    "still loading": [(503, "Loading model")],
    "too large for its machine": [(500, "model requires more system memory (5.6 GiB) than is available (2.1 GiB)")],
    "check HTTPS_PROXY": [(407, "Proxy Authentication Required")],
    "something other than an answer": [(405, "Method Not Allowed")],
    "took too long": [(408, "Request Timeout"), (504, "Gateway Timeout")],
    "check the model's arguments": [
        (400, "Unsupported value: 'temperature' does not support 0.2 with this model."),
        (400, "'stop': expected a string, but got an integer"),
        (400, "Guardrail 'pii' not found in config"),
        (400, "max_tokens is too large: 200000. This model supports at most 16384 completion tokens"),
    ],
}


def test_what_servers_say_is_one_sentence_with_what_to_do(server: ModelServer) -> None:
    wrong = {}
    for sentence, refusals in WORDS.items():
        for status, message in refusals:
            server.reply = Reply(status=status, message=message)
            files = sentence == "cannot read a file"
            said, error = asked_without_a_page(with_files=files)
            kinds = files or sentence in ("filter refuses", "too long for"), sentence == "too long for"
            if sentence not in said or (is_refused(error, files), is_too_long(error)) != kinds:
                wrong[message] = said
    assert wrong == {}


def asked_without_a_page(settings: dict[str, Any] | None = None, with_files: bool = False) -> tuple[str, BaseException]:
    """Return the model's answer, or the sentence that the page would show instead and what it is for."""
    settings = settings or read_settings()

    async def read(model: Any) -> str:
        return "".join([chunk.text async for chunk in model.astream("Hello")])

    try:
        model = build_model(settings, "sk-test")
        return asyncio.run_coroutine_threadsafe(read(model), loop).result(60), BaseException()
    except Exception as error:
        return sentence_for(error, settings["model"], with_files=with_files), error


def test_what_a_server_repeats_of_the_question_says_nothing_of_the_cause() -> None:
    error = Exception(f"[422] unprocessable: {'x' * 1000} context length")
    assert "check the model's arguments" in sentence_for(error, read_settings()["model"])


HTML = (("Content-Type", "text/html"),)
NO_ANSWERS = {
    "a web page": Reply(body=b"<!doctype html><html><body>Sign in</body></html>", headers=HTML),
    "plain JSON": Reply(body=b'{"hello": "world"}'),
    "nothing": Reply(body=b"", headers=(("Content-Type", "text/plain"),)),
}


@pytest.mark.parametrize("reply", NO_ANSWERS)
def test_what_is_no_answer_says_to_check_the_address(page: AppTest, server: ModelServer, reply: str) -> None:
    server.reply = NO_ANSWERS[reply]
    say(page, "Hello")
    assert "heck the server's address" in page.error[0].value
    assert transcript(page)[-2] == ("human", "Hello")


@pytest.mark.skipif(not hasattr(protocol, "filtered"), reason="the same as with OpenAI's protocol")
def test_a_question_that_a_filter_leaves_unanswered_is_not_sent_again(page: AppTest, server: ModelServer) -> None:
    server.reply = Reply(body=protocol.filtered(), headers=(("Content-Type", protocol.CONTENT_TYPE),))
    say(page, "Something bad")
    assert "content filter ended the answer" in page.error[0].value
    server.reply = Reply()
    say(page, "Hello")
    assert "Something bad" not in str(server.requests[-1])


ADDRESS = read_settings()["model"]["base_url_variable"]
needs_address = pytest.mark.skipif(not ADDRESS, reason="the built-in model's server has no address to be set")


@needs_address
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("http", " http"), ("http://", ""), ("http", "htp"), ("http", "https")],
    ids=["a blank before it", "no http://", "a slip", "https:// for http://"],
)
def test_a_wrong_address_is_one_sentence(
    server: ModelServer, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, right: str, wrong: str
) -> None:
    # Of equal timeouts, LangChain makes one client, with the first one's address.
    settings["model"]["arguments"] = hurried(settings["model"]["arguments"], times=100)
    monkeypatch.setenv(ADDRESS, server.url.replace(right, wrong, 1))
    said, _ = asked_without_a_page(settings)
    assert ADDRESS in said or said == "Hello from the model."  # some clients set it right themselves


@needs_address
def test_a_certificate_that_nobody_trusts_is_one_sentence(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.encrypt(Path(__file__).parent / "self_signed.pem")
    url = server.url.replace("http", "https")
    for name, value in {ADDRESS: url, **protocol.environment(url)}.items():
        monkeypatch.setenv(name, value)
    assert "SSL_CERT_FILE" in asked_without_a_page()[0]


def test_a_socks_proxy_without_its_package_is_one_sentence(
    server: ModelServer, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings["model"]["arguments"] = hurried(settings["model"]["arguments"], times=150)  # for a client of its own
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    said, _ = asked_without_a_page(settings)
    assert "uv add socksio" in said or said == "Hello from the model."  # some clients know no ALL_PROXY


# What the page says with clients that tell less of a fault within a stream, after half an answer and after none.
TELLS_LESS = {
    "langchain_fireworks": ("may be incomplete", "empty answer"),
    "langchain_mistralai": ("may be incomplete", "empty answer"),
    "langchain_nvidia_ai_endpoints": ("may be incomplete", "empty answer"),
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
    said = " ".join(element.value for element in (*page.error, *page.caption))
    assert sentence in said or (less and less[words == ()] in said)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[503] Service Unavailable", "overloaded"),
        ("ResponseError(code='rate_limit_exceeded', message='a fault')", "too often"),
        ("context_length_exceeded: a fault", "too long for"),
        ("OpenRouter API returned an error during streaming: a fault (code: 429)", "too often"),
        ("[Errno 110] Connect call failed ('192.0.2.1', 443)", "cannot be reached"),  # after two minutes, on Linux
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
        ({"finish_reason": "tool_calls"}, "asked for a tool that cannot be called"),
        ({"stop_reason": "tool_use"}, "asked for a tool"),
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
    assert TABLE["causes"][cause]["sentence"].format(provider="P", name="N", key="K", address="A").isprintable()


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


def hurried(arguments: dict[str, Any], times: int = 300) -> dict[str, Any]:
    """Return the model's arguments with timeouts so many times shorter, whatever their name and their unit."""

    def shorter(timeout: Any) -> Any:
        return [shorter(each) for each in timeout] if isinstance(timeout, list) else max(1, timeout // times)

    return {
        name: hurried(value, times) if isinstance(value, dict) else shorter(value) if "timeout" in name else value
        for name, value in arguments.items()
    }


def test_a_model_may_think_for_five_minutes() -> None:
    arguments = read_settings()["model"]["arguments"]
    arguments = arguments | arguments.get("client_kwargs", {})
    timeouts = [value for name, value in arguments.items() if "timeout" in name]
    assert min(value if isinstance(value, int) else max(value) for value in timeouts) >= 300
    # LangChain's own limit, where it has one, is 120 s.
    assert ("stream_chunk_timeout" in ChatModel.model_fields) == ("stream_chunk_timeout" in arguments)


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
        ("title = 'x'", "values: session_key"),
        ("title = 5", "values: title"),
        ("title = 'x'", list(EXPECTED)[-1]),
        ("image_hosts = [1]", "image_hosts"),
        ("answer_minutes = -1", "answer_minutes"),
        ("session_key = ''", "session_key. Fix"),
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


def test_an_argument_that_the_client_does_not_know_is_one_sentence() -> None:
    error = TypeError("AsyncCompletions.create() got an unexpected keyword argument 'top_k'")
    assert "[model.arguments] in settings.toml" in sentence_for(error, read_settings()["model"])


def test_a_wrong_argument_is_one_sentence(page: AppTest, settings: dict[str, Any]) -> None:
    settings["model"]["arguments"]["model"] = 5
    page.run()
    assert not page.exception
    assert "check [model] in settings.toml" in page.error[0].value
