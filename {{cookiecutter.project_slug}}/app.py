"""The page. Streamlit runs this file from top to bottom at each visit, message and click."""

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from chat.attachments import accept_files, show_files
from chat.content import text_of
from chat.conversations import choose_conversation
from chat.copying import offer_copy
from chat.delivery import deliver_everything
from chat.drawing import begin_drawing, end_drawing
from chat.earlier import latest
from chat.errors import ChatError
from chat.export import offer_export
from chat.feedback import ask_for_feedback
from chat.garbage import collect_less
from chat.history import StreamlitChatMessageHistory
from chat.images import keep_out_remote_images
from chat.key import find_key
from chat.markdown import plain, with_dollars
from chat.model import build_model
from chat.other_models import choose_model
from chat.personas import choose_persona
from chat.prompts import read_prompt
from chat.settings import read_settings
from chat.starters import offer_starters
from chat.thinking import show_thinking
from chat.turn import Chat, ask, running_turn
from chat.usage import limit_usage, show_context, show_total, show_usage
from chat.versions import offer_versions

# Set-up: settings, key, model and history. `model` stays None while nothing can be asked.
deliver_everything()
collect_less()
begin_drawing()  # waits while another page is drawn
st.html(Path(__file__).parent / "chat" / "page.css")
try:
    settings = read_settings()
    st.set_page_config(page_title=settings["title"], page_icon="💬")  # a :material: one comes from Google
    st.title(plain(settings["title"]))
    if notice := settings["model"]["notice"]:
        st.caption(notice)
    keep_out_remote_images(settings["image_hosts"])
    session_key, read_system_prompt = settings["session_key"], partial(read_prompt, "system")
    session_key = choose_conversation(session_key)
    settings = choose_model(settings)
    read_system_prompt = choose_persona()
    key = find_key(settings["model"])
    model = build_model(settings, key) if key is not None else None
    model = limit_usage(model, settings["tokens_per_session"])
    # History: kept in this session's state, so over reruns and for nobody else.
    history = StreamlitChatMessageHistory(key=session_key)
    if not history.messages and (greeting := read_prompt("greeting")).strip():
        history.add_ai_message(greeting)
    chat = Chat(history, model, settings["model"], read_system_prompt)
    offer_export(history)
except ChatError as problem:
    st.error(str(problem))
    st.button("Try again", key="app.reload")  # any click draws the page again; a reload would lose the chat
    end_drawing()
    st.stop()

# Question: `ask` puts it into the history and starts the answer before the page is drawn.
take, files = ask, {}
take, files = accept_files(model)
st.chat_input("Your message", key="app.question", on_submit=take, args=(chat,), disabled=model is None, **files)

# Transcript: an answer in progress is followed until it ends; it goes on whether or not a page looks at it.
turn = running_turn(history)
transcript = st.container()
offer_starters(st.empty(), chat)  # empty at once when an answer grows above, else old ones would stay till its end
for message in latest(transcript, history.messages, session_key):
    with transcript.chat_message(message.type):
        if message.type == "human":
            st.text(text_of(message))  # as typed: a price in $ is no formula
            show_files(message)
            continue
        thoughts, answer = st.empty(), st.empty()
        show_thinking(thoughts, message)
        below: Any = st
        if turn and message is turn.answer:
            below = st.empty()  # takes away at once what stood below the answer before
            below.button("Stop", icon=":material/stop_circle:", on_click=turn.stop, key="app.stop")
            for text in turn.follow():
                if turn.note:
                    answer.info(turn.note)
                elif text:
                    answer.markdown(with_dollars(text))
                else:
                    show_thinking(thoughts, message)
                    answer.skeleton(40)
            show_thinking(thoughts, message)
        elif message.text:
            answer.markdown(with_dollars(message.text))
        if not message.text:
            answer.empty()
        below = below.container(horizontal=True, vertical_alignment="center")
        if message.response_metadata.get("status") == "stopped":
            below.caption("Stopped")
        if ended := message.response_metadata.get("ended"):
            below.caption(ended)
        if error := message.response_metadata.get("error"):
            below.error(error)
        offer_copy(below, message)
        ask_for_feedback(below, message)
        show_usage(below, message)
        offer_versions(below, message, chat)
if history.messages and (unseen := history.messages[-1].response_metadata.get("unseen")):
    st.caption(f"This chat has grown long: of its questions and answers, the model no longer sees the first {unseen}.")
show_context(chat)
show_total(model, settings["tokens_per_session"])
end_drawing()
