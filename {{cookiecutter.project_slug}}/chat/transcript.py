"""The messages on the page: the latest ones, and an answer that is drawn while it grows."""

from collections.abc import Sequence
from functools import partial

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator

from chat.markdown import as_streamlit_markdown, plain
from chat.message import notes_of, state_of
from chat.row import Row
from chat.session import Chat
#% if cookiecutter.tools != "none"
from chat.steps import drawer
#% endif
from chat.turn import running_turn, turns_of_session
from server.gate import follows_a_lost_session
from server.lifespan import ending

LATEST = 10  # messages drawn at first; up to 9 more, so that those on the page seldom change places
MORE = 50


def latest_messages(place: DeltaGenerator, chat: Chat) -> Sequence[BaseMessage]:
    """Return the messages to draw; where there are earlier ones, draw a button that shows them."""
    chat.history.refresh()
    note = place.empty()  # always there: else all that follows would change places when the problem is over
    if problem := chat.history.problem:
        note.warning(problem)
    if len(turns_of_session()) <= 1 and follows_a_lost_session():
        why = "the server restarted, or you were away for too long."
        if chat.history.outlives_session:
            place.caption(f"If you had attached files, attach them again: {why}")
        else:
            place.warning(f"Any earlier chats and files are gone: {why}")
    earlier = chat.kept.get("earlier", 0)  # that one has asked to see
    wanted = LATEST + earlier
    unread, messages = chat.history.reach(wanted + LATEST), chat.history.messages
    hidden = max(0, unread + len(messages) - wanted) // LATEST * LATEST  # of all that there are
    first = max(0, hidden - unread)  # of those that have been read
    if first and messages[first].type == "ai":  # with its question
        first -= 1
    if unread + first:
        label = f"Show earlier messages ({unread + first:,})"
        show_more = partial(chat.kept.update, earlier=earlier + MORE)
        place.button(label, key="app.show_earlier", type="tertiary", on_click=show_more)
    return messages[first:]


def draw_answer(answer: BaseMessage, chat: Chat) -> Row:
    """Draw an answer, to its end if it still grows, and return the row of buttons below it, which is still empty."""
    thoughts = st.empty()
    #% if cookiecutter.tools != "none"
    draw_steps = drawer(st.empty())
    #% endif
    text, below = st.empty(), st.empty()
    turn = running_turn(chat.history)
    if turn and turn.answer is answer:
        below.button("Stop", icon=":material/stop_circle:", on_click=turn.stop, key="app.stop", shortcut="esc")
        for so_far in turn.follow():
            if not so_far:
                _draw_thoughts(thoughts, answer)
            if turn.note:
                text.info(turn.note)
            elif so_far:
                text.markdown(as_streamlit_markdown(so_far, growing=True))
            else:
                text.skeleton(40)
            #% if cookiecutter.tools != "none"
            if draw_steps(answer, turn) and not so_far:
                text.empty()  # it is the app that waits, for the user
            #% endif
            if ending.is_set():
                thoughts.warning("The server is restarting: this answer has a short time to finish.")
        if turn.running:  # the next run of the page follows on
            return Row(answer, None)
    #% if cookiecutter.tools != "none"
    draw_steps(answer)
    #% endif
    _draw_thoughts(thoughts, answer)
    if answer.text:
        text.markdown(as_streamlit_markdown(answer.text))
    else:
        text.empty()
    notes, error = notes_of(answer), state_of(answer).get("error")
    if notes or error:
        below = below.container(gap="small")
        for note in notes:
            below.caption(note)
        if error:
            below.error(error)
    row = Row(answer, below)
    if (turns := turns_of_session()) and turns[-1].answer is answer:  # of the others, it has been said
        row.announce(turns[-1].begun, *notes, reads_answer=state_of(answer)["status"] == "complete")
    return row


def _draw_thoughts(place: DeltaGenerator, answer: BaseMessage) -> None:
    if thinking := state_of(answer).get("thinking"):
        thinking = as_streamlit_markdown(thinking, growing=state_of(answer).get("status") == "running")
        place.expander("Thinking", icon=":material/psychology:").markdown(thinking)


def show_unseen(chat: Chat) -> None:
    """Say what of the chat the model does not see."""
    state = state_of(chat.history.messages[-1]) if chat.history.messages else {}
    if unseen := state.get("unseen"):
        what = f"the first {unseen} questions and their answers" if unseen > 1 else "the first question and its answer"
        st.caption(f"This chat is long: the model no longer sees {what}.")
    if unread := state.get("unread"):
        many = unread if unread > 1 else "one"
        st.caption(f"{plain(chat.model_settings['name'])} cannot read {many} of the files in this chat.")
    #% if cookiecutter.tools != "none"
    if problem := state.get("without"):
        st.warning(plain(problem))
    #% endif
