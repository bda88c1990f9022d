"""The template's tests: one file per question a maintainer asks."""

import os

# Nothing is traced: LangSmith would get the questions, and a key.
for name in [name for name in os.environ if name.startswith(("LANGCHAIN_", "LANGSMITH_"))]:
    del os.environ[name]
