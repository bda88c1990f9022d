"""Text where Streamlit reads Markdown."""

import re

CODE_OR_MATH = re.compile(
    r"(?P<code>```.*?(?:```|\Z)|`[^`\n]*`)"
    r"|\\\((?P<inline>(?:(?!\\[()]).)+)\\\)"
    r"|\\\[(?P<block>(?:(?!\\[\[\]]).)+)\\\]",
    re.DOTALL,
)


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is.

    Source: https://spec.commonmark.org/0.31.2/#backslash-escapes

    Parameters:
        text: One line.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def with_dollars(text: str) -> str:
    r"""Return Markdown with its math in dollars, as Streamlit reads it, where a model wrote \(…\) and \[…\]."""

    def dollars(found: re.Match[str]) -> str:
        if found["code"]:
            return found["code"]
        return f"${found['inline'].strip()}$" if found["inline"] else f"$${found['block']}$$"

    return CODE_OR_MATH.sub(dollars, text)
