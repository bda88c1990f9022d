"""A question and its answer, which grows beside the page: it can be followed, left, come back to and stopped."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from math import ceil
from typing import Any, NamedTuple
from uuid import uuid4

import streamlit as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.messages.ai import add_usage
from langchain_core.runnables import Runnable

from chat.chain import build_chain
from chat.content import files_of, text_of
from chat.context import ROOMS, fit, unseen_questions
from chat.drawing import others_may_draw
from chat.errors import NO_END, ChatError, explain, how_it_ended, is_too_long, retry_after
from chat.history import BaseChatMessageHistory, InMemoryChatMessageHistory
from chat.thinking import thoughts_of

if sys.platform == "win32":  # there is no uvloop for it
    from asyncio import new_event_loop
else:  # with 40 users, an answer takes a tenth less processor time
    from uvloop import new_event_loop

REDRAW_SECONDS = 0.1  # each redraw sends the whole answer again, so after the first word they are joined for this long
WAIT_SECONDS = 60  # the longest that a turn waits because the provider asks it to


class _Answers(threading.Thread):
    """The thread of the loop that all answers grow in: a task that is cancelled there closes its request at once."""

    def __init__(self) -> None:
        super().__init__(name="answers", daemon=True)
        self.loop = new_event_loop()
        # LangChain leaves tasks of a cancelled chain behind, and asyncio would report each; our own errors are caught.
        self.loop.set_exception_handler(lambda *_: None)
        self.start()

    def run(self) -> None:
        while True:
            with suppress(SystemExit):  # which some library may raise; it would end everybody's answers
                self.loop.run_forever()


# One for the process, also when Streamlit loads this file anew after an edit: the clients' connections belong to it.
ANSWERS: Any = next((thread for thread in threading.enumerate() if thread.name == "answers"), None) or _Answers()


class Chat(NamedTuple):
    """What it takes to ask.

    Parameters:
        history: The conversation; a turn adds its two messages and never touches it again.
        model: The chat model that answers, or None while nothing can be asked.
        model_settings: The [model] table of settings.toml.
        read_system_prompt: Returns the system prompt; called in another thread, so not for session state.
    """

    history: BaseChatMessageHistory
    model: BaseChatModel | None
    model_settings: dict[str, Any]
    read_system_prompt: Callable[[], str]


class Turn:
    """One question and its answer.

    RunnableWithMessageHistory saves a turn only when a run ends well. So the question and the still empty answer
    stand in the history from the start, the answer grows there in place, and the runnable is handed a history of its
    own, with what the model shall see.

    The answer's `response_metadata` says how it stands: `status` is "running", "complete", "stopped" or "failed",
    `error` is the sentence for a failed one, `ended` the one for an answer that the provider ended early ("" for a
    whole one), `thinking` what the model thought, and `unseen` how many earlier questions it did not see. `note` is
    what the page says while nothing comes.
    """

    def __init__(self, question: HumanMessage, chat: Chat) -> None:
        """Put the question into the history and start to ask the model.

        Parameters:
            question: What the user typed; a list of content blocks begins with that text.
            chat: Where and how to ask.
        """
        self._earlier = list(chat.history.messages)
        self.question = question
        self.note = ""
        self.answer = AIMessage("", id=str(uuid4()), response_metadata={"status": "running"})
        chat.history.add_messages([self.question, self.answer])
        self._chat = chat
        self._changed = threading.Condition()
        self._run = asyncio.run_coroutine_threadsafe(self._ask(), ANSWERS.loop)

    @property
    def running(self) -> bool:
        """Whether the answer still grows."""
        return self.answer.response_metadata["status"] == "running"

    def follow(self) -> Iterator[str]:
        """Yield the answer so far, at once and then each time something has changed, until it ends."""
        shown = None
        while True:
            running, state = self.running, self._state()  # in this order: an answer that has ended is whole
            if state != shown:
                yield self.answer.text
                shown = state
            if not running:
                return
            with others_may_draw():
                with self._changed:
                    self._changed.wait_for(partial(self._has_begun_or_ended, state), REDRAW_SECONDS)
                "app.turns" in st.session_state  # noqa: B015  any look lets Streamlit end a run that is over

    def _has_begun_or_ended(self, shown: tuple[str, ...]) -> bool:
        return not self.running or (not any(shown) and any(self._state()))

    def _state(self) -> tuple[str, ...]:
        return self.answer.text, self.answer.response_metadata.get("thinking", ""), self.note

    def stop(self) -> None:
        """End the answer as it stands, and the request to the provider with it."""
        self._end("stopped")
        self._run.cancel()

    async def _ask(self) -> None:
        try:
            if not self._chat.model:
                raise ChatError("There is no model to ask yet: give its API key, then try again.")
            model, system_prompt = self._chat.model, self._chat.read_system_prompt()
            for part in ROOMS:
                seen = fit(self._earlier, self.question, system_prompt, model, self._chat.model_settings, part)
                if unseen := unseen_questions(self._earlier, seen):
                    self.answer.response_metadata["unseen"] = unseen
                history = InMemoryChatMessageHistory(messages=seen)
                try:
                    await self._stream(build_chain(model, system_prompt, history, self._grow, files_of(self.question)))
                    break
                except Exception as error:
                    if not is_too_long(error) or self.answer.text or not seen or part == ROOMS[-1]:
                        raise
            if self.running and not self.answer.text:
                ended = self.answer.response_metadata.pop("ended", NO_END)
                raise ChatError(f"No word came. {ended or 'Try again, or ask in other words.'}")
        except Exception as error:
            logging.getLogger(__name__).warning("No answer: %s", type(error).__name__)  # its text may hold a key
            self._end("failed", error=explain(error, self._chat.model_settings))
        else:
            self._end("complete", ended=self.answer.response_metadata.get("ended", NO_END))
        finally:  # whatever else ends it, no page waits for it for ever
            self._end("failed", error="The answer broke off: try again.")
            self._earlier = []  # they may be many, and the session keeps its turns

    async def _stream(self, chain: Runnable[Any, Any]) -> None:
        """Let the answer grow; try again when the provider asks to wait, as long as nothing has come."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                async for _ in chain.astream({"question": text_of(self.question)}):
                    pass  # it grows in the chain
                return
            except Exception as error:
                wait = retry_after(error)
                if wait is None or time.monotonic() + wait > until or self.answer.text:
                    raise
            for seconds in range(max(1, ceil(wait)), 0, -1):
                self.note = f"{self._chat.model_settings['provider']} asks to wait: the next try is in {seconds} s."
                await asyncio.sleep(1)
            self.note = ""

    def _grow(self, chunk: AIMessageChunk) -> None:
        with self._changed:
            if self.running:
                first = not any(self._state())
                self.answer.content = self.answer.text + chunk.text
                said = self.answer.response_metadata
                if thoughts := thoughts_of(chunk):
                    said["thinking"] = said.get("thinking", "") + thoughts
                if (ended := how_it_ended(chunk.response_metadata)) is not None:
                    said["ended"] = ended
                if chunk.usage_metadata:
                    self.answer.usage_metadata = add_usage(self.answer.usage_metadata, chunk.usage_metadata)
                if first:  # each later word would wake every page that follows, only to go on waiting
                    self._changed.notify_all()

    def _end(self, status: str, **details: str) -> None:
        with self._changed:
            if self.running:
                self.answer.response_metadata |= {"status": status, **details}
                self._changed.notify_all()


def ask(chat: Chat) -> None:
    """Take the question from the chat input. A callback, so that no click right after can come before it."""
    start(HumanMessage(st.session_state["app.question"]), chat)


def start(question: HumanMessage, chat: Chat) -> None:
    """Start a turn, which ends the one in progress in that conversation; the parameters are those of Turn."""
    if turn := running_turn(chat.history):
        turn.stop()
    question.id = question.id or str(uuid4())
    turns_of_session().append(Turn(question, chat))


def running_turn(history: BaseChatMessageHistory) -> Turn | None:
    """Return the turn whose answer still grows at the end of this history, if there is one."""
    last = history.messages[-1] if history.messages else None
    return next((turn for turn in turns_of_session() if turn.running and turn.answer is last), None)


def turns_of_session() -> list[Turn]:
    """Return all turns of this session, in the order in which they began."""
    return st.session_state.setdefault("app.turns", [])
