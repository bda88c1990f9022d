"""Files that a browser sends wait in Streamlit's memory until its session ends, whether they are used or not."""

from collections import Counter

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance

SURCHARGE = 4096  # bytes that even an empty file counts
MAX_MEGABYTES = 120  # of a session: a little more than it may use (chat/files.py), so that the page can say so first


class UploadLimit:
    """ASGI middleware that takes no more files from a session than it may have."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an app."""
        self.app = app
        self.coming = Counter[str]()  # bytes, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or "/_stcore/upload_file/" not in scope["path"]:
            return await self.app(scope, receive, send)
        session_id, length = scope["path"].split("/")[-2], Headers(scope=scope).get("content-length", "")
        most = MAX_MEGABYTES * 2**20
        size = SURCHARGE + int(length) if length.isdecimal() else most
        stored = getattr(get_instance().uploaded_file_mgr, "file_storage", {}).get(session_id, {})
        if size + self.coming[session_id] + sum(SURCHARGE + len(file.data) for file in [*stored.values()]) > most:
            return await PlainTextResponse("This session has sent too many files.", 413)(scope, receive, send)
        self.coming[session_id] += size
        try:
            return await self.app(scope, receive, send)
        finally:
            self.coming[session_id] -= size
            self.coming += Counter()  # without those that have come to nothing
