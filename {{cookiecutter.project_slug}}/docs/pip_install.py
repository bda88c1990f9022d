"""What `pip install .` runs: it says what to do instead."""

raise SystemExit("This is an app, not a package: run `uv sync`, or without uv what docs/deploy.md says under that.")
