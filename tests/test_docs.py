"""Do the docs say what the code does?"""

import re
from typing import Any

import pytest

from tests.baking import PROVIDERS, QUESTIONS, REPOSITORY, bake

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
APP_IN_DOCS = "../%7B%7Bcookiecutter.project_slug%7D%7D"
ASKED = [name for name in QUESTIONS if not name.startswith("_")]


@pytest.mark.parametrize("question", ASKED)
def test_the_readme_explains_every_question(question: str) -> None:
    assert re.search(rf"^\| `{question}` \|", README, re.MULTILINE)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_readme_names_every_provider(provider: str) -> None:
    assert f"`{provider}`" in README


def providers_table(providers: dict[str, dict[str, Any]]) -> str:
    """Return docs/providers.md, which `uv run pytest -n0 tests/test_docs.py --renew` writes.

    Parameters:
        providers: The table `_providers` of cookiecutter.json.
    """
    heads = ["choice", "provider", "package", "class", "default model", "key", "other variables"]
    heads += ["leads to another server", "protocol"]
    rows = [heads, ["---"] * len(heads)]
    for choice, row in providers.items():
        integration = f"`{row['packages'][0].split('>')[0]}`"
        ours = row["module"].startswith("chat.")
        name = f"`{row['class']}`" + (f" ([ours]({APP_IN_DOCS}/{row['module'].replace('.', '/')}.py))" if ours else "")
        others = ", ".join(f"`{line.split()[0]}`" for line in row["environment"])
        protocol = f"[{row['protocol']}]({APP_IN_DOCS}/tests/protocols/{row['protocol']}.py)"
        values = [f"`{choice}`", row["label"], integration, name, f"`{row['model']}`"]
        values += [f"`{row[column]}`" if row[column] else "" for column in ("key_variable", "base_url_variable")]
        values.insert(6, others)
        rows.append([*values, protocol])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{(REPOSITORY / 'docs' / 'providers.md').read_text(encoding='utf-8').partition('| choice')[0]}{table}\n"


def test_the_table_of_providers_is_what_cookiecutter_json_says(pytestconfig: pytest.Config) -> None:
    path = REPOSITORY / "docs" / "providers.md"
    table = providers_table(QUESTIONS["_providers"])
    if pytestconfig.getoption("--renew"):
        path.write_text(table, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == table, "renew it: uv run pytest -n0 tests/test_docs.py --renew"


def test_ci_runs_the_readmes_test_command() -> None:
    commands = [line for line in README.splitlines() if "uv run pytest" in line]
    assert len(commands) == 1
    assert commands[0].startswith("    ")
    assert "grep -m1 'uv run pytest' README.md" in (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_apps_readme_names_its_files_and_key(provider: str) -> None:
    app = bake(model_provider=provider)
    readme = (app / "README.md").read_text(encoding="utf-8")
    for path in app.glob("chat/*.py"):
        assert path.stem == "__init__" or f"`chat/{path.name}`" in readme, path
    row = QUESTIONS["_providers"][provider]
    assert (row["key_variable"] or "\n".join(row["setup"]) or "needs no key") in readme


def test_the_changelog_names_this_version() -> None:
    version = re.search(r'^version = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert f"## {version[1]}\n" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
