"""What is imported stays: Python's garbage collector need not look through it."""

import functools
import gc


@functools.cache
def keep_imports() -> None:
    """Leave out of every later collection what lives now, mostly Streamlit's and LangChain's own."""
    gc.collect()
    gc.freeze()
