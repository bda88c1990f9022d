"""A question and its answer, which grows beside the page: it can be followed, left, come back to and stopped."""

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from itertools import pairwise
from math import ceil
from typing import Any
from uuid import uuid4

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables import RunnableConfig

from chat import errors
from chat.chain import build_chain, is_unread, pieces_of
from chat.context import CONTEXT_SHARES, messages_that_fit, unseen_questions, without_refused
from chat.errors import ChatError, Refusal
from chat.history import History, InMemoryChatMessageHistory
from chat.message import (
    clean,
    content_of,
    files_of,
    has_media,
    refusal_in,
    split_thinking,
    state_of,
    text_of,
    thoughts_in,
)
from chat.session import Chat, session
from server.gate import watch_for_browser, watch_for_events
from server.lifespan import ending, let_end
from server.loop import loop

# Each redraw sends the whole answer again, so words that come are joined for this long, and longer in a long answer.
REDRAW_SECONDS = 0.1
CHARS_PER_SECOND = 16_000  # an answer of so many is drawn once a second, so that a word costs the same in each
MOST_READ = 200  # messages that are read for the model where a chat is longer, and kept elsewhere
# All growing answers share the first, or fast ones would leave the others no time. Each gets at least the second, which
# is faster than anybody reads, or the third while its browser is gone.
PIECES_PER_SECOND, AT_LEAST, AT_LEAST_UNSEEN = 1000, 50, 10
_growing: set["Turn"] = set()
RETRY_SECONDS = 60  # the longest that a turn waits because the provider asks it to
WAVE = HumanMessage("👋")  # before the greeting, where a chat has to begin with the user: it adds no words
NO_WORD = "Check the server's address, including its path, then try again."
EARLIER_FILE = "The model cannot read a file in an earlier question. That question is no longer sent: try again."
LIMIT_REACHED = "The answer has reached the limit set in settings.toml: ask for the rest, or for a shorter one."


