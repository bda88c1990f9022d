"""The template's tests: one file per question a maintainer asks."""
