"""One page is drawn at a time, and no page holds up the others for long."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as finished

import pytest

from chat import drawing
from chat.drawing import begin_to_draw, end_to_draw, others_may_draw


@pytest.fixture
def other() -> Iterator[ThreadPoolExecutor]:
    """Return another page's thread."""
    with ThreadPoolExecutor(1) as other:
        yield other
        other.submit(end_to_draw)
    end_to_draw()


def test_a_page_waits_for_the_one_before(other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 60)
    begin_to_draw()
    begun = other.submit(begin_to_draw)
    assert finished([begun], timeout=0.1).not_done
    assert end_to_draw()
    assert finished([begun], timeout=10).done


def test_while_a_page_waits_another_is_drawn(other: ThreadPoolExecutor) -> None:
    begin_to_draw()
    with others_may_draw():
        other.submit(begin_to_draw).result(10)
        assert other.submit(end_to_draw).result(10)
    assert end_to_draw()


def test_a_slow_page_is_not_waited_for_long(other: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 0.01)
    begin_to_draw()
    other.submit(begin_to_draw).result(10)
    assert not end_to_draw()  # it is the other's turn now
    with others_may_draw():
        assert other.submit(end_to_draw).result(10)


def test_a_page_that_broke_off_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "WAIT_SECONDS", 60)
    broken = threading.Thread(target=begin_to_draw)
    broken.start()
    broken.join()
    begin_to_draw()
    assert end_to_draw()
