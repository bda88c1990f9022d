"""Amazon Bedrock's chat model, whose answers can be stopped: AWS's client knows no asyncio, so a thread reads them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import langchain_aws
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk


class ChatBedrockConverse(langchain_aws.ChatBedrockConverse):
    """ChatBedrockConverse that ends its request when the task that reads the answer is cancelled.

    A request of which nothing has come back yet, not even its headers, ends when they do, or at the timeout.
    """

    def __init__(self, **arguments: Any) -> None:
        """Make the client.

        Parameters:
            arguments: As for langchain-aws's class.
        """
        super().__init__(**arguments)
        self.client.meta.events.register("after-call.bedrock-runtime.ConverseStream", _Reader.take_response)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        loop, read = asyncio.get_running_loop(), asyncio.Queue[ChatGenerationChunk | Exception | None]()
        reader = _Reader(
            lambda: self._stream(messages, stop, **kwargs),
            lambda item: loop.call_soon_threadsafe(read.put_nowait, item),
        )
        try:
            while item := await read.get():
                if isinstance(item, Exception):
                    raise item
                if run_manager:
                    await run_manager.on_llm_new_token(item.text, chunk=item)
                yield item
        finally:
            reader.stop()


class _Reader(threading.Thread):
    """Reads one answer. A thread of its own: asyncio has only a few, and a silent model would keep each for long."""

    def __init__(self, stream: Callable[[], Any], tell: Callable[[Any], object]) -> None:
        super().__init__(daemon=True)
        self._stream, self._tell = stream, tell
        self._response: Any = None
        self._stopped = False
        self.start()

    def run(self) -> None:
        try:
            for chunk in self._stream():
                self._tell(chunk)
            self._tell(None)
        except Exception as error:
            self._tell(error)

    def stop(self) -> None:
        self._stopped = True
        if self._response:
            with suppress(Exception):  # it has ended already
                self._response.shutdown()  # wakes the thread, which then closes the connection

    @staticmethod
    def take_response(http_response: Any, **_: Any) -> None:
        """Note the response to close; the client calls this in the thread that asked."""
        reader = threading.current_thread()
        if isinstance(reader, _Reader):
            reader._response = http_response.raw
            if reader._stopped:
                reader.stop()
