"""What is data stays text; what is math is drawn."""

import time

import pytest

from chat.markdown import with_dollars


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"Let \( x^2 \) be", "Let $x^2$ be"),
        (r"\[ E = mc^2 \]", "$$ E = mc^2 $$"),
        (r"Write `\(x\)` so", r"Write `\(x\)` so"),
        ("```latex\n\\(x\\)\n", "```latex\n\\(x\\)\n"),
        (r"\(a\) and \(b\)", "$a$ and $b$"),
        (r"An open \( stays", r"An open \( stays"),
        ("$5 or $10", "$5 or $10"),
    ],
)
def test_math_is_in_dollars(written: str, read: str) -> None:
    assert with_dollars(written) == read


@pytest.mark.parametrize("piece", [r"\(", r"\[", "`", "```", r"\(\["])
def test_a_bomb_takes_no_longer_than_its_length(piece: str) -> None:
    def seconds(count: int) -> float:
        begin = time.thread_time()
        with_dollars(piece * count)
        return time.thread_time() - begin

    assert seconds(100_000) < 50 * max(seconds(10_000), 0.001)  # ten times the text; not a hundred times the time
