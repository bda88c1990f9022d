"""The chat: one file per job, each named for it."""
