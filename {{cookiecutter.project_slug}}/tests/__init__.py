"""The app's tests: `uv run pytest`, or `uv run pytest -m smoke` for the few that take seconds."""

import os

# Nothing is traced: LangSmith would get the questions, and a key. The last of these is asked before all others.
for name in [name for name in os.environ if name.startswith(("LANGCHAIN_", "LANGSMITH_"))]:
    del os.environ[name]
os.environ["LANGSMITH_TRACING_V2"] = "false"
