"""Is what is rendered right? On the raw rendering, never after a fixer."""

import ast
import json
import shutil
import tomllib
from pathlib import Path

import pytest
from pygount import SourceAnalysis

from tests.baking import PROVIDERS, QUESTIONS, TEMPLATE, bake, copy_app, run
from tests.features import FEATURES, take_out

SOURCE = TEMPLATE / "{{cookiecutter.project_slug}}"
LONG = "A name that is much longer than anybody would ever choose for a chat app, but who knows"
STORE = 870  # lines of code that the choice of a database may add
ACCOUNTS = 160  # and those that people who sign in add to that
CASES: dict[str, dict[str, str]] = {
    "default": {},
    **{provider: {"model_provider": provider} for provider in PROVIDERS[1:]},
    "long answers": {"project_name": LONG, "session_key": "k" * 82, "model_name": "m" * 82},
    "no greeting": {"greeting": ""},
    "database": {"conversations": "database"},
    "accounts": {"conversations": "accounts"},
    "tools": {"model_provider": "openai", "tools": "files"},
    "MCP": {"model_provider": "openai", "tools": "files and MCP servers"},
}


@pytest.fixture(params=CASES)
def app(request: pytest.FixtureRequest) -> Path:
    """Render an app with these answers."""
    return bake(**CASES[request.param])


def files(app: Path) -> list[Path]:
    """Return every file of an app."""
    return [path for path in app.rglob("*") if path.is_file() and "_cache" not in str(path)]


def test_every_file_parses_and_no_brace_is_left(app: Path) -> None:
    for path in files(app):
        text = path.read_text(encoding="utf-8")
        assert "{{ " not in text, path
        assert "{%" not in text, path
        match path.suffix:
            case ".py":
                ast.parse(text)
            case ".toml":
                tomllib.loads(text)
            case ".json":
                json.loads(text)


def test_format_and_lint_are_clean(app: Path) -> None:
    run("ruff", "format", "--no-cache", "--check", ".", cwd=app)
    run("ruff", "check", "--no-cache", ".", cwd=app)
    for example in app.rglob("*.py.example"):  # which the owner renames
        run("ruff", "check", "--no-cache", "--extension", "example:python", example, cwd=app)


