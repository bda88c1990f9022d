"""Which sentence of errors.toml says what went wrong with a provider, and what to do."""

import logging
import os
import re
import tomllib
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
# Some clients ignore a fault that the provider reports in mid-answer; then no end comes.
NO_END = "The answer may be incomplete: the connection ended early. Try again."
# Plain exceptions tell it only in their text: NVIDIA's, LangChain's two for OpenAI's Responses API and OpenRouter's.
SAYS_ITS_NAME = r"\[(\d{3})\]|ResponseError\(code='(\w+)'|(\w+): |.*\(code: (\w+)\)$"
SAID = 1000  # characters in which a server says what is wrong; some go on to repeat the whole question
UNKNOWN = "The model failed ({kind}): try again. If it happens again, look at the app's log."


class ChatError(Exception):
    """A problem whose message is the sentence the user is shown."""


class Refusal(ChatError):
    """A problem with what is in a question, which would be the same if it were sent again."""


def sentence_for(
    error: BaseException, model_settings: dict[str, Any], unknown: str = UNKNOWN, with_files: bool = False
) -> str:
    """Return the sentence for an error.

    Nothing of the error's own text is shown: providers repeat keys and prompts in it.

    Parameters:
        error: What the chain raised.
        model_settings: The [model] table of settings.toml.
        unknown: The sentence for an error that the table has no row for; {kind} in it becomes the error's class.
        with_files: Whether files were sent, which the provider may be speaking of.
    """
    if isinstance(error, ChatError):
        return str(error)
    variable = model_settings["key_variable"]
    where = variable if os.environ.get(variable) else "the sidebar"
    names = {
        "provider": model_settings["provider"],
        "name": model_settings["name"],
        "address": model_settings.get("base_url_variable") or "settings.toml",
        "key": f"the API key in {where}" if variable else "the credentials (see README.md)",
    }
    if cause := _cause_of(error, with_files):
        return cause["sentence"].format(**names)
    # Where it failed, without what it says.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logging.getLogger(__name__).error("%s, raised at\n%s", type(error).__name__, frames)
    return unknown.format(kind=type(error).__name__)


def end_sentence(metadata: Mapping[str, Any]) -> str | None:
    """Return the sentence for an answer that ends early, "" for a whole one, None for a piece that does not end it.

    Parameters:
        metadata: The `response_metadata` of a piece of an answer.
    """
    why: Any = metadata.get("incomplete_details") or metadata.get("prompt_feedback")  # OpenAI's Responses API, Gemini
    why = why if isinstance(why, Mapping) else {}
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
    said = (why.get("reason"), why.get("block_reason"), *map(metadata.get, names))
    reasons = {str(reason).lower().rpartition(".")[2] for reason in said if reason}
    ends = TABLE["ends"].values()
    return next((end["sentence"] for end in ends if reasons & {*end["reasons"]}), "") if reasons else None


def is_too_long(error: BaseException) -> bool:
    """Say whether the provider finds the chat too long for the model."""
    return _cause_of(error) is TABLE["causes"]["too_long"]


def is_refused(error: BaseException, with_files: bool = False) -> bool:
    """Say whether the provider refuses the question for what is in it: sent again, it would be refused again."""
    unanswered = TABLE["ends"]["filter"]["sentence"] in str(error)  # after an empty answer, too
    return unanswered or isinstance(error, Refusal) or _cause_of(error, with_files).get("of_content", False)


def is_of_file(error: BaseException, with_files: bool) -> bool:
    """Say whether it is a file that the provider refuses."""
    return _cause_of(error, with_files) is TABLE["causes"]["file"]


def retry_after(error: BaseException) -> float | None:
    """Return how many seconds the provider asks to wait before the next try, if it does.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    Parameters:
        error: What the chain raised.
    """
    for each in _with_causes(error):
        if value := _headers_of(each).get("retry-after"):
            with suppress(ValueError):
                return seconds if isfinite(seconds := float(value)) else None
            with suppress(ValueError):
                until = parsedate_to_datetime(value)
                return (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return None


def _cause_of(error: BaseException, with_files: bool = False) -> dict[str, Any]:
    """Return the first row of [causes] that fits an error, {} if none does."""
    chain = _with_causes(error)
    causes = [cause for cause in TABLE["causes"].values() if with_files or not cause.get("of_files")]
    return next((cause for cause in causes if any(_fits(cause, each) for each in chain)), {})


def _with_causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error and error not in chain:  # they may form a circle
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _fits(cause: dict[str, Any], error: BaseException) -> bool:
    status, kinds = status_of(error) or 0, {kind.__name__ for kind in type(error).__mro__}
    said = f"{getattr(error, 'body', '')} {error}"[:SAID].lower()
    by_status = {status, status // 100 * 100} & {*cause.get("statuses", [])}
    return bool(by_status or kinds & {*cause.get("kinds", [])} or any(word in said for word in cause.get("words", [])))


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, under any of the names that the clients have for it."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        code = response.get("Error", {}).get("Code", "")
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode") or TABLE["statuses"].get(code)
    if type(error) in (Exception, ValueError) and (said := re.match(SAYS_ITS_NAME, str(error))):
        return _status_of_name(said[said.lastindex or 0])
    found = (getattr(where, name, None) for where in (error, response) for name in ("status_code", "status", "code"))
    status = next((status for status in found if isinstance(status, int)), None)
    return status if status not in (None, 200) else _status_in_a_stream(error) or status


def _status_in_a_stream(error: BaseException) -> int | None:
    """Return the HTTP status for what an error calls itself, on its own or in what the provider sent."""
    body = getattr(error, "body", None)
    body = body if isinstance(body, dict) else {}
    said = body["error"] if isinstance(body.get("error"), dict) else body
    names = (getattr(error, "code", ""), getattr(error, "error_type", ""), said.get("code"), said.get("type"))
    return next(filter(None, map(_status_of_name, map(str, names))), None)


def _status_of_name(name: str) -> int | None:
    return int(name) if name.isdecimal() else TABLE["statuses"].get(name)


def _headers_of(error: BaseException) -> Any:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        return response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return getattr(error, "headers", None) or getattr(response, "headers", None) or {}
