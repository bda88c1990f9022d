"""A browser without a screen: one user's session over Streamlit's own WebSocket protocol.

Source: the messages are in streamlit.proto; the path, the subprotocol that carries the session's id, and the order of
messages are those of streamlit's frontend/connection/src/WebsocketConnection.tsx.
"""

import asyncio
import contextlib
import json
import re
import urllib.request
from collections.abc import Mapping
from typing import Any, Self

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

WHOLE_RUN = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class Session:
    """One user at the page: what they see is `transcript()`, what they do are the methods named for it."""

    def __init__(self, port: int, base_path: str = "", cookie: str = "") -> None:
        """Prepare a session; `async with` opens the page.

        Parameters:
            port: Where the app listens on loopback.
            base_path: What stands before all its paths, such as "/chat".
            cookie: What the browser sends as its cookies; with any, it says where it comes from, too.
        """
        self._headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{port}"} if cookie else {}
        self.query = ""  # what stands in the page's address after the question mark
        self._url = f"ws://127.0.0.1:{port}{base_path}/_stcore/stream"
        self._token = re.search("_streamlit_xsrf=([^;]+)|$", cookie)[1] or "PLACEHOLDER_AUTH_TOKEN"
        self._session_id = ""
        self._deltas: dict[tuple[int, ...], Delta] = {}
        self._seen: set[tuple[int, ...]] = set()
        self._fragments: set[str] = set()
        self._drawn = asyncio.Event()
        self._places: asyncio.Queue[FileURLs] = asyncio.Queue()
        self.bytes_received = 0

    async def __aenter__(self) -> Self:
        """Open the page and wait until it is drawn."""
        await self.connect()
        await self.idle()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the tab."""
        await self.drop()

    async def connect(self, *, rerun: bool = True) -> None:
        """Connect, with the session's id if it had one before.

        Parameters:
            rerun: Whether to ask for the page, as a browser does that has none, or whose last run was interrupted.
        """
        subprotocols = ["streamlit", self._token, *([self._session_id] if self._session_id else [])]
        self._socket = await websockets.connect(
            self._url,
            subprotocols=[websockets.Subprotocol(name) for name in subprotocols],
            additional_headers=self._headers,
            max_size=None,
            open_timeout=60,  # the app opens its WebSocket when it is warm, which on a busy machine takes a while
        )
        self._reader = asyncio.create_task(self._read())
        if rerun:
            await self.click()

    async def drop(self) -> None:
        """Lose the connection."""
        self._reader.cancel()
        await self._socket.close()

    async def idle(self, seconds: float = 60) -> None:
        """Wait until the page is drawn and nothing runs any more."""
        await asyncio.wait_for(self._drawn.wait(), seconds)

    async def click(self) -> None:
        """Click at something that changes nothing: the page is drawn again."""
        await self._rerun()

    async def say(self, text: str, files: Mapping[str, bytes] | None = None) -> None:
        """Type a message and send it, as soon as the page has where to type.

        Parameters:
            text: The message.
            files: What goes along with it, by name; the app has to run with `server.enableXsrfProtection` off.
        """
        async with asyncio.timeout(60):
            while not self.sees("chat_input"):
                await asyncio.sleep(0.01)
        delta = self._find("chat_input")
        widget = WidgetState(id=delta.new_element.chat_input.id)
        widget.chat_input_value.data = text
        uploaded = [await self.upload(name, content) for name, content in (files or {}).items()]
        widget.chat_input_value.file_uploader_state.uploaded_file_info.extend(uploaded)
        await self._rerun(widget, delta.fragment_id)

    async def press(self, label: str) -> bool:
        """Press the button with this label; return whether there was one."""
        if self.sees("button", label):
            delta = self._find("button", label)
            await self._rerun(WidgetState(id=delta.new_element.button.id, trigger_value=True), delta.fragment_id)
            return True
        if self.sees("bidi_component", label):
            delta = self._find("bidi_component", label)
            # Source: makeTriggerId in streamlit's frontend/lib/src/components/widgets/BidiComponent/utils/idBuilder.ts
            widget = WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{delta.new_element.bidi_component.id}__events")
            widget.json_trigger_value = json.dumps([{"event": label.lower().replace(" ", "_"), "value": True}])
            await self._rerun(widget, delta.fragment_id)
            return True
        return False

    async def use(self, kind: str, label: str, **value: Any) -> bool:
        """Give a widget with this label a value; return whether there was one.

        Parameters:
            kind: Its name in Element.proto.
            label: Its label.
            value: The field of WidgetState, and what goes there.
        """
        if not self.sees(kind, label):
            return False
        delta = self._find(kind, label)
        await self._rerun(WidgetState(id=getattr(delta.new_element, kind).id, **value), delta.fragment_id)
        return True

    def transcript(self) -> list[tuple[str, str]]:
        """Return what the page shows as (who, text) pairs."""
        messages = []
        for path, delta in sorted(self._deltas.items()):
            if delta.HasField("add_block") and delta.add_block.HasField("chat_message"):
                messages.append((delta.add_block.chat_message.name, self._text(path)))
        return messages

    def errors(self) -> list[str]:
        """Return the error boxes and uncaught exceptions that the page shows."""
        elements = [delta.new_element for delta in self._deltas.values() if delta.HasField("new_element")]
        alerts = [element.alert.body for element in elements if element.HasField("alert")]
        return alerts + [f"!{element.exception.message}" for element in elements if element.HasField("exception")]

    async def upload(self, name: str, content: bytes) -> UploadedFileInfo:
        """Ask the server where a file goes, and send it there."""
        message = BackMsg()
        message.file_urls_request.session_id = self._session_id
        message.file_urls_request.file_names.append(name)
        await self._socket.send(message.SerializeToString())
        place = await asyncio.wait_for(self._places.get(), 60)
        head = f'--end\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        request = urllib.request.Request(
            self._url.replace("ws://", "http://").replace("/_stcore/stream", place.upload_url),
            head.encode() + content + b"\r\n--end--\r\n",
            {"Content-Type": "multipart/form-data; boundary=end"},
            method="PUT",
        )
        await asyncio.to_thread(urllib.request.urlopen, request)
        return UploadedFileInfo(name=name, size=len(content), file_id=place.file_id, file_urls=place)

    def _text(self, message: tuple[int, ...]) -> str:
        inside = (delta for path, delta in sorted(self._deltas.items()) if path[: len(message)] == message)
        elements = (delta.new_element for delta in inside if delta.HasField("new_element"))
        return "".join(
            element.text.body or element.markdown.body
            for element in elements
            if element.markdown.element_type != element.markdown.CAPTION
        )

    def sees(self, kind: str, label: str = "") -> bool:
        """Say whether the page has an element of this kind."""
        with contextlib.suppress(LookupError):
            return bool(self._find(kind, label))
        return False

    def _find(self, kind: str, label: str = "") -> Delta:
        for delta in self._deltas.values():
            if delta.HasField("new_element") and delta.new_element.HasField(kind):
                element = delta.new_element
                if (
                    not label
                    or getattr(getattr(element, kind), "label", "") == label
                    or f'"{label}"' in element.bidi_component.json
                ):
                    return delta
        raise LookupError(f"the page has no {kind} {label}")

    async def _rerun(self, widget: WidgetState | None = None, fragment_id: str = "") -> None:
        self._drawn.clear()
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.fragment_id = fragment_id
        message.rerun_script.widget_states.widgets.extend([widget] if widget else [])
        await self.send(message)

    async def send(self, message: BackMsg) -> None:
        """Send any message, also one that no page sends."""
        await self._socket.send(message.SerializeToString())

    def take(self, raw: bytes, message: ForwardMsg) -> None:
        """Look at a message that has come; a test that wants to overrides it."""

    async def _read(self) -> None:
        async for raw in self._socket:
            self.bytes_received += len(raw)
            message = ForwardMsg.FromString(raw)
            self.take(raw, message)
            match message.WhichOneof("type"):
                case "new_session":
                    self._session_id = message.new_session.initialize.session_id
                    self._fragments = set(message.metadata.run.fragment_ids)
                    self._seen = set()
                case "page_info_changed":
                    self.query = message.page_info_changed.query_string
                case "file_urls_response":
                    self._places.put_nowait(message.file_urls_response.file_urls[0])
                case "delta":
                    path = tuple(message.metadata.delta_path)
                    self._seen.add(path)
                    if message.delta.HasField("add_block"):
                        self._deltas[path] = message.delta
                    elif not message.delta.HasField("new_transient"):
                        self._forget_below(path)
                        self._deltas[path] = message.delta
                case "script_finished":
                    if message.script_finished in WHOLE_RUN:
                        self._forget_stale()
                        self._drawn.set()

    def _forget_stale(self) -> None:
        """Drop what the run has not drawn: of its fragments, if it was one of fragments, else of the page."""
        self._deltas = {
            path: delta
            for path, delta in self._deltas.items()
            if path in self._seen or (self._fragments and delta.fragment_id not in self._fragments)
        }

    def _forget_below(self, path: tuple[int, ...]) -> None:
        for other in [other for other in self._deltas if other[: len(path)] == path]:
            del self._deltas[other]
