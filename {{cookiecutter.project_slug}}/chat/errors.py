"""What can go wrong with a provider, each as one sentence that says what happened and what to do."""

import logging
import re
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple


class ChatError(Exception):
    """A problem whose message is the sentence the user is shown."""


class Cause(NamedTuple):
    """A row of the table: it fits if a status, a word of a refusal (4xx) or an exception's class name fits."""

    sentence: str
    statuses: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


TOO_LONG = Cause(
    "This chat is too long for {name}: start a new one, or send a shorter message.",
    statuses=(413,),
    words=(
        *("context_length", "context size", "context length", "prompt is too long", "input is too long"),
        *("too many tokens:", "maximum number of tokens"),  # Bedrock's "Too many tokens, please wait" is another thing
    ),
    kinds=("ContextOverflowError",),
)
UNREACHABLE = "{provider} cannot be reached: check your network and the server's address, then try again."

# The first row that fits is shown. Class names, not classes: each provider's client brings its own.
CAUSES = (
    Cause(
        "There are no credentials for {provider} here, or they have expired: README.md says how to give them.",
        kinds=(
            *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"),
            *("TokenRetrievalError", "UnauthorizedSSOTokenError", "DefaultCredentialsError", "RefreshError"),
        ),
    ),
    Cause(
        "The connection to {provider} broke off before the answer was complete: try again.",
        kinds=(
            *("ProtocolError", "ReadError", "WriteError", "ConnectionResetError", "IncompleteRead"),
            *("ClientPayloadError", "ServerDisconnectedError"),
        ),
    ),
    TOO_LONG,
    Cause(
        "{provider} says that your account has no credit or quota left: add some there, then try again.",
        statuses=(402,),
        words=("insufficient_quota", "credit balance", "billing_hard_limit", "billing_error"),
    ),
    Cause(
        "{provider} does not know the model {name}, or not for you: check its name in settings.toml, and the server's "
        "address.",
        statuses=(404,),
        words=("model_not_found", "access to the model", "on-demand throughput"),  # the last two are Bedrock's
        kinds=("ModelNotFoundError",),
    ),
    Cause(
        "{provider} refused {key}: check it, then try again.",
        statuses=(401, 403),
        words=("api_key_invalid",),  # Gemini's, with status 400
        kinds=("ModelAuthenticationError", "ModelPermissionDeniedError"),
    ),
    Cause("{provider} is being asked too often: wait a minute, then try again.", statuses=(429,)),
    Cause("{provider} is overloaded: wait a minute, then try again.", statuses=(503, 529)),
    Cause(
        "{provider} has a fault on its side: try again in a few minutes.",
        statuses=(424, *range(500, 600), -1),  # 424 is Bedrock's, -1 Ollama's within a stream
        kinds=("TextGenerationError",),  # Hugging Face's there
    ),
    Cause("{provider} refused the request: check the model's arguments in settings.toml.", statuses=(400, 422)),
    Cause(
        UNREACHABLE, kinds=("ConnectTimeout", "ConnectTimeoutError", "ClientConnectorError", "ConnectionRefusedError")
    ),
    Cause(
        "{provider} took too long to answer: try again.",
        statuses=(408,),
        kinds=("TimeoutError", "TimeoutException", "ModelTimeoutError", "APITimeoutError"),
    ),
    Cause(
        UNREACHABLE,
        kinds=("ConnectError", "ConnectionError", "ModelConnectionError", "APIConnectionError", "NetworkError"),
    ),
    Cause(
        "{provider} sent an answer that cannot be read: try again.",
        kinds=("JSONDecodeError", "UnicodeDecodeError", "ParserError", "ResponseValidationError"),
    ),
)
# What providers call a fault that they report within a stream, where HTTP has said 200 already.
IN_A_STREAM = {
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "throttlingException"), 429),
    **dict.fromkeys(("overloaded_error", "serviceUnavailableException"), 529),
    **dict.fromkeys(("server_error", "api_error", "internalServerException", "modelStreamErrorException"), 500),
    **dict.fromkeys(("insufficient_quota", "billing_error"), 402),
    "context_length_exceeded": 413,
    "validationException": 400,
    "No generation chunks": 500,  # LangChain's own, when a client passes over a fault and nothing else has come
}
# What is said of an answer that ends early, and what the providers call that.
ENDS = {
    "The provider's filter ended the answer: ask in other words.": {
        *("content_filter", "content_filtered", "guardrail_intervened", "refusal"),
        *("safety", "recitation", "blocklist", "prohibited_content", "spii"),  # Gemini's
    },
    "A fault on the provider's side ended the answer: try again.": {
        *("error", "timeout", "insufficient_system_resource", "malformed_model_output", "malformed_response", "other"),
    },
    "The answer was cut off at its largest length: ask for the rest, or for less.": {
        *("length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded", "incomplete"),
    },
}
# Some clients pass over a fault that the provider reports in the middle; then no end comes.
NO_END = "The answer may not be whole, for its end did not come: try again."
# Plain exceptions tell it in their text only: NVIDIA's, LangChain's two for OpenAI's Responses API and OpenRouter's.
SAYS_ITS_NAME = r"\[(\d{3})\]|ResponseError\(code='(\w+)'|(\w+): |.*\(code: (\w+)\)$|(No generation chunks)"
UNKNOWN = "The model failed ({kind}): try again; if it happens again, look at the app's log."


