"""The clock tells the time where it is asked for."""

from chat.tools import read_tools


def test_the_clock() -> None:
    clock = read_tools()[0]["clock"].call
    assert clock().endswith(clock(time_zone="Europe/London")[-3:])  # the minutes
    assert "Europe/Paris" in str(read_tools()[0]["clock"].schema)
