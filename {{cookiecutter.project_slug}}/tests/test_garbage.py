"""Python's garbage collector looks seldom, and not at what is imported."""

import gc

import streamlit as st
from streamlit.testing.v1 import AppTest


def test_it_looks_seldom(page: AppTest) -> None:
    assert gc.get_freeze_count() > 100_000
    assert gc.get_threshold()[0] == 5_000


def test_streamlit_still_has_the_option_that_keeps_it_from_looking_after_every_run() -> None:
    assert st.get_option("runner.postScriptGC") is False  # a hidden one; an unknown one raises