def explain(error: BaseException, model_settings: dict[str, Any], unknown: str = UNKNOWN) -> str:
    """Return the sentence for an error.

    Nothing of the error's own text is shown: providers repeat keys and prompts in it.

    Parameters:
        error: What the chain raised.
        model_settings: The [model] table of settings.toml.
        unknown: The sentence for an error that the table has no row for; {kind} in it becomes the error's class.
    """
    if isinstance(error, ChatError):
        return str(error)
    variable = model_settings["key_variable"]
    names = {
        "provider": model_settings["provider"],
        "name": model_settings["name"],
        "key": f"the API key ({variable}, or the sidebar's)" if variable else "the credentials (see README.md)",
    }
    for cause in CAUSES:
        if any(_fits(cause, each) for each in _with_causes(error)):
            return cause.sentence.format(**names)
    # Where it failed, without what it says.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger(__name__).error("%s, raised at\n%s", type(error).__name__, frames)
    return unknown.format(kind=type(error).__name__)


def how_it_ended(metadata: Mapping[str, Any]) -> str | None:
    """Return the sentence for an answer that ends early, "" for one that is whole, None for a piece that is no end.

    Parameters:
        metadata: The `response_metadata` of a piece of an answer.
    """
    why = metadata.get("incomplete_details") or {}  # with OpenAI's Responses API
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
    reasons = {str(reason).lower() for reason in (why.get("reason"), *map(metadata.get, names)) if reason}
    return next((sentence for sentence, known in ENDS.items() if reasons & known), "") if reasons else None


def is_too_long(error: BaseException) -> bool:
    """Say whether the provider finds the chat too long for the model."""
    return any(_fits(TOO_LONG, each) for each in _with_causes(error))


def retry_after(error: BaseException) -> float | None:
    """Return how many seconds the provider asks to wait before the next try, if it does.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    Parameters:
        error: What the chain raised.
    """
    for each in _with_causes(error):
        if value := _headers_of(each).get("retry-after"):
            with suppress(ValueError):
                return float(value)
            with suppress(ValueError):
                return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    return None


def _with_causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error and error not in chain:  # they may go round in a circle
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _fits(cause: Cause, error: BaseException) -> bool:
    status = _status_of(error)
    if status in cause.statuses or any(kind.__name__ in cause.kinds for kind in type(error).__mro__):
        return True
    return status is not None and 400 <= status < 500 and any(word in str(error).lower() for word in cause.words)


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, under any of the names that the clients have for it."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        code = response.get("Error", {}).get("Code", "")
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode") or IN_A_STREAM.get(code)
    if type(error) in (Exception, ValueError) and (said := re.match(SAYS_ITS_NAME, str(error))):
        return _status_of_name(said[said.lastindex or 0])
    found = (getattr(where, name, None) for where in (error, response) for name in ("status_code", "status", "code"))
    status = next((status for status in found if isinstance(status, int)), None)
    return _status_in_a_stream(error) if status in (None, 200) else status


def _status_in_a_stream(error: BaseException) -> int | None:
    """Return the HTTP status for what an error calls itself, on its own or in what the provider sent."""
    body = getattr(error, "body", None)
    body = body if isinstance(body, dict) else {}
    said = body["error"] if isinstance(body.get("error"), dict) else body
    names = (getattr(error, "code", ""), getattr(error, "error_type", ""), said.get("code"), said.get("type"))
    return next(filter(None, map(_status_of_name, map(str, names))), None)


def _status_of_name(name: str) -> int | None:
    return int(name) if name.isdecimal() else IN_A_STREAM.get(name)


def _headers_of(error: BaseException) -> Any:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        return response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return getattr(error, "headers", None) or getattr(response, "headers", None) or {}
