"""Users without a screen, light enough that forty of them do not slow what they measure."""

import asyncio
import contextlib
import itertools
import json
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from model_server import question
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE_SECONDS = 120
WHOLE_RUN = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
_names = (f"u{number}" for number in itertools.count())


class Turn(NamedTuple):
    """What a user saw of a turn.

    Parameters:
        seconds: From sending the question until the server says that the turn is over, the answer being whole.
        first_word: Seconds from when the model server sent its first token until it came here.
        received: Bytes on the wire, from the server.
    """

    seconds: float
    first_word: float
    received: int


class _Connection(ClientConnection):
    received = 0

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        super().data_received(data)


class User:
    """One user of a server that relays words over a bare websocket; the others differ in how they speak.

    Parameters:
        port: Where the server listens on loopback.
    """

    path = "/"
    subprotocols: tuple[str, ...] = ()

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}{self.path}"
        self._name = self._failure = ""
        self._first_word, self._whole = 0.0, False
        self._ready = asyncio.Event()
        self.could_type = 0.0  # when, by time.monotonic(), there was first where to type

    async def open(self, query: str = "") -> float:
        """Open the page and wait until it is all there; return the seconds that took.

        Parameters:
            query: The page's address after the question mark.
        """
        begin = time.monotonic()
        protocols = [Subprotocol(name) for name in self.subprotocols] or None
        self._socket = await connect(
            self._url,
            create_connection=_Connection,
            subprotocols=protocols,
            max_size=None,
            open_timeout=PATIENCE_SECONDS,
            ping_interval=None,
            proxy=None,
        )
        self._reader = asyncio.create_task(self._read())
        await self._enter(query)
        await self._wait()
        return time.monotonic() - begin

    async def ask(self, tokens: int = 20, seconds: float = 0.2) -> Turn:
        """Ask for an answer of so many tokens in so many seconds, and wait until the turn is over."""
        self._name, self._first_word, self._whole = next(_names), 0.0, False
        self._ready.clear()
        begin, received = time.monotonic(), self._socket.received
        await self._say(question(tokens, seconds, self._name))
        await self._wait()
        return Turn(time.monotonic() - begin, self._first_word, self._socket.received - received)

    async def close(self) -> None:
        """Close the tab."""
        self._reader.cancel()
        with contextlib.suppress(Exception):
            await self._socket.close()

    async def _wait(self) -> None:
        await asyncio.wait_for(self._ready.wait(), PATIENCE_SECONDS)
        if self._failure:
            raise RuntimeError(self._failure)

    async def _read(self) -> None:
        try:
            async for raw in self._socket:
                data = raw.encode() if isinstance(raw, str) else raw
                if self._name and not self._first_word and (at := data.find(f"{self._name}@".encode())) >= 0:
                    sent = data[at + len(self._name) + 1 :].split(b" ", 1)[0].split(b".")
                    self._first_word = time.monotonic() - float(b"%b.%b" % (sent[0], sent[1][:6]))
                self._whole = self._whole or (bool(self._name) and f" {self._name}.".encode() in data)
                await self._heed(data)
        except Exception as error:
            self._failure = repr(error)
        self._ready.set()

    def _end_turn(self) -> None:
        self.could_type = self.could_type or time.monotonic()
        if self._name and not self._whole:
            self._failure = f"the turn {self._name} ended without its answer"
        self._ready.set()

    async def _enter(self, query: str) -> None:
        self._end_turn()

    async def _say(self, text: str) -> None:
        await self._socket.send(text)

    async def _heed(self, data: bytes) -> None:
        if self._whole:
            self._end_turn()


class StreamlitUser(User):
    """A user of a Streamlit app. The messages are in streamlit.proto; see tests/streamlit_client.py."""

    path = "/_stcore/stream"
    subprotocols = ("streamlit", "PLACEHOLDER_AUTH_TOKEN")
    _chat_input = _fragment = ""

    async def _enter(self, query: str) -> None:
        self._query = query
        await self._rerun(BackMsg())

    async def _say(self, text: str) -> None:
        message = BackMsg()
        message.rerun_script.fragment_id = self._fragment
        message.rerun_script.widget_states.widgets.add(id=self._chat_input).chat_input_value.data = text
        await self._rerun(message)

    async def _rerun(self, message: BackMsg) -> None:
        message.rerun_script.query_string = self._query
        await self._socket.send(message.SerializeToString())

    async def _heed(self, data: bytes) -> None:
        message = ForwardMsg.FromString(data)
        if message.HasField("delta"):
            if message.delta.new_element.HasField("chat_input"):
                self._chat_input = message.delta.new_element.chat_input.id
                self._fragment = message.delta.fragment_id
                if not message.delta.new_element.chat_input.disabled:
                    self.could_type = self.could_type or time.monotonic()
        elif message.HasField("script_finished") and message.script_finished in WHOLE_RUN:
            if not self._chat_input:
                self._failure = "the page has nowhere to type"
            self._end_turn()


class ChainlitUser(User):
    """A user of a Chainlit app: Socket.IO's packets of text in Engine.IO's, over a websocket from the start.

    Source: https://socket.io/docs/v4/engine-io-protocol and https://socket.io/docs/v4/socket-io-protocol; the events
    are those of Chainlit's socket.py and emitter.py.
    """

    path = "/ws/socket.io/?EIO=4&transport=websocket"
    _greeted = False

    async def _enter(self, query: str) -> None:
        """Wait: the server speaks first."""

    async def _emit(self, event: str, *data: Any) -> None:
        await self._socket.send("42" + json.dumps([event, *data]))

    async def _say(self, text: str) -> None:
        message = {"id": str(uuid4()), "threadId": "", "name": "user", "type": "user_message", "output": text}
        message["createdAt"] = datetime.now(UTC).isoformat()
        await self._emit("client_message", {"message": message, "fileReferences": []})

    async def _heed(self, data: bytes) -> None:
        match data[:1]:
            case b"0":
                client = {"clientType": "webapp", "sessionId": str(uuid4()), "threadId": "", "userEnv": "{}"}
                await self._socket.send("40" + json.dumps(client))
            case b"2":
                await self._socket.send("3")
            case b"4" if data.startswith(b"40"):
                await self._emit("connection_successful")
            case b"4" if data.startswith(b'42["new_message"'):
                self._greeted = self._greeted or b'"type":"assistant_message"' in data
            case b"4" if data.startswith(b'42["task_end"') and self._greeted:
                self._end_turn()
