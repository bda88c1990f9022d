"""Is cookiecutter.json sound?"""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.baking import PROVIDERS, QUESTIONS, TEMPLATE, bake

APP = TEMPLATE / "{{cookiecutter.project_slug}}"
ASKED = [name for name in QUESTIONS if not name.startswith("_")]
COLUMNS = set(QUESTIONS["_providers"]["local"])


def test_the_questions_are_few_and_in_order() -> None:
    assert ASKED == [
        "project_name",
        "project_slug",
        "model_provider",
        "model_name",
        "session_key",
        "conversations",
        "system_prompt",
        "greeting",
        "tools",
        "smoke_test",
    ]


@pytest.mark.parametrize("question", ASKED)
def test_a_question_is_asked_as_a_sentence(question: str) -> None:
    prompt = QUESTIONS["__prompts__"][question]
    if isinstance(prompt, dict):
        prompt = prompt["__prompt__"]
    assert "?" in prompt


def test_every_choice_is_labelled() -> None:
    assert list(QUESTIONS["__prompts__"]["model_provider"]) == ["__prompt__", *PROVIDERS]
    assert list(QUESTIONS["__prompts__"]["conversations"]) == ["__prompt__", *QUESTIONS["conversations"]]
    assert list(QUESTIONS["__prompts__"]["tools"]) == ["__prompt__", *QUESTIONS["tools"]]
    assert list(QUESTIONS["_providers"]) == PROVIDERS
    assert [row["label"] for row in QUESTIONS["_providers"].values()] == [
        QUESTIONS["__prompts__"]["model_provider"][provider] for provider in PROVIDERS
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_fills_every_column(provider: str) -> None:
    row = QUESTIONS["_providers"][provider]
    assert set(row) == COLUMNS
    for package in row["packages"]:
        assert re.fullmatch(r"[a-z0-9-]+>=[\d.]+,<[\d.]+", package), f"{package} is not capped"


def test_every_template_file_is_always_there_or_in_one_row() -> None:
    listed = [path for paths in QUESTIONS["_optional"].values() for path in paths]
    assert len(listed) == len(set(listed))
    for path in listed:
        assert (APP / path).is_file(), path


def test_a_file_that_takes_another_s_place_names_the_choice() -> None:
    for row, paths in QUESTIONS["_optional"].items():
        for path in map(Path, paths):
            name, _, choice = path.stem.partition(".")
            if choice and path.suffix == ".py":
                assert choice in row.partition("=")[2].split(","), path
                assert (APP / path).with_name(f"{name}{path.suffix}").is_file(), path


@pytest.mark.parametrize("row", QUESTIONS["_optional"])
def test_a_row_names_a_question_and_one_of_its_choices(row: str) -> None:
    question, choices = row.split("=")
    assert {*choices.split(",")} <= {*QUESTIONS[question]}


def test_each_protocol_is_spoken_by_a_provider_and_each_provider_speaks_one() -> None:
    files = {path.stem for path in (APP / "tests" / "protocols").glob("[!_]*.py")}
    assert {row["protocol"] for row in QUESTIONS["_providers"].values()} == files


def test_only_the_tables_name_a_provider_module() -> None:
    for row in QUESTIONS["_providers"].values():
        if row["module"].startswith("providers."):
            assert (APP / f"{row['module'].replace('.', '/')}.py").is_file()


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My Chat App", "my-chat-app"), ("Café № 7!", "cafe-no-7"), ("Привет", "privet"), ("🙂", "my-chat-app")],
)
def test_the_slug_is_derived_from_the_name(name: str, slug: str) -> None:
    assert bake(project_name=name).name == slug


def profiles(app: Path, package: str) -> dict[str, Any]:
    """Return the model profiles that an integration package brings, by model name; some packages bring none."""
    for packages in ("lib/python*/site-packages", "Lib/site-packages"):
        for file in app.glob(f".venv/{packages}/{package.replace('-', '_')}/data/_profiles.py"):
            return runpy.run_path(str(file))["_PROFILES"]
    return {}


@pytest.mark.installs
def test_a_default_model_is_real(installed_provider: str, provider_app: Path) -> None:
    row = QUESTIONS["_providers"][installed_provider]
    if not row["key_page"] and not row["setup"]:
        pytest.skip("what a server of one's own has, nobody lists")
    known = profiles(provider_app, row["packages"][0].split(">")[0])
    current = {name for name, it in known.items() if it.get("text_outputs") and it.get("status") != "deprecated"}
    if not current:
        pytest.skip("the package brings no list of the provider's current models")
    assert row["model"] in current
