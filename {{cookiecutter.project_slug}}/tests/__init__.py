"""The app's tests: `uv run pytest`, or `uv run pytest -m smoke` for the few that take seconds."""
