"""One page is drawn at a time, and no page holds up the others for long."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as finished

import pytest

from chat import drawing
from chat.drawing import begin_drawing, end_drawing, others_may_draw


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    """Return another page's thread."""
    with ThreadPoolExecutor(1) as other:
        yield other
        other.submit(end_drawing)
    end_drawing()


def test_a_page_waits_for_the_one_before(other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 60)
    begin_drawing()
    begun = other.submit(begin_drawing)
    assert finished([begun], timeout=0.1).not_done
    assert end_drawing()
    assert finished([begun], timeout=10).done


def test_while_a_page_waits_another_is_drawn(other: ThreadPoolExecutor) -> None:
    begin_drawing()
    with others_may_draw():
        other.submit(begin_drawing).result(10)
        assert other.submit(end_drawing).result(10)
    assert end_drawing()


def test_a_slow_page_is_not_waited_for_long(other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 0.01)
    begin_drawing()
    other.submit(begin_drawing).result(10)
    assert not end_drawing()  # it is the other's turn now
    with others_may_draw():
        assert other.submit(end_drawing).result(10)


def test_a_session_does_not_wait_for_its_own_run_that_broke_off(
    other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 60)
    monkeypatch.setattr(drawing, "_session", lambda: "the session of both")
    begin_drawing()
    other.submit(begin_drawing).result(10)
    assert end_drawing()
