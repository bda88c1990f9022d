"""Tokens are counted as the provider reports them, and a session has a limit if the owner wants one."""

from functools import reduce
from typing import Any

import pytest
from langchain_core.messages.ai import UsageMetadata
from streamlit.testing.v1 import AppTest

from chat.context import context_tokens
from chat.model import build_model
from chat.settings import read_settings
from chat.turn import tokens_so_far
from tests.model_server import ModelServer
from tests.pages import say


def captions(page: AppTest) -> list[str]:
    """Return the small print."""
    return [caption.value for caption in page.caption]


def test_an_answer_and_the_session_show_their_tokens(page: AppTest) -> None:
    say(page, "First")
    assert "7 tokens in, 5 out" in captions(page)
    say(page, "Second")
    assert captions(page)[-1].endswith("24 tokens used in this session")


@pytest.mark.parametrize(
    "counts",
    [
        [(7, 0), (0, 2), (0, 3)],  # the differences, as LangChain's clients have them
        [(5, 2), (2, 3)],  # the same, where the question's count grows, too (Gemini)
        [(7, 1), (7, 3), (7, 5)],  # the whole so far, again and again
    ],
)
def test_differences_are_added_up_and_totals_are_not(counts: list[tuple[int, int]]) -> None:
    used = [UsageMetadata(input_tokens=i, output_tokens=o, total_tokens=i + o) for i, o in counts]
    so_far = reduce(tokens_so_far, [*used, None])
    assert so_far == UsageMetadata(input_tokens=7, output_tokens=5, total_tokens=12)


def test_a_session_that_has_used_its_tokens_is_told(page: AppTest, settings: dict[str, Any]) -> None:
    settings["tokens_per_session"] = 20
    page.run()
    say(page, "First")
    assert not page.chat_input[0].disabled
    say(page, "Second")
    assert "has used the 20 tokens" in page.warning[0].value
    assert page.chat_input[0].disabled


def test_the_page_says_how_full_the_context_is(page: AppTest, server: ModelServer) -> None:
    size = context_tokens(build_model(read_settings(), server.key))
    if not size:
        pytest.skip("the profile of this model does not say how much it reads")
    assert f"of {size:,} tokens" not in captions(page)[-1]
    say(page, "First")
    assert f"Context {12 / size:.0%} of {size:,} tokens" in captions(page)[-1]
