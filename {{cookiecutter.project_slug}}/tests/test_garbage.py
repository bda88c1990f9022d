"""Python's garbage collector looks seldom, and not at what is imported."""

import gc

from streamlit.testing.v1 import AppTest


def test_a_run_of_the_page_collects_nothing(page: AppTest) -> None:
    collections: list[str] = []

    def note(phase: str, info: dict[str, int]) -> None:
        collections.append(phase)

    gc.disable()  # Python's own; Streamlit's would still be seen
    gc.callbacks.append(note)
    try:
        page.run()
    finally:
        gc.callbacks.remove(note)
        gc.enable()
    assert not collections
    assert gc.get_freeze_count()
