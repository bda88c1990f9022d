"""Are the answers usable? Names all problems at once, one line each; if there is any, nothing is generated."""

import json
import os
import re
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path

# The one place where the answers enter, as data: JSON inside a raw string cannot end it, whatever was typed.
ANSWERS = r"""{{ cookiecutter | tojson }}"""

# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file
RESERVED_ON_WINDOWS = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
# https://packaging.python.org/en/latest/specifications/name-normalization/
DISTRIBUTION_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
GOOD = {
    "project_name": "My Chat App",
    "project_slug": "my-chat-app",
    "model_provider": "local",
    "model_name": "gpt-5.4-mini",
    "session_key": "langchain_messages",
    "conversations": "session",
    "system_prompt": "You are a helpful AI assistant.",
    "greeting": "How can I help you?",
    "tools": "none",
}


def find_problems(answers: dict) -> list[str]:
    """Return what is wrong with the answers, a sentence each, with the value and a good example.

    Parameters:
        answers: Cookiecutter's context.
    """
    if is_of_another_template(answers):
        return ["they are of another version of this template: answer the questions again, without --replay"]
    problems = []
    if there := [path for path in not_chosen(answers) if os.path.lexists(path)]:
        named = ", ".join(there[:3]) + (", …" if there[3:] else "")
        problems.append(f"the folder already has {named}, which this app is made without: move it away first")

    def check(question: str, bad: bool, why: str) -> None:
        if bad:
            value = ascii(answers[question])
            shown = value if len(value) <= 60 else f"{value[:57]}..."
            problems.append(f"{question} {shown} {why}; for example: {GOOD[question]}")

    for question in GOOD:
        check(question, not isinstance(answers[question], str), "is not text (in a configuration file, quote it)")
    if problems:
        return problems

    name = answers["project_name"]
    check("project_name", not name.strip(), "is empty")
    check("project_name", has_control_characters(name), "has control characters")

    slug = answers["project_slug"]
    wrong = not DISTRIBUTION_NAME.fullmatch(slug)
    check("project_slug", wrong, "cannot name a folder and a package: use letters, digits and inner - . _ only")
    check("project_slug", slug.split(".")[0].lower() in RESERVED_ON_WINDOWS, "is reserved on Windows")

    provider = answers["model_provider"]
    known = ", ".join(answers["_providers"])
    check("model_provider", provider not in answers["_providers"], f"is not one of {known}")

    model = answers["model_name"]
    wrong = not model or bool(re.search(r"\s", model)) or has_control_characters(model)
    check("model_name", wrong, "is empty or has spaces or control characters")

    key = answers["session_key"]
    check("session_key", not key.strip(), "is empty")
    wrong = has_control_characters(key) or any(mark in key for mark in "\"'`\\")
    check("session_key", wrong, "has control characters, quotes or a backslash")
    check("session_key", key.startswith(("app.", "$$")), "is used by the app or by Streamlit itself (app.…, $$…)")

    kept = "session", "database", "accounts"
    check("conversations", answers["conversations"] not in kept, f"is not one of {', '.join(kept)}")

    for question in ("system_prompt", "greeting"):
        wrong = has_control_characters(answers[question], allowed="\n\t")
        check(question, wrong, "has control characters other than newline and tab")

    tools = answers["tools"]
    known = "none", "files", "files and MCP servers"
    check("tools", tools not in known, f"is not one of {', '.join(known)}")
    check("tools", provider == "local" and tools in known[1:], "cannot be used with the built-in model")

    smoke_test = answers["smoke_test"]
    if smoke_test in ("yes", "no"):  # from a Cookiecutter below 2.4, which does not run pre_prompt
        problems.append(f"smoke_test {smoke_test!a} needs Cookiecutter 2.7 or later: upgrade it")
    elif not isinstance(smoke_test, bool):
        problems.append(f"smoke_test {smoke_test!a} is neither yes nor no; for example: yes")
    return problems


def not_chosen(answers: dict) -> list[str]:
    """Return the paths that the app is made without, by the table `_optional`; the other hook removes them."""
    rows = ((row.split("="), paths) for row, paths in answers["_optional"].items())
    return [
        path for (question, choices), paths in rows if answers[question] not in choices.split(",") for path in paths
    ]


def is_of_another_template(answers: dict) -> bool:
    """Say whether a replay file brought the tables of another version; Cookiecutter itself says where this one is."""
    try:
        template = json.loads((Path(answers["_repo_dir"]) / "cookiecutter.json").read_text(encoding="utf-8"))
    except (KeyError, OSError):  # cruft, which replays nothing
        return False
    return any(answers.get(table) != template[table] for table in ("_providers", "_optional"))


def has_control_characters(text: str, allowed: str = "") -> bool:
    """Say whether a text has control characters, or halves of characters that no file can hold."""
    return any(unicodedata.category(char) in ("Cc", "Cs") and char not in allowed for char in text)


def remove_parents_made_for(slug: str) -> None:
    """Leave nothing of a slug like a/b on disk: Cookiecutter made a and b, and removes only b by itself."""
    folder, inner = Path.cwd(), [part for part in Path(slug).parts if part not in ("..", Path(slug).anchor)]
    with suppress(OSError):  # Windows removes no folder that something runs in
        for _ in inner if len(inner) > 1 else []:
            folder.rmdir()  # fails where something else is in it
            folder = folder.parent


def main() -> None:
    """Print the problems and fail if there are any."""
    answers = json.loads(ANSWERS)
    if problems := find_problems(answers):
        print("These answers cannot be used:", *problems, sep="\n  - ", file=sys.stderr)
        print("Nothing was generated. (What follows is Cookiecutter's own trace; ignore it.)", file=sys.stderr)
        remove_parents_made_for(str(answers["project_slug"]))
        sys.exit(1)


if __name__ == "__main__":
    main()