def test_one_line_of_python_is_rendered_and_of_the_others_whole_ones_are_left_out(app: Path) -> None:
    rendered = []
    kept = {"chat/store.py": "database", "chat/accounts.py": "accounts"}
    choices = [choice for name, choice in kept.items() if (app / name).exists()]
    for path in files(app):
        source = SOURCE / path.relative_to(app)
        for choice in choices:
            instead = SOURCE / path.relative_to(app).with_suffix(f".{choice}{path.suffix}")
            source = instead if instead.exists() else source
        if path.suffix == ".py" and source.is_file():
            was = source.read_text(encoding="utf-8").splitlines()
            rendered += {*path.read_text(encoding="utf-8").splitlines()} - {*was}
            if "{{" not in source.read_text(encoding="utf-8"):
                ast.parse("\n".join(was))  # as it stands: what is between `#% if` and `#% endif` is Python, too
    assert len(rendered) == 1
    assert rendered[0].startswith("from ")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_app_holds_its_providers_files_and_no_others(provider: str) -> None:
    app, row = bake(model_provider=provider), QUESTIONS["_providers"][provider]
    packages = tomllib.loads((app / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert packages[-len(row["packages"]) :] == row["packages"]
    ours = {path for paths in QUESTIONS["_optional"].values() for path in paths if (app / path).exists()}
    rows = {row.partition("=")[2]: paths for row, paths in QUESTIONS["_optional"].items()}
    assert ours == {path for choices, paths in rows.items() if provider in choices.split(",") for path in paths}
    assert not (app / "tools").exists()
    assert (app / "providers").exists() == any(path.startswith("providers/") for path in ours)
    assert (app / "tests" / "protocols" / f"{row['protocol']}.py").exists()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_and_the_app_stay_small(provider: str, tmp_path: Path) -> None:
    app = bake(model_provider=provider)
    take_out(core := copy_app(app, tmp_path / "core"), FEATURES)
    assert lines_of_code(app / "app.py") <= 20
    assert lines_of_code(app / "page.py") <= 75
    assert lines_of_code(core / "page.py") <= 45
    assert lines_of_code(*code(app)) <= 2045
    assert lines_of_code(*code(core)) <= 1530


def test_an_app_with_tools_has_their_files_and_is_not_much_larger() -> None:
    app, without = bake(model_provider="openai", tools="files"), bake(model_provider="openai")
    added = {path.relative_to(app).as_posix() for path in files(app)} - {
        path.relative_to(without).as_posix() for path in files(without)
    }
    assert added == set(QUESTIONS["_optional"]["tools=files,files and MCP servers"])
    core = [path.read_text(encoding="utf-8").casefold() for path in code(without)]
    assert not [word for word in ("steps import", "chat.tool", "bind_tools") if any(word in text for text in core)]
    examples = [*(app / "tools").glob("*.py")]
    assert lines_of_code(*code(app)) - lines_of_code(*examples) - lines_of_code(*code(without)) <= 690
    assert lines_of_code(*examples) <= 270
    servers = bake(model_provider="openai", tools="files and MCP servers")
    assert lines_of_code(*code(servers)) - lines_of_code(*code(app)) <= 150


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_store_of_conversations_stays_small_and_costs_others_nothing(provider: str) -> None:
    without, app = bake(model_provider=provider), bake(model_provider=provider, conversations="database")
    assert lines_of_code(*code(app)) - lines_of_code(*code(without)) <= STORE
    row = QUESTIONS["_optional"]["conversations=database,accounts"]
    names = {path: str(Path(path).with_name(f"{Path(path).stem.partition('.')[0]}{Path(path).suffix}")) for path in row}
    assert all((app / name).is_file() for name in names.values())
    for made in (without, app):
        assert not [path for path in files(made) if ".database" in path.name]
    assert not [name for path, name in names.items() if path == name and (without / name).exists()]
    assert not {"migrations", "data", "conftest.py"} & {path.name for path in without.iterdir()}
    for name in ("pyproject.toml", "settings.toml", ".gitignore", ".dockerignore", "README.md"):
        said = (without / name).read_text(encoding="utf-8").casefold()
        assert not [word for word in ("sqlalchemy", "database", "data/\n") if word in said], name


@pytest.mark.parametrize("provider", PROVIDERS)
def test_accounts_stay_small_and_cost_a_database_nothing(provider: str) -> None:
    without, app = (bake(model_provider=provider, conversations=choice) for choice in ("database", "accounts"))
    assert lines_of_code(*code(app)) - lines_of_code(*code(without)) <= ACCOUNTS
    assert {path.relative_to(app) for path in files(app)} - {path.relative_to(without) for path in files(without)} == {
        Path("chat/accounts.py"),
        Path("tests/test_accounts.py"),
    }
    assert not [path for path in files(app) if ".database" in path.name or ".accounts" in path.name]
    assert not [path for path in files(without) if ".accounts" in path.name]
    for name in ("pyproject.toml", "settings.toml", "README.md", "AGENTS.md", ".streamlit/secrets.toml.example"):
        said = (without / name).read_text(encoding="utf-8").casefold()
        assert not [word for word in ("authlib", "sign in", "[accounts]", "openid") if word in said], name


def code(app: Path) -> list[Path]:
    """Return the app's Python, but for its tests."""
    own = [path for path in [*app.glob("*.py"), *app.glob("*/*.py")] if path.parent.name != "tests"]
    return [path for path in own if path.name != "conftest.py"]


def lines_of_code(*paths: Path) -> int:
    """Count without docstrings, comments and blank lines: nobody should save on those."""
    return sum(SourceAnalysis.from_file(path, "app").code_count for path in paths)


def test_short_answers_come_back_from_settings_as_given() -> None:
    app = bake(project_name=LONG, session_key="an odd: key #1 [é]", model_name="a/b:c-1")
    settings = tomllib.loads((app / "settings.toml").read_text(encoding="utf-8"))
    assert settings["title"] == LONG
    assert settings["session_key"] == "an odd: key #1 [é]"
    assert settings["model"]["name"] == "a/b:c-1"


def test_no_secret_would_reach_git(tmp_path: Path) -> None:
    app = Path(shutil.copytree(bake(), tmp_path / "app"))
    run("git", "init", "-q", cwd=app)
    (app / ".streamlit" / "secrets.toml").write_text("KEY = 1")
    assert "secrets.toml\n" not in run("git", "status", "--short", "-uall", cwd=app).stdout
