"""The messages on the page: the latest ones, and an answer that is drawn while it grows."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st
from langchain_core.messages import BaseMessage
from streamlit.delta_generator import DeltaGenerator

from chat.markdown import as_streamlit_markdown, plain
from chat.message import notes_of, state_of
from chat.optional import optional
from chat.row import Row
from chat.session import Chat
from chat.turn import Turn, running_turn, turns_of_session
from server.gate import follows_a_lost_session
from server.lifespan import ending

LATEST = 10  # messages drawn at first; up to 9 more, so that those on the page seldom change places
MORE = 50


def latest_messages(place: DeltaGenerator, chat: Chat) -> Sequence[BaseMessage]:
    """Return the messages to draw; where there are earlier ones, draw a button that shows them."""
    chat.history.refresh()
    if problem := chat.history.problem:
        place.warning(problem)
    if not chat.history.outlives_session and len(turns_of_session()) <= 1 and follows_a_lost_session():
        place.warning("Any earlier chats and files are gone: the server restarted, or you were away for too long.")
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
    place, text, below = st.empty(), st.empty(), st.empty()
    steps = optional("chat.steps")  # else the whole place is for the answer's thoughts
    draw_steps = steps.drawer(place) if steps else lambda *_: place
    turn = running_turn(chat.history)
    if turn and turn.answer is answer:
        below.button("Stop", icon=":material/stop_circle:", on_click=turn.stop, key="app.stop", shortcut="esc")
        _follow(turn, draw_steps, text)
        if turn.running:  # the next run of the page follows on
            return Row(answer, None)
    _draw_thoughts(draw_steps(answer), answer)
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


def _follow(turn: Turn, draw_steps: Callable[..., DeltaGenerator], text: DeltaGenerator) -> None:
    thoughts = None
    for so_far in turn.follow():
        before, thoughts = thoughts, draw_steps(turn.answer, turn)
        if not so_far or thoughts is not before:
            _draw_thoughts(thoughts, turn.answer)
        if turn.note:
            text.info(turn.note)
        elif so_far:
            text.markdown(as_streamlit_markdown(so_far, growing=True))
        else:
            text.skeleton(40)
        if ending.is_set():
            thoughts.warning("The server is restarting: this answer has a few seconds to finish.")


def _draw_thoughts(place: DeltaGenerator, answer: BaseMessage) -> None:
    if thinking := state_of(answer).get("thinking"):
        thinking = as_streamlit_markdown(thinking, growing=state_of(answer).get("status") == "running")
        place.expander("Thinking", icon=":material/psychology:").markdown(thinking)


def show_unseen(chat: Chat) -> None:
    """Say what of the chat the model does not see."""
    state = state_of(chat.history.messages[-1]) if chat.history.messages else {}
    if unseen := state.get("unseen"):
        st.caption(f"This chat is long: the model no longer sees the first {unseen} questions and their answers.")
    if unread := state.get("unread"):
        st.caption(f"Files in this chat that {plain(chat.model_settings['name'])} does not read: {unread}.")
    if (tools := optional("chat.tools")) and (problem := tools.problem_with_tools()):
        st.warning(plain(problem))
