"""What the first visitor would wait for is done as the server starts."""

import gc
from collections.abc import Iterator

import pytest

from chat.model import MODELS
from server.warm_up import WarmUp
from tests.model_server import ModelServer


@pytest.fixture(autouse=True)
def _garbage_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_the_model_is_made_and_what_is_imported_is_no_garbage(server: ModelServer) -> None:
    before = gc.get_freeze_count()
    warm_up = WarmUp("chat.turn", "chat.session:prepare")
    warm_up.start()
    warm_up.join()
    assert len(MODELS) == 1
    assert gc.get_freeze_count() > before
    assert gc.get_threshold()[0] == 5_000
