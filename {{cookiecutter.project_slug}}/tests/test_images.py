"""Images from elsewhere are not loaded; that the browser heeds it, the template's browser tests show."""

import pytest
from streamlit.testing.v1 import AppTest

from chat.settings import read_settings


def policies(page: AppTest) -> list[str]:
    """Return what the page tells the browser."""
    return [element.proto.body for element in page.get("html") if "img-src" in element.proto.body]


def test_the_page_allows_its_own_images_and_the_owners_hosts(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    (policy,) = policies(page)
    assert 'data-policy="img-src &#x27;self&#x27; data: blob: "' in policy
    settings = read_settings()
    settings["image_hosts"] = ["images.example.org"]
    monkeypatch.setattr("chat.settings.read_settings", lambda: settings)
    (policy,) = policies(page.run())
    assert 'data: blob: images.example.org"' in policy
