"""Does any text survive? Answers made by hypothesis, given as a person would type them (not as Jinja)."""

import ast
import importlib
import json
import sys
import tempfile
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cookiecutter.generate import generate_context
from cookiecutter.main import cookiecutter
from cookiecutter.prompt import prompt_for_config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.chat_history import InMemoryChatMessageHistory

from tests.baking import PROVIDERS, QUESTIONS, TEMPLATE
from tests.baking import cookiecutter as run_cookiecutter
from tests.running import run_coroutine

EXAMPLES = 40
NASTY = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    '"""',
    "'''",
    "\\",
    "\\n",
    "\n",
    "\t",
    "{history}",
    "🙂",
    "שלום",
    "\u202e",
    "\ufeff",
]
NASTY += ["{{ cookiecutter.project_name }}", "{% raw %}", "<script>", "${x}", "---\n", "\u2028", "x" * 10_000, " \n "]
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"])
FREE_TEXT = st.lists(st.sampled_from(NASTY) | st.text(CHARACTERS, max_size=20), max_size=8).map("".join)
SHORT_TEXT = st.text(CHARACTERS, min_size=1, max_size=90).filter(str.strip)
ANSWERS = st.fixed_dictionaries(
    {
        "project_name": SHORT_TEXT,
        "model_provider": st.sampled_from(PROVIDERS),
        "model_name": st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=90),
        "session_key": st.text(
            st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\"'`\\"), min_size=1
        ).filter(lambda key: key.strip() and not key.startswith(("app.", "$$"))),
        "system_prompt": FREE_TEXT,
        "greeting": FREE_TEXT,
    }
)


def typed(answers: dict[str, str]) -> dict[str, Any]:
    """Return Cookiecutter's context as if the answers had been typed at its questions."""
    context = generate_context(
        str(TEMPLATE / "cookiecutter.json"), extra_context={"model_provider": answers["model_provider"]}
    )
    return prompt_for_config(context, no_input=True) | answers | {"project_slug": "app", "smoke_test": False}


def loaded(app: Path, module: str) -> Any:
    """Import a module of this app, and not of the one before."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "chat"]:
        del sys.modules[name]
    sys.path.insert(0, str(app))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(app))


def sent_to_the_model(app: Path, question: str) -> list[tuple[str, str]]:
    """Return what the app's own chain sends to a model, as (type, text) pairs."""
    chain, sent = loaded(app, "chat.chain"), []

    async def reply(messages: list[Any], config: Any) -> None:
        sent.extend((message.type, message.text) for message in messages)

    async def ask() -> None:
        system_prompt = loaded(app, "chat.settings").read_prompt("system")
        model = SimpleNamespace(profile={})  # what the chain asks of a chat model
        asked = chain.build_chain(model, system_prompt, InMemoryChatMessageHistory(), reply)
        async for _ in asked.astream({"question": question}):
            pass

    run_coroutine(ask())
    return sent


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(answers=ANSWERS)
def test_any_text_survives(answers: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        replay = Path(folder) / "replay.json"
        replay.write_text(json.dumps({"cookiecutter": typed(answers)}), encoding="utf-8")
        app = Path(cookiecutter(str(TEMPLATE), replay=str(replay), output_dir=folder))

        system, greeting = answers["system_prompt"], answers["greeting"]
        told = [("system", system)] if system.strip() else []
        assert sent_to_the_model(app, "Why?") == [*told, ("human", "Why?")]
        assert loaded(app, "chat.settings").read_prompt("greeting") == greeting
        written = loaded(app, "chat.settings").read_settings()
        assert written["title"] == answers["project_name"]
        assert written["session_key"] == answers["session_key"]
        assert written["model"]["name"] == answers["model_name"]
        for path in app.rglob("*.py"):
            ast.parse(path.read_text(encoding="utf-8"))
        for path in app.rglob("*.toml"):
            tomllib.loads(path.read_text(encoding="utf-8"))


BAD = {
    "project_name": ["", "  ", "a\nb", "a\x00b", None],
    "project_slug": [" ", ".hidden", "-dash", "a/b", "a\\b", "CON", "nul", "com1.x", "a b", "é"],
    "model_provider": ["nobody", ["openai"]],
    "model_name": ["", "a b", "a\tb", "a\x07b"],
    "session_key": ["", " ", 'a"b', "a'b", "a\\b", "a\nb", "app.question", "app.turn", "app.api_key", "$$ID"],
    "conversations": ["", "account", "Database"],
    "system_prompt": ["a\x00b", "a\x1bb", "a\x85b"],
    "greeting": ["\x07", "a\rb", True, ["Hi"]],
    "tools": ["all", "files", "files and MCP servers", None],  # files not with the built-in model
    "smoke_test": ["1", None],
}


@pytest.mark.parametrize(("question", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_answer_is_named_and_leaves_nothing(
    question: str, value: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    context = prompt_for_config(generate_context(str(TEMPLATE / "cookiecutter.json")), no_input=True)
    replay = tmp_path / "replay.json"
    replay.write_text(json.dumps({"cookiecutter": context | {question: value}}), encoding="utf-8")
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(Exception, match=r"Hook|No such file"):
        cookiecutter(str(TEMPLATE), replay=str(replay), output_dir=str(output))
    said = capfd.readouterr().err
    assert f"- {question} {value!a} " in said
    assert "for example: " in said
    assert list(output.iterdir()) == []


def test_all_problems_are_said_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    context = prompt_for_config(generate_context(str(TEMPLATE / "cookiecutter.json")), no_input=True)
    replay = tmp_path / "replay.json"
    bad = {question: values[0] for question, values in BAD.items()}
    replay.write_text(json.dumps({"cookiecutter": context | bad}), encoding="utf-8")
    with pytest.raises(Exception, match="Hook"):
        cookiecutter(str(TEMPLATE), replay=str(replay), output_dir=str(tmp_path))
    said = capfd.readouterr().err
    assert [question for question in QUESTIONS if f"- {question} " in said] == list(BAD)


@pytest.mark.parametrize("answer", ["greeting: yes", "project_name: null", "project_name: {Mine}", "smoke_test: 1"])
def test_an_answer_in_a_configuration_file_that_is_no_text_gets_a_sentence(answer: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"default_context:\n  {answer}\n")
    (tmp_path / "output").mkdir()
    done = run_cookiecutter(tmp_path / "output", TEMPLATE, "--config-file", config)
    assert done.returncode != 0
    assert f"These answers cannot be used:\n  - {answer.partition(':')[0]} " in done.stdout
    assert list((tmp_path / "output").iterdir()) == []


@pytest.mark.parametrize("table", ["_providers", "_optional"])
def test_a_replay_file_of_another_version_is_noticed(
    table: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    context = prompt_for_config(generate_context(str(TEMPLATE / "cookiecutter.json")), no_input=True)
    replay = tmp_path / "replay.json"
    replay.write_text(json.dumps({"cookiecutter": context | {table: dict([*context[table].items()][:-1])}}))
    (tmp_path / "output").mkdir()
    with pytest.raises(Exception, match="Hook"):
        cookiecutter(str(TEMPLATE), replay=str(replay), output_dir=str(tmp_path / "output"))
    assert "another version of this template: answer the questions again, without --replay" in capfd.readouterr().err
    assert list((tmp_path / "output").iterdir()) == []
