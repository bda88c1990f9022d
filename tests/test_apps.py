"""Do the generated apps' own tests pass when installed, are they lint-clean, do their types fit?"""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import (
    PROVIDERS,
    QUESTIONS,
    UV,
    bake,
    cookiecutter,
    copy_app,
    copy_template,
    edit_as_owner,
    install,
    run,
)
from tests.conftest import some_providers
from tests.providers_table import passed_in_docs, with_table

# What a provider's client and server make a difference to, and what a database does. The rest is tested with openai's.
OF_PROVIDER = ("attachments", "context", "errors", "key", "local", "models", "smoke", "thinking", "turn", "usage")
OF_TOOLS = ("tools", "steps")
# What neither accounts nor tools change: openai's own app is tested with it.
OF_NEITHER = ("accessibility", "copying", "errors", "feedback", "files", "gate", "guide", "headers", "key", "lifespan")
OF_NEITHER += ("markdown", "models", "openai_client", "starters", "tracing")
# What accounts make no difference to is tested with them.
OF_DATABASE = ("console", "conversations", "keeping", "session", "smoke", "visitor")


@pytest.mark.installs
def test_an_installed_app_passes_its_own_checks(
    installed_provider: str, in_full: bool, provider_app: Path, record_property: Any
) -> None:
    assert (provider_app / "uv.lock").is_file()
    if not in_full:
        check(provider_app, *OF_PROVIDER, *OF_TOOLS)
        return
    passed = check(provider_app)
    record_property("passed", (installed_provider, passed))
    assert passed >= passed_in_docs().get(installed_provider, 0), "fewer than docs/providers.md says"


@pytest.mark.installs
def test_an_app_with_a_database_passes_its_own_checks(request: pytest.FixtureRequest) -> None:
    in_full = request.config.getoption("--all-providers")
    check(install(model_provider="openai", conversations="database"), *(() if in_full else OF_DATABASE))


@pytest.mark.installs
def test_an_app_with_accounts_and_tools_passes_its_own_checks(request: pytest.FixtureRequest) -> None:
    made = install(model_provider="openai", conversations="accounts", tools="files and MCP servers")
    # Not in tmp_path: each pytest that starts closes its parent to other users, and PostgreSQL does not run as root.
    app = Path(shutil.copytree(made, made.parent / "edited", ignore=shutil.ignore_patterns(".venv")))
    edit_as_owner(app)
    tests = {file.stem.removeprefix("test_") for file in (app / "tests").glob("test_*.py")}
    assert {*OF_NEITHER} < tests
    check(app, *sorted(tests if request.config.getoption("--all-providers") else tests - {*OF_NEITHER}))


def check(app: Path, *tests: str) -> int:
    """Run all that an app's README and CI run, or these of its tests only; return how many have passed."""
    files = [file for name in tests if (app / (file := f"tests/test_{name}.py")).exists()]
    said = run(UV, "run", "pytest", "-q", *files, cwd=app).stdout
    run(UV, "run", "--group", "lint", "ruff", "check", cwd=app)
    run(UV, "run", "--group", "lint", "ruff", "format", "--check", cwd=app)
    run(UV, "run", "--group", "lint", "ty", "check", "--error-on-warning", cwd=app)
    return int(re.findall(r"(\d+) passed", said)[-1])


