"""The time, and the pattern of a tool: a function with types and a docstring, which the model reads."""

from datetime import datetime
from zoneinfo import ZoneInfo


def clock(time_zone: str = "UTC") -> str:
    """Tell the date and the time.

    Args:
        time_zone: A name such as "Europe/Paris".
    """
    return f"{datetime.now(ZoneInfo(time_zone)):%A, %d %B %Y, %H:%M}"
