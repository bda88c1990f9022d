"""Do the docs say what the code does?"""

import re

import pytest

from tests.baking import PROVIDERS, QUESTIONS, REPOSITORY, TEMPLATE, bake
from tests.providers_table import PATH, passed_in_docs, with_table

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ASKED = [name for name in QUESTIONS if not name.startswith("_")]


@pytest.mark.parametrize("question", ASKED)
def test_the_readme_explains_every_question(question: str) -> None:
    assert re.search(rf"^\| `{question}` \|", README, re.MULTILINE)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_readme_names_every_provider(provider: str) -> None:
    assert f"`{provider}`" in README


def test_the_table_of_providers_is_what_cookiecutter_json_says(pytestconfig: pytest.Config) -> None:
    text = with_table(QUESTIONS["_providers"], passed_in_docs())
    if pytestconfig.getoption("--renew"):
        PATH.write_text(text, encoding="utf-8")
    assert PATH.read_text(encoding="utf-8") == text, "renew it: uv run pytest -n0 tests/test_docs.py --renew"
    assert passed_in_docs().keys() == set(PROVIDERS), (
        "renew it: uv run pytest tests/test_apps.py --all-providers --renew"
    )


def test_ci_runs_the_readmes_test_command() -> None:
    commands = [line for line in README.splitlines() if "uv run pytest" in line]
    assert len(commands) == 1
    assert commands[0].startswith("    ")
    assert "grep -m1 'uv run pytest' README.md" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_apps_readme_names_its_folders_and_key(provider: str) -> None:
    app = bake(model_provider=provider)
    readme = (app / "README.md").read_text(encoding="utf-8")
    folders = {path.name for path in app.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert {"features", "chat", "server", "prompts", "tests"} <= folders
    assert folders == set(re.findall(r"^    (\w+)/ {3,}\S", readme, re.MULTILINE))
    row = QUESTIONS["_providers"][provider]
    assert (row["key_variable"] or "\n".join(row["setup"]) or "No key is needed") in readme


def test_an_apps_docs_name_each_file_with_lines_of_the_tools() -> None:
    source = TEMPLATE / "{{cookiecutter.project_slug}}"
    said = (source / "docs" / "tools.md").read_text(encoding="utf-8")
    for path in [*source.glob("chat/*.py"), *source.glob("features/*.py")]:
        if "#% if cookiecutter.tools" in path.read_text(encoding="utf-8"):
            assert f"`{path.parent.name}/{path.name}`" in said


def test_an_app_with_tools_is_not_offered_a_model_that_calls_none() -> None:
    docs = (bake(model_provider="openai", tools="files") / "docs" / "providers.md").read_text(encoding="utf-8")
    labels = {row["label"] for row in QUESTIONS["_providers"].values()}
    assert labels - set(re.findall("^## (.+)", docs, re.MULTILINE)) == {QUESTIONS["_providers"]["local"]["label"]}


def test_the_changelog_names_this_version() -> None:
    version = re.search(r'^version = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert f"## {version[1]}\n" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
