"""Who may import whom: page, features, chat, server, each only from those after it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "app": {"chat", "server"},
    "page": {"features", "chat", "server"},
    "features": {"chat", "server"},
    "chat": {"chat", "providers", "server"},
    "providers": {"providers", "chat", "server"},
    "server": {"server"},
}
FILES = [file for file in ROOT.rglob("*.py") if file.relative_to(ROOT).parts[0].removesuffix(".py") in MAY_IMPORT]


def imported(file: Path) -> Iterator[str]:
    """Yield the names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module if node.module and not node.level else file.parent.name


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_down(file: Path) -> None:
    own = {module.partition(".")[0] for module in imported(file)} & {"page", *MAY_IMPORT}
    assert own <= MAY_IMPORT[file.relative_to(ROOT).parts[0].removesuffix(".py")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_langchains_retiring_classes_are_imported_in_one_place(file: Path) -> None:
    retiring = {"langchain_community", "langchain_core.chat_history", "langchain_core.runnables.history"}
    found = [name for name in imported(file) if any(name.startswith(package) for package in retiring)]
    assert not found or file == ROOT / "chat" / "history.py"
