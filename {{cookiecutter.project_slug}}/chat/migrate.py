"""The database's tables, brought to what this version of the app works with."""

import os
import sys

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from chat.settings import ROOT, read_secrets

LOCK = 7_262_417_236  # any number that nothing else in the database takes


def migrate(engine: sa.Engine) -> bool:
    """Run the steps in migrations/ that are missing; return False if the database is from a later version.

    Several processes may begin at once, so each waits for the one before it.

    Parameters:
        engine: The database's.
    """
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.connect() as db:
        if on_sqlite := db.dialect.name == "sqlite":
            db.detach()  # this connection is used for nothing else
            # A step may make a table anew; with foreign keys, dropping the old one would delete all that refers to it.
            db.exec_driver_sql("PRAGMA foreign_keys = OFF")
        lock = f"SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK})"
        db.exec_driver_sql("BEGIN IMMEDIATE" if on_sqlite else lock)
        now = MigrationContext.configure(db).get_current_revision()
        if now and now not in known:
            return False
        config.attributes["connection"] = db
        command.upgrade(config, "head")
        db.commit()
    return True


if __name__ == "__main__":  # before a new version's first replica starts, say
    from chat import store

    try:
        if address := read_secrets().get("DATABASE_URL"):  # Streamlit, which would put it there, is not running
            os.environ["DATABASE_URL"] = str(address)  # whatever is there, as Streamlit does
        store.engine()
    except Exception as error:
        sys.exit(f"The database could not be migrated: {error}")
