"""What the browser is told about the page; the template's browser tests show that it obeys."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from chat import settings as files
from chat.settings import allowed_hosts, read_settings
from server.headers import SecurityHeaders


def headers(content_type: bytes = b"text/html; charset=utf-8", status: int = 200) -> Headers:
    """Return those of an answer over HTTP."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})

    async def receive() -> Any:
        raise AssertionError

    async def collect(message: Any) -> None:
        sent.append(message)

    asyncio.run(SecurityHeaders(app, allowed_hosts)({"type": "http"}, receive, collect))
    return Headers(raw=sent[0]["headers"])


def test_the_page_allows_its_own_images_and_the_owners_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "img-src 'self' data: blob:;" in headers()["content-security-policy"]
    edited = {**read_settings(), "image_hosts": ["images.example.org"], "frame_hosts": ["https://intranet.example.org"]}
    monkeypatch.setattr(files, "read_settings", lambda: edited)
    policy = headers()["content-security-policy"]
    assert "img-src 'self' data: blob: images.example.org;" in policy
    assert policy.endswith("frame-ancestors 'self' https://intranet.example.org")


def test_settings_that_cannot_be_read_allow_nobody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "ROOT", tmp_path)
    assert headers()["content-security-policy"] == "img-src 'self' data: blob:; frame-ancestors 'self'"


def test_a_page_that_the_browser_has_kept_has_todays_policy() -> None:
    assert "img-src 'self'" in headers(b"", status=304)["content-security-policy"]


def test_what_is_no_page_has_no_policy() -> None:
    assert "content-security-policy" not in headers(b"application/javascript")
    assert headers(b"application/javascript")["x-content-type-options"] == "nosniff"
    assert headers()["referrer-policy"] == "same-origin"
