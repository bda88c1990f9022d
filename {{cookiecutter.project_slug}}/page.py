"""The page. Streamlit runs this file from top to bottom; at a question, `conversation` alone."""

from pathlib import Path

import streamlit as st

#% if cookiecutter.conversations == "accounts"
from chat.accounts import admit
#% endif
from chat.errors import ChatError
from chat.key import ask_for_key
from chat.markdown import plain
from chat.message import text_of
from chat.session import Chat
from chat.transcript import draw_answer, latest_messages, show_unseen
from chat.turn import ask
from features import (
    accessibility,
    attachments,
    conversations,
    copying,
    export,
    feedback,
    models,
    personas,
    starters,
    usage,
    versions,
)

HERE = Path(__file__).parent
st.html(HERE / "page.css")
st.html(f"<script>{(HERE / 'page.js').read_text()}</script>", unsafe_allow_javascript=True)
accessibility.mount()

# Set-up: the settings, what the sidebar changes of them, and the model that they come to.
try:
    chat = Chat()
    # An emoji by its own characters takes 0.2 s at the first page, and a :material: icon would come from Google.
    st.set_page_config(page_title=chat.settings["title"], page_icon=":speech_balloon:")
    st.title(plain(chat.settings["title"]))
    if notice := chat.model_settings["notice"]:
        st.caption(notice)
    #% if cookiecutter.conversations == "accounts"
    admit(chat.settings)
    #% endif
    conversations.choose(chat)
    models.choose(chat)
    personas.choose(chat)
    chat.connect(ask_for_key(chat.model_settings))
    usage.limit(chat)
    export.offer(chat)
except ChatError as problem:
    st.error(str(problem))
    st.button("Try again", key="app.reload")  # any click draws the page again; a reload would lose the chat
    st.stop()


@st.fragment(run_every=86_400)  # having an interval, a browser whose connection was lost asks for the page, too
def conversation() -> None:
    """Draw the chat input and the messages, and follow an answer that grows; it goes on with nobody looking, too."""
    if chat.is_outdated():
        st.rerun()
    conversations.show_new_title(chat)
    st.bottom.chat_input(
        "Your message",
        key="app.question",
        disabled=not chat.model,
        on_submit=ask,
        args=(chat,),
        **attachments.accepted(chat),
    )
    messages = st.container()
    starters.offer(chat)  # before an answer is followed, or old ones would stay until its end
    for message in latest_messages(messages, chat):
        with messages.chat_message(message.type):
            if message.type == "human":
                st.text(text_of(message), width="stretch")  # as typed: a price in $ is no formula
                versions.edit(message, chat)
                attachments.show(message)
                continue
            row = draw_answer(message, chat)
            copying.offer(row, message)
            feedback.ask(row, message, chat)
            versions.offer(row, message, chat)
            usage.show(row, message)
            row.draw()
    show_unseen(chat)
    usage.show_total(chat)


conversation()
