"""What the browser is told about the page: whose images it may load, and whose pages may show it in a frame."""

from collections.abc import Callable, Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The address of an image can carry away what was said in a chat.
POLICY = {"img-src": "'self' data: blob:", "frame-ancestors": "'self'"}


class SecurityHeaders:
    """ASGI middleware that adds headers to what is sent over HTTP.

    Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Callable[[], Mapping[str, Sequence[str]]]) -> None:
        """Wrap an app.

        Parameters:
            app: The app.
            allowed_hosts: Is called for each page, and returns the hosts that are allowed besides the app's own, by
                directive of the policy.
        """
        self.app, self.allowed_hosts = app, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                if message["status"] == 304 or headers.get("content-type", "").startswith("text/html"):
                    for validator in ("ETag", "Last-Modified"):  # a page that a browser keeps would keep its old policy
                        del headers[validator]
                    hosts = self.allowed_hosts()
                    policy = (" ".join([name, own, *hosts.get(name, [])]) for name, own in POLICY.items())
                    headers["Content-Security-Policy"] = "; ".join(policy)
            await send(message)

        return await self.app(scope, receive, send_with_headers)
