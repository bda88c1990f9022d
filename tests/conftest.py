"""What pytest needs to know for all of the template's tests."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--screenshots docs/images` renew the pictures of the README."""
    parser.addoption("--screenshots", default="screenshots", help="the folder that takes screenshots")


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path:
    """Return the folder that takes screenshots."""
    folder = request.config.rootpath / request.config.getoption("--screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
