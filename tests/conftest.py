"""What pytest needs to know for all of the template's tests."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.baking import PROVIDERS, QUESTIONS, install
from tests.providers_table import PATH, passed_in_docs, with_table

PASSED: dict[str, int] = {}
LONGEST = ("test_an_app_with_accounts", "test_an_installed_app", "test_an_app_works_without[all")
LONGEST += ("test_any_text_survives", "test_no_schedule_loses")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--screenshots docs/images` renew the pictures of the README, and `--all-providers` install all apps."""
    parser.addoption("--screenshots", default="screenshots", help="the folder that takes screenshots")
    parser.addoption("--all-providers", action="store_true", help="install and test the app of every provider")
    parser.addoption("--renew", action="store_true", help="write the parts of the docs that are made from tables")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let tests that install a provider's app run for some, and with `--all-providers` for all."""
    if "installed_provider" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-providers")
        chosen = PROVIDERS if every else some_providers()
        metafunc.parametrize("installed_provider", chosen)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start each process's share with some of the longest tests; work stealing evens out the rest."""
    longest = [item for item in items if item.name.startswith(LONGEST)]
    others = [item for item in items if not item.name.startswith(LONGEST)]
    many = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    ends = [len(others) * n // many for n in range(many + 1)]
    items[:] = [item for n in range(many) for item in longest[n::many] + others[ends[n] : ends[n + 1]]]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect how many of its own tests each provider's app has passed, from all of pytest's processes."""
    if report.when == "call" and report.passed:
        PASSED.update(value for name, value in report.user_properties if name == "passed")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write that into the docs if asked to."""
    if PASSED and session.config.getoption("--renew") and not hasattr(session.config, "workerinput"):
        PATH.write_text(with_table(QUESTIONS["_providers"], passed_in_docs() | PASSED), encoding="utf-8")


def some_providers(week: int | None = None) -> list[str]:
    """Return the most used providers and a sixth of the others, another each week.

    Parameters:
        week: The number of the week; None means this one's.
    """
    most_used, others = PROVIDERS[:3], PROVIDERS[3:]
    week = datetime.now(UTC).isocalendar().week if week is None else week
    return [*most_used, *others[week % 6 :: 6]]


@pytest.fixture
def in_full(installed_provider: str, request: pytest.FixtureRequest) -> bool:
    """Whether all of a provider's app is tested, or only what the provider makes a difference to."""
    return installed_provider == "openai" or request.config.getoption("--all-providers")


@pytest.fixture
def provider_app(installed_provider: str, in_full: bool) -> Path:
    """Install a provider's app: in full without tools, else with them, since a provider makes a difference to those."""
    tools = "none" if in_full or installed_provider == "local" else "files"  # the built-in model calls none
    return install(model_provider=installed_provider, tools=tools)


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path:
    """Return the folder that takes screenshots."""
    folder = request.config.rootpath / request.config.getoption("--screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
