"""Are the answers usable? Names all problems at once, one line each; if there is any, nothing is generated."""

import json
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
APP_PACKAGES = ["streamlit", "langchain-core", "langchain-community", "pytest", "ruff", "ty"]


def find_problems(answers: dict) -> list[str]:
    """Return what is wrong with the answers, a sentence each, with the value and a good example.

    Parameters:
        answers: Cookiecutter's context.
    """
    problems = []

    def check(question: str, bad: bool, why: str, example: str) -> None:
        if bad:
            value = ascii(answers[question])
            shown = value if len(value) <= 60 else f"{value[:57]}..."
            problems.append(f"{question} {shown} {why}; for example: {example}")

    name = answers["project_name"]
    check("project_name", not name.strip(), "is empty", "My Chat App")
    check("project_name", has_control_characters(name), "has control characters", "My Chat App")

    slug = answers["project_slug"]
    packages = [package for provider in answers["_providers"].values() for package in provider["packages"]]
    names = {re.split("[<>=~ ]", package)[0] for package in packages} | set(APP_PACKAGES)
    taken = names | {name.removeprefix("langchain-") for name in names}  # langchain-openai depends on openai
    check(
        "project_slug",
        not DISTRIBUTION_NAME.fullmatch(slug),
        "cannot name a folder and a package: use letters, digits and inner - . _ only",
        "my-chat-app",
    )
    check("project_slug", slug.split(".")[0].lower() in RESERVED_ON_WINDOWS, "is reserved on Windows", "my-chat-app")
    check("project_slug", re.sub("[-_.]+", "-", slug.lower()) in taken, "is a package the app uses", "my-chat-app")

    provider = answers["model_provider"]
    known = ", ".join(answers["_providers"])
    check("model_provider", provider not in answers["_providers"], f"is not one of {known}", "local")

    model = answers["model_name"]
    check(
        "model_name",
        not model or bool(re.search(r"\s", model)) or has_control_characters(model),
        "is empty or has spaces or control characters",
        "gpt-5.4-mini",
    )

    key = answers["session_key"]
    check("session_key", not key.strip(), "is empty", "langchain_messages")
    check(
        "session_key",
        has_control_characters(key) or any(mark in key for mark in "\"'`\\"),
        "has control characters, quotes or a backslash",
        "langchain_messages",
    )
    check(
        "session_key",
        key.startswith(("app.", "$$")),
        "is used by the app or by Streamlit itself (app.…, $$…)",
        "langchain_messages",
    )

    for question in ("system_prompt", "greeting"):
        check(
            question,
            has_control_characters(answers[question], allowed="\n\t"),
            "has control characters other than newline and tab",
            "How can I help you?",
        )
    # Cookiecutters below 2.4 do not run pre_prompt, which would have said so.
    check("smoke_test", not isinstance(answers["smoke_test"], bool), "needs Cookiecutter 2.7 or later", "upgrade it")
    return problems


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
        remove_parents_made_for(answers["project_slug"])
        sys.exit(1)


if __name__ == "__main__":
    main()
