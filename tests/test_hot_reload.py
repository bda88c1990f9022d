"""Does an edit of a running app's files cost anything? The conversation goes on, and the edit is in force."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.baking import app_tests, install
from tests.running import run_coroutine, running
from tests.streamlit_client import Session


async def chat_and_edit(app: Path, port: int) -> tuple[list[tuple[str, str]], list[str]]:
    """Chat with an app whose code and prompt are edited meanwhile; return what the page shows at the end.

    Parameters:
        app: The app's folder, which is changed.
        port: Where it listens on loopback.
    """
    async with Session(port) as user:
        for number in range(3):
            await user.say(f"Question {number}")
            await user.idle()
            with (app / "chat" / "errors.py").open("a", encoding="utf-8") as code:
                code.write(f"\n# Edit {number}\n")
            (app / "prompts" / "system.md").write_text(f"Prompt {number}", encoding="utf-8")
            await asyncio.sleep(1.5)  # Streamlit notices
        return user.transcript(), user.errors()


@pytest.mark.skipif(os.name == "nt", reason="a symbolic link needs rights on Windows: run it on Linux or macOS")
@pytest.mark.installs
def test_an_edit_costs_nothing_and_is_in_force(tmp_path: Path) -> None:
    installed = install(model_provider="openai")
    app = Path(shutil.copytree(installed, tmp_path / "app", ignore=shutil.ignore_patterns(".venv")))
    (app / ".venv").symlink_to(installed / ".venv")
    with (app / "server" / "kept.py").open("a", encoding="utf-8") as kept:
        kept.write("\nprint(file=open('loaded', 'a'))\n")
    with app_tests(installed).ModelServer() as server, running(app, server.environment) as port:
        shown, errors = run_coroutine(chat_and_edit(app, port))
        assert errors == []
        assert shown[1:] == [
            row for n in range(3) for row in [("human", f"Question {n}"), ("ai", "Hello from the model.")]
        ]
        assert (app / "loaded").read_text() == os.linesep, "server/ goes on"
        assert server.conversation()[0] == ("system", "Prompt 1")
