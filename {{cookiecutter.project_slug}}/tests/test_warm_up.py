"""What the first visitor would wait for is done as the server starts."""

import gc
from collections.abc import Iterator

import pytest
import streamlit as st

from chat.model import _build
from server.warm_up import WarmUp
from tests.model_server import ModelServer


@pytest.fixture(autouse=True)
def _garbage_as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_the_model_is_made_and_what_is_imported_is_no_garbage(server: ModelServer) -> None:
    warm_up = WarmUp("chat.turn", "chat.session:prepare")
    warm_up.start()
    warm_up.join()
    assert _build.cache_info().currsize == 1
    assert gc.get_freeze_count() > 100_000
    assert gc.get_threshold()[0] == 5_000


def test_streamlit_still_has_the_option_that_keeps_it_from_looking_after_every_run() -> None:
    assert st.get_option("runner.postScriptGC") is False  # a hidden one; an unknown one raises