@pytest.mark.skipif(os.name == "nt", reason="a symbolic link needs rights on Windows: run it on Linux or macOS")
@pytest.mark.installs
def test_every_providers_model_can_call_tools(
    installed_provider: str, provider_app: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if installed_provider == "local" or not request.config.getoption("--all-providers"):
        pytest.skip("the built-in model calls none; the others' tests are above, if theirs is not the app in full")
    app = Path(shutil.copytree(bake(model_provider=installed_provider, tools="files"), tmp_path / "app"))
    (app / ".venv").symlink_to(provider_app / ".venv", target_is_directory=True)
    run(UV, "run", "--no-sync", "pytest", "-q", *(f"tests/test_{name}.py" for name in OF_TOOLS), cwd=app)


@pytest.mark.skipif(os.name == "nt", reason="a symbolic link needs rights on Windows: run it on Linux or macOS")
@pytest.mark.installs
def test_openai_s_models_that_speak_its_responses_api_only(tmp_path: Path) -> None:
    app = copy_app(install(model_provider="openai"), tmp_path / "app")
    settings = (app / "settings.toml").read_text(encoding="utf-8")
    settings = settings.replace('protocol = "openai"', 'protocol = "responses"')
    settings = settings.replace("[model.arguments]\n", "[model.arguments]\nuse_responses_api = true\n")
    (app / "settings.toml").write_text(settings, encoding="utf-8")
    run(UV, "run", "--no-sync", "pytest", "-q", "tests/test_smoke.py", "tests/test_errors.py", cwd=app)


def test_each_provider_is_installed_within_six_weeks() -> None:
    for begin in range(1, 47):
        weeks = range(begin, begin + 6)
        assert {provider for week in weeks for provider in some_providers(week)} == set(PROVIDERS)


@pytest.mark.installs
@pytest.mark.parametrize(
    ("old", "new", "conversations"),
    # One of ours goes; one of ours takes another's place; one of ours stays.
    [("local", "google", "database"), ("cohere", "local", "session"), ("openai", "azure", "session")],
)
def test_the_provider_can_be_changed_as_the_docs_say(old: str, new: str, conversations: str, tmp_path: Path) -> None:
    made = bake(model_provider=old, project_slug=f"from-{old}", conversations=conversations)
    app = Path(shutil.copytree(made, tmp_path / "app"))
    (app / "prompts" / "system.md").write_text("Talk like a heron.", encoding="utf-8")  # its own tests see it sent
    docs = (app / "docs" / "providers.md").read_text(encoding="utf-8")
    before, after = printed_blocks(docs, old), printed_blocks(docs, new)
    for place, name in PLACES.items():
        path, old_block, new_block = app / name, before.pop(place, ""), after.pop(place, "")
        if not path.exists():  # compose.yaml, without a database
            continue
        text = path.read_text(encoding="utf-8")
        assert text.count(old_block) == 1 or not old_block
        changed = text.replace(old_block, new_block) if old_block else text + new_block
        path.write_text(changed, encoding="utf-8")
    for name in before.keys() - after.keys():
        (app / name.strip("`")).unlink()
        module = name.strip("`").removesuffix(".py").replace("/", ".")
        for test in (app / "tests").glob("test_*.py"):
            if f"from {module} import" in test.read_text(encoding="utf-8"):
                test.unlink()
    for name, text in after.items():
        (app / name.strip("`")).parent.mkdir(exist_ok=True)
        (app / name.strip("`")).write_text(text, encoding="utf-8")
    if conversations == "database":
        assert variables(app) == variables(bake(model_provider=new, conversations=conversations))
    check(app, "key", "local", "openai_client", "smoke", "turn")


def variables(app: Path) -> dict[str, str | None]:
    """Return what compose.yaml passes to the app."""
    return yaml.safe_load((app / "compose.yaml").read_text(encoding="utf-8"))["services"]["app"]["environment"]


PLACES = {
    "In `pyproject.toml`": "pyproject.toml",
    "At the end of `pyproject.toml`": "pyproject.toml",
    "In `chat/model.py`": "chat/model.py",
    "In `settings.toml`": "settings.toml",
    'Under "The key" in `README.md`': "README.md",
    "In `.streamlit/secrets.toml.example`": ".streamlit/secrets.toml.example",
    "Under `environment:` in `compose.yaml`": "compose.yaml",
}


def printed_blocks(docs: str, provider: str) -> dict[str, str]:
    """Return what docs/providers.md prints for a provider, by the words before it."""
    section = docs.partition(f"\n## {QUESTIONS['_providers'][provider]['label']}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^(\S[^\n]*):\n\n```\w+\n(.*?)```", section, re.DOTALL | re.MULTILINE))


def test_a_new_provider_is_one_entry(tmp_path: Path) -> None:
    """A row and its name in the list of choices; Cookiecutter wants the label once more."""
    template = copy_template(tmp_path / "template")
    questions = json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
    row = QUESTIONS["_providers"]["mistral"]
    invented = {"label": "Invented AI", "name": "Invented", "packages": ["langchain-invented>=1.2,<2"]}
    invented |= {"module": "langchain_invented", "class": "ChatInvented", "model": "invented-1"}
    invented |= {"key_variable": "INVENTED_API_KEY", "key_page": "https://invented.example/keys"}
    questions["_providers"]["invented"] = row | invented
    questions["model_provider"].append("invented")
    questions["__prompts__"]["model_provider"]["invented"] = invented["label"]
    (template / "cookiecutter.json").write_text(json.dumps(questions), encoding="utf-8")

    done = cookiecutter(tmp_path, template, project_slug="app", model_provider="invented", smoke_test="no")
    assert done.returncode == 0, done.stdout
    app = tmp_path / "app"
    texts = {name: (app / name).read_text(encoding="utf-8") for name in ("README.md", "docs/providers.md")}
    assert tomllib.loads((app / "pyproject.toml").read_text())["project"]["dependencies"][-1:] == invented["packages"]
    assert "\nfrom langchain_invented import ChatInvented as ChatModel\n" in (app / "chat" / "model.py").read_text()
    model = tomllib.loads((app / "settings.toml").read_text(encoding="utf-8"))["model"]
    assert (model["provider"], model["name"], model["key_variable"]) == ("Invented", "invented-1", "INVENTED_API_KEY")
    assert 'INVENTED_API_KEY = ""' in (app / ".streamlit" / "secrets.toml.example").read_text()
    assert "answered by Invented (`invented-1`)" in " ".join(texts["README.md"].split())
    assert "export INVENTED_API_KEY=..." in texts["README.md"]
    assert "\n## Invented AI\n" in texts["docs/providers.md"]
    assert "| `invented` | Invented AI |" in with_table(questions["_providers"], {})
