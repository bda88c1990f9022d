"""One click copies an answer, as the model wrote it. (Streamlit has that for code blocks only.)"""

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator

HTML = '<button type="button" aria-label="Copy the answer" title="Copy the answer">Copy</button>'
CSS = """
button { font: inherit; font-size: 0.875rem; color: var(--st-text-color); background: none; cursor: pointer;
         border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); padding: 0.25rem 0.75rem }
button:hover, button:focus-visible { color: var(--st-primary-color); border-color: var(--st-primary-color) }
"""
JS = """
export default function({ parentElement, data }) {
  const button = parentElement.querySelector("button")
  button.onclick = async () => {
    let done = "Copied"
    try { await navigator.clipboard.writeText(data[0]) } catch { done = "The browser does not allow it" }
    button.textContent = done
    setTimeout(() => { button.textContent = "Copy" }, 2000)
  }
}
"""

_button = st.components.v2.component("copy_answer", html=HTML, css=CSS, js=JS)


def offer_copy(place: DeltaGenerator, message: BaseMessage) -> None:
    """Draw the button for an answer.

    Parameters:
        place: Where it goes.
        message: The answer; an empty one has nothing to copy.
    """
    if message.text and message.response_metadata:  # the greeting has none
        with place:
            # In a list: for a bare string Streamlit imports pandas, to see whether it is a table (80 MB, 0.3 s).
            _button(data=[message.text], key=f"app.copy.{message.id}", width="content")
