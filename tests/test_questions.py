"""Is cookiecutter.json sound?"""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.baking import PROVIDERS, QUESTIONS, TEMPLATE, bake, install

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
        "system_prompt",
        "greeting",
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


@pytest.mark.parametrize("row", QUESTIONS["_optional"])
def test_a_row_names_a_question_and_one_of_its_choices(row: str) -> None:
    question, choice = row.split("=")
    if question == "__protocol":
        assert choice in {provider["protocol"] for provider in QUESTIONS["_providers"].values()}
    else:
        assert choice in QUESTIONS[question]


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My Chat App", "my-chat-app"), ("Café № 7!", "cafe-no-7"), ("Привет", "privet"), ("🙂", "my-chat-app")],
)
def test_the_slug_is_derived_from_the_name(name: str, slug: str) -> None:
    assert bake(project_name=name).name == slug


def profiles(app: Path, package: str) -> dict[str, Any]:
    """Return the model profiles that an integration package brings, by model name."""
    (file,) = app.glob(f".venv/**/{package.replace('-', '_')}/data/_profiles.py")
    return runpy.run_path(str(file))["_PROFILES"]


@pytest.mark.installs
@pytest.mark.parametrize("provider", ["openai", "anthropic"])  # the others' packages bring no profiles
def test_a_default_model_is_real(provider: str) -> None:
    row = QUESTIONS["_providers"][provider]
    profile = profiles(
        install(model_provider=provider, project_slug=f"app-{provider}"), row["packages"][0].split(">")[0]
    )
    assert profile[row["model"]]["text_outputs"]
    assert profile[row["model"]].get("status") != "deprecated"
