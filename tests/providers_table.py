"""The table in docs/providers.md: made from cookiecutter.json, and from how many tests passed."""

import re
from collections.abc import Mapping
from typing import Any

from tests.baking import REPOSITORY

PATH = REPOSITORY / "docs" / "providers.md"
APP_IN_DOCS = "../%7B%7Bcookiecutter.project_slug%7D%7D"
HEADS = ["choice", "provider", "package", "class", "default model", "key", "other variables"]
HEADS += ["leads to another server", "protocol", "tests passed"]


def with_table(providers: Mapping[str, Mapping[str, Any]], passed: Mapping[str, int]) -> str:
    """Return docs/providers.md with its table renewed.

    Parameters:
        providers: The table `_providers` of cookiecutter.json.
        passed: How many of its own tests each provider's app has passed.
    """
    rows = [HEADS, ["---"] * len(HEADS)]
    for choice, row in providers.items():
        name = f"`{row['class']}`"
        if row["module"].startswith("providers."):
            name += f" ([ours]({APP_IN_DOCS}/{row['module'].replace('.', '/')}.py))"
        rows.append(
            [
                f"`{choice}`",
                row["label"],
                f"`{row['packages'][0].split('>')[0]}`",
                name,
                f"`{row['model']}`",
                _code(row["key_variable"]),
                ", ".join(_code(line.split()[0]) for line in row["environment"]),
                _code(row["base_url_variable"]),
                f"[{row['protocol']}]({APP_IN_DOCS}/tests/protocols/{row['protocol']}.py)",
                str(passed.get(choice, "")),
            ]
        )
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{PATH.read_text(encoding='utf-8').partition('| choice')[0]}{table}\n"


def passed_in_docs() -> dict[str, int]:
    """Return how many tests each provider's app has passed, as the table says."""
    rows = re.findall(r"^\| `(.+?)` \|.* \| (\d+) \|$", PATH.read_text(encoding="utf-8"), re.MULTILINE)
    return {choice: int(passed) for choice, passed in rows}


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