class Turn:
    """One question and its answer.

    RunnableWithMessageHistory saves a turn only when a run ends well. So the question and the still empty answer
    are in the history from the start, the answer grows there in place, and the runnable is handed a history of its
    own, with what the model should see. `note` is what the page says while nothing comes.
    """

    def __init__(self, question: HumanMessage, chat: Chat, problem: ChatError | None = None) -> None:
        """Put the question into the history and start to ask the model; the parameters are those of `start`."""
        self.question, self.begun, self.note = question, time.monotonic(), ""
        self._unread = chat.history.reach(MOST_READ) // 2  # questions
        self._earlier = without_refused(chat.history.messages)
        # Versions of an answer share its id, and so the row of buttons below it, and its focus.
        self.answer = AIMessage("", id=f"answer to {question.id}", response_metadata={"status": "running"})
        self._state = state_of(self.answer)
        chat.history.add_messages([self.question, self.answer])
        self._chat = chat
        self._problem = problem or (ChatError(chat.history.problem) if chat.history.problem else None)
        self._sent_media = False
        self._changed, self._browser_is_there = threading.Condition(), watch_for_browser()
        self._words, self._thoughts, self._joined = StringIO(), StringIO(), 0
        chat.history.follow(self)
        task = asyncio.run_coroutine_threadsafe(self._ask(), loop)
        let_end(task, chat.settings["shutdown_seconds"])
        # Once the session is gone, nobody can come back to the answer. A task that has ended still holds all it had.
        self._cancel = weakref.finalize(self if chat.history.outlives_session else session(), task.cancel)
        task.add_done_callback(lambda _: self._cancel.detach())

    @property
    def running(self) -> bool:
        """Whether the answer still grows."""
        return self._state["status"] == "running"

    def follow(self) -> Iterator[str]:
        """Yield the answer so far, at once and each time something has changed, until it ends or the page has to."""
        shown, event_waits, self._browser_is_there = None, watch_for_events(self._changed), watch_for_browser()
        while True:
            running, visible = self.running, self._visible()  # in this order: an answer that has ended is whole
            if visible != shown:
                yield self.answer.text
                shown = visible
            if not running or event_waits():
                return
            length = len(self.answer.text or self._state.get("thinking", ""))
            pause = REDRAW_SECONDS + length / CHARS_PER_SECOND
            with self._changed:
                self._changed.wait_for(partial(self._is_urgent, visible, event_waits), pause)

    def stop(self) -> None:
        """End the answer as it stands, and the request to the provider with it."""
        self._end("stopped")
        self._cancel()

    def snapshot(self) -> tuple[bool, AIMessage]:
        """Return whether the answer goes on, and what it has grown to."""
        with self._changed:
            self._join()
            return self.running, self.answer.model_copy(deep=True)

    def _visible(self) -> tuple[str, ...]:
        """Return what the page shows of the answer, with all that has come."""
        with self._changed:
            self._join()
        return self.answer.text, self._state.get("thinking", ""), self.note, "ending" * ending.is_set()

    def _join(self) -> None:
        """Put what has come into the answer."""
        if self.running:
            self._joined = self._length()
            thinking, self.answer.content = self._so_far()
            if thinking or "thinking" in self._state:  # which may turn out to be none
                self._state["thinking"] = thinking

    def _so_far(self) -> tuple[str, str]:
        """Return the thinking and the text that have come."""
        thinking, text = split_thinking(clean(self._words.getvalue()))
        return clean(self._thoughts.getvalue()) + thinking, text

    def _is_urgent(self, visible: tuple[str, ...], event_waits: Callable[[], bool]) -> bool:
        return not self.running or event_waits() or (not any(visible) and self._length() > 0)  # its first word

    def _length(self) -> int:
        return self._words.tell() + self._thoughts.tell()

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._chat.settings["answer_minutes"] * 60 or None) as self._deadline:
                await self._answer()
        except Exception as error:
            what = f"{type(error).__name__} {errors.status_of(error) or ''}".strip()  # its text may hold a key
            logging.getLogger(__name__).warning("No answer: %s", what)
            if self._deadline.expired() and self._length():
                self._end("complete", ended=LIMIT_REACHED)
            self._end("failed", **self._failure(error))
        else:
            self._end("complete", ended=self._state.get("ended", errors.NO_END))
        finally:  # whatever else ends it, no page waits for it for ever
            self._end("failed", error="The answer was interrupted: try again.")
            self._chat.history.follow(self)
            self._let_go()

    def _let_go(self) -> None:
        """Drop what the answer no longer needs, now that it has ended: the session keeps its turns."""
        self._earlier, self._words, self._thoughts = [], StringIO(), StringIO()
        vars(self).pop("_deadline", None)  # it holds the task, and that all it worked with

    def _failure(self, error: Exception) -> dict[str, Any]:
        """Return what is to be said of a failed answer, and see to it that what was refused is not sent again."""
        sentence = errors.sentence_for(error, self._chat.model_settings, with_files=self._sent_media)
        refused = errors.is_refused(error, self._sent_media)
        if errors.is_of_file(error, self._sent_media) and not has_media(self.question):
            refused, sentence = False, EARLIER_FILE
            for question, answer in pairwise(self._earlier):
                if has_media(question):
                    state_of(answer)["refused"] = True
                    self._chat.history.save_later(answer)
        return {"error": sentence, "refused": refused, "unsent": isinstance(error, Refusal)}

    async def _answer(self) -> None:
        """Let the answer grow; where the provider finds the chat too long, with less of it."""
        if self._problem:
            raise self._problem
        if not (model := self._chat.model):
            raise ChatError("No model can be asked right now: see the message on the page, then try again.")
        settings, system_prompt = self._chat.model_settings, self._chat.read_system_prompt()
        for share in CONTEXT_SHARES:
            seen = messages_that_fit(self._as_sent(self._earlier), self.question, system_prompt, model, settings, share)
            try:
                await self._answer_with(seen, system_prompt, model)
                break
            except Exception as error:
                less = len(seen) > 1 and share != CONTEXT_SHARES[-1] and errors.is_too_long(error)
                if not less or self._length():
                    raise
        if self.running and not self._visible()[0].strip():
            ended = self._state.pop("ended", NO_WORD) or "Try again, or rephrase your question."
            what = "thought, but wrote no answer" if self._state.get("thinking") else "sent an empty answer"
            raise ChatError(f"The model {what}. {ended}")

    async def _answer_with(self, seen: list[BaseMessage], system_prompt: str, model: BaseChatModel) -> None:
        """Let the answer grow, with these earlier messages for the model to see."""
        if unseen := self._unread + unseen_questions(self._earlier, seen):
            self._state["unseen"] = unseen
        files = [file for message in [*seen, self.question] for file in files_of(message)]
        self._sent_media = any(file["type"] != "text" for file in files)
        if unread := sum(is_unread(file, model.profile or {}) for file in files):
            self._state["unread"] = unread
        greeted = bool(seen) and seen[0].type == "ai"
        opening = [WAVE] if greeted and self._chat.model_settings["begins_with_user"] else []
        history = InMemoryChatMessageHistory(messages=[*opening, *seen])
        chain = build_chain(model, system_prompt, history, partial(self._reply, model), files_of(self.question))
        await chain.ainvoke({"question": text_of(self.question)})

    def _as_sent(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """Return messages as a model is sent them."""
        return messages

    async def _reply(
        self, model: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig, **options: Any
    ) -> None:
        """Ask, at the chain's end, and again when the provider says how long to wait, as long as nothing has come."""
        begin, before, due = time.monotonic(), self._length(), 0.0
        _growing.add(self)
        while True:
            try:
                async for piece in pieces_of(model, messages, config, **options):
                    self._grow(piece)
                    # In a client, Python 3.11's `wait_for` swallows a cancellation that arrives together with a piece.
                    if (task := asyncio.current_task()) and task.cancelling():
                        raise asyncio.CancelledError
                    now = time.monotonic()
                    least = AT_LEAST if self._browser_is_there() else AT_LEAST_UNSEEN
                    due = max(due, now - 1) + 1 / max(least, PIECES_PER_SECOND / max(1, len(_growing)))
                    if due > now + 0.1:
                        await asyncio.sleep(due - now)
                return
            except Exception as error:
                wait = errors.retry_after(error)
                if wait is None or time.monotonic() + wait > begin + RETRY_SECONDS or self._length() > before:
                    raise
            for seconds in range(max(1, ceil(wait)), 0, -1):
                self.note = f"{self._chat.model_settings['provider']} asks to wait: trying again in {seconds} s."
                await asyncio.sleep(1)
            self.note = ""

    def _grow(self, chunk: AIMessageChunk) -> None:
        with self._changed:
            if not self.running:
                return
            first = not self._length()
            most = self._chat.settings["answer_characters"]
            room = most - self._length() + 1 if most else None  # one piece may be as long as it likes
            self._words.write((chunk.text or refusal_in(chunk))[:room])
            self._thoughts.write(thoughts_in(chunk)[:room])
            if self._length() > self._joined * 1.02:  # a long answer is not copied for each word
                self._join()
            if (ended := errors.end_sentence(chunk.response_metadata)) is not None:
                self._state["ended"] = ended
            self.answer.usage_metadata = tokens_so_far(self.answer.usage_metadata, chunk.usage_metadata)
            if first:  # each later word would wake every page that follows, only to go on waiting
                self._changed.notify_all()
        if 0 < most < self._length():
            self._deadline.reschedule(0)

    def _end(self, status: str, **details: Any) -> None:
        _growing.discard(self)
        with self._changed:
            if self.running:
                self._join()
                self.answer.response_metadata |= {"status": status, **details}
                self._changed.notify_all()


def ask(chat: Chat, to_block: Callable[[Any], dict[str, Any]] = dict) -> None:
    """Take the question from the chat input. A callback, so that no click right after can come before it.

    Parameters:
        chat: Where and how to ask.
        to_block: Makes a content block of a file that came along, or raises a ChatError that says why it cannot go.
    """
    typed = st.session_state["app.question"]
    text, files = (typed, []) if isinstance(typed, str) else (typed.text, typed.files)
    if not text.strip() and not files:
        return
    text = text if text.strip() else ", ".join(file.name for file in files)
    blocks, problems = [], []
    for file in files:
        try:
            blocks.append(to_block(file))
        except ChatError as problem:
            problems.append(str(problem))
    problem = Refusal(" ".join(dict.fromkeys(problems))) if problems else None
    start(HumanMessage(content_of(text, blocks)), chat, problem)


def start(question: HumanMessage, chat: Chat, problem: ChatError | None = None) -> None:
    """Start a turn, which ends the one in progress in that conversation.

    Parameters:
        question: What the user typed; a list of content blocks begins with that text.
        chat: Where and how to ask.
        problem: Says why the question cannot be sent; it stays on the page, to be edited.
    """
    if turn := running_turn(chat.history):  # not one that only another tab shows
        turn.stop()
    chat.history.refresh()  # another tab may have said more, or deleted it
    most = chat.settings["questions_per_minute"]
    if most and sum(time.monotonic() - turn.begun < 60 for turn in turns_of_session()) >= most:
        said = f"You have reached the limit of {most} questions a minute: wait a minute, then try again."
        problem = problem or ChatError(said)
    question.id = question.id or str(uuid4())
    #% if cookiecutter.tools != "none"
    from chat.tool_turn import ToolTurn as Turn  # not at the top: it is made of this one

    #% endif
    turns_of_session().append(Turn(question, chat, problem))


def tokens_so_far(before: UsageMetadata | None, now: UsageMetadata | None) -> UsageMetadata | None:
    """Return the tokens of an answer so far, before and in the piece that has just come."""
    if before and now and now["input_tokens"] >= max(1, before["input_tokens"]):
        return now  # it counts the whole question again, so it is a total, not what was added
    return add_usage(before, now) if now else before


def running_turn(history: History) -> Turn | None:
    """Return the turn whose answer still grows at the end of this history, if there is one."""
    last = history.messages[-1] if history.messages else None
    turns = (*turns_of_session(), *history.followed())
    return next((turn for turn in turns if turn.running and turn.answer is last), None)


def turns_of_session() -> list[Turn]:
    """Return all turns of this session, in the order in which they began."""
    return session().setdefault("turns", [])
