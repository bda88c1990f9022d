"""The page. Streamlit runs this file from top to bottom at each visit, message and click."""

import streamlit as st

from chat.delivery import deliver_everything
from chat.errors import ChatError
from chat.history import StreamlitChatMessageHistory
from chat.key import find_key
from chat.model import build_model
from chat.prompts import read_prompt
from chat.settings import read_settings
from chat.turn import ask, ask_again, current_turn

# Set-up: settings, key, model and history. `model` stays None while a key is wanted.
deliver_everything()
# Streamlit's own Stop ends the page, not the answer; ours stands under the answer.
st.html("<style>[data-testid='stStatusWidget'] { display: none }</style>")
try:
    settings = read_settings()
    st.set_page_config(page_title=settings["title"], page_icon=":material/forum:")
    st.title(settings["title"])
    st.caption(settings["model"]["notice"])
    key = find_key(settings["model"])
    model = build_model(settings, key) if key is not None else None
    # History: kept in this session's state, so over reruns and for nobody else.
    history = StreamlitChatMessageHistory(key=settings["session_key"])
    if not history.messages and (greeting := read_prompt("greeting")).strip():
        history.add_ai_message(greeting)
except ChatError as problem:
    st.error(str(problem))
    st.button("Try again", key="app.reload")  # any click draws the page again; a reload would lose the chat
    st.stop()

st.sidebar.caption(f"Model: {settings['model']['name']}")

# Question: `ask` puts it into the history and starts the answer before the page is drawn.
conversation = (history, model, settings["model"])
st.chat_input("Your message", key="app.question", on_submit=ask, args=conversation, disabled=model is None)

# Transcript: an answer in progress is followed until it ends; it goes on whether or not a page looks at it.
turn = current_turn(history)
transcript, again = st.container(), st.empty()  # made first, so that no old button stays below while an answer grows
for message in history.messages:
    with transcript.chat_message(message.type):
        if turn and message is turn.answer:
            answer, stop = st.empty(), st.empty()
            if turn.running:
                stop.button("Stop", icon=":material/stop_circle:", on_click=turn.stop, key="app.stop")
            for text in turn.follow():
                answer.markdown(text or "…")
            stop.empty()
            if not message.text:
                answer.empty()
        elif message.type == "human":
            st.text(message.text)  # as typed: a price in $ is no formula
        else:
            st.markdown(message.text)
        if message.response_metadata.get("status") == "stopped":
            st.caption("Stopped")
        if error := message.response_metadata.get("error"):
            st.error(error)

if model and turn:
    again.button("Try again", icon=":material/refresh:", on_click=ask_again, args=conversation, key="app.again")
