"""Text that is data, where Streamlit reads Markdown."""

import re


def plain(text: str) -> str:
    """Return Markdown that shows a text as it stands.

    Source: https://spec.commonmark.org/0.31.2/#backslash-escapes

    Parameters:
        text: One line.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
