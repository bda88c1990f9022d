"""Which of the sentences in errors.toml says what went wrong with a provider, and what to do."""

import logging
import re
import tomllib
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
CAUSES, ENDS = TABLE["causes"], TABLE["ends"]
KNOWN = {sign for cause in CAUSES.values() for sign in cause["signs"]}
UNKNOWN = "The model failed ({kind}): try again; if it happens again, look at the app's log."
# Some clients pass over a fault that the provider reports in the middle; then no end comes.
NO_END = "The answer may not be whole, for its end did not come: try again."
# Plain exceptions tell it in their text only: NVIDIA's, LangChain's two for OpenAI's Responses API and OpenRouter's.
SAYS_ITS_NAME = r"\[(\d{3})\]|ResponseError\(code='(\w+)'|(\w+): |.*\(code: (\w+)\)$|(No generation chunks)"


class ChatError(Exception):
    """A problem whose message is the sentence the user is shown."""


def explain(error: BaseException, model_settings: dict[str, Any], unknown: str = UNKNOWN) -> str:
    """Return the sentence for an error.

    Nothing of the error's own text is shown: providers repeat keys and prompts in it.

    Parameters:
        error: What the chain raised.
        model_settings: The [model] table of settings.toml.
        unknown: The sentence for an error that no cause fits; {kind} in it becomes the error's class.
    """
    if isinstance(error, ChatError):
        return str(error)
    if cause := _cause_of(error):
        variable = model_settings["key_variable"]
        key = f"the API key ({variable}, or the sidebar's)" if variable else "the credentials (see README.md)"
        return CAUSES[cause]["sentence"].format(key=key, **model_settings)
    # Where it failed, without what it says.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger(__name__).error("%s, raised at\n%s", type(error).__name__, frames)
    return unknown.format(kind=type(error).__name__)


def is_too_long(error: BaseException) -> bool:
    """Say whether the provider finds the chat too long for the model."""
    return _cause_of(error) == "too_long"


def how_it_ended(metadata: Mapping[str, Any]) -> str | None:
    """Return the sentence for an answer that ends early, "" for one that is whole, None for a piece that is no end.

    Parameters:
        metadata: The `response_metadata` of a piece of an answer.
    """
    why = metadata.get("incomplete_details") or {}  # with OpenAI's Responses API
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
    reasons = {str(reason).lower() for reason in (why.get("reason"), *map(metadata.get, names)) if reason}
    return next((end["sentence"] for end in ENDS.values() if reasons & {*end["signs"]}), "") if reasons else None


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


def _cause_of(error: BaseException) -> str | None:
    errors = _with_causes(error)
    signs, text = set().union(*map(_signs_of, errors)), " ".join(map(str, errors)).lower()
    for name, cause in CAUSES.items():
        if signs & {*cause["signs"]} or any(word in text for word in cause.get("words", [])):
            return name
    return None


def _with_causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error and error not in chain:  # they may go round in a circle
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _signs_of(error: BaseException) -> set[str]:
    """Return what an error calls itself: its classes, its HTTP status and its codes, wherever the client keeps them."""
    response, body = getattr(error, "response", None), getattr(error, "body", None)
    if isinstance(response, dict):  # botocore's
        said = [response.get("ResponseMetadata", {}).get("HTTPStatusCode"), response.get("Error", {}).get("Code")]
    elif type(error) in (Exception, ValueError) and (match := re.match(SAYS_ITS_NAME, str(error))):
        said = [match[match.lastindex or 0]]
    else:
        names = ("status_code", "status", "code", "error_type")
        said = [getattr(where, name, None) for where in (error, response) for name in names]
        bodies = (body, body.get("error")) if isinstance(body, dict) else ()
        said += [part.get(name) for part in bodies if isinstance(part, dict) for name in ("code", "type")]
    # A status that stands nowhere counts as its class's first: https://www.rfc-editor.org/rfc/rfc9110#section-15
    signs = {sign if sign in KNOWN or not sign.isdecimal() else f"{sign[0]}00" for sign in map(str, said)}
    return signs | {kind.__name__ for kind in type(error).__mro__}


def _headers_of(error: BaseException) -> Any:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        return response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return getattr(error, "headers", None) or getattr(response, "headers", None) or {}
