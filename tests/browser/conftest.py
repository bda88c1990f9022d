"""A Chromium: Debian's or Playwright's own; without one, the tests are skipped with the way to get it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

WIDTHS = {"desktop": {"width": 1100, "height": 800}, "phone": {"width": 390, "height": 780}}


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the Chromium that is there."""
    own = shutil.which("chromium") or shutil.which("google-chrome")
    if not own:
        with sync_playwright() as playwright:
            if not Path(playwright.chromium.executable_path).exists():
                pytest.skip("no Chromium: apt-get install chromium, or uv run playwright install chromium")
        return browser_type_launch_args
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # Chromium's own rule for root
    return {**browser_type_launch_args, "executable_path": own, "args": quiet + sandbox}


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest) -> str:
    """Name the width."""
    return request.param


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], width: str) -> dict[str, Any]:
    """Open pages in this width."""
    return {**browser_context_args, "viewport": WIDTHS[width]}
