"""What Streamlit's page lacks for people: accessibility.js says what; page.css has the rules that need no script."""

from pathlib import Path

import streamlit as st

JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
_component = st.components.v2.component("accessibility", html="<p role=status></p>", js=JS, isolate_styles=False)


def mount() -> None:
    """Bring the script into the page, where it stays."""
    _component(key="app.accessibility")
