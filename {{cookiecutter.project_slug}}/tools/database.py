"""Your database, to be read and never written: a SQLite file or PostgreSQL, and each CSV file in documents/ as a table.

TOOLS_DATABASE, in the environment, says which: the path of a SQLite file, or postgresql://…, which takes
`uv add "psycopg[binary]"`. Give it a role that can only read: nothing else keeps a function of yours from writing.
"""

import csv
import io
import os
import re
import sqlite3
import time
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "documents"
SECONDS = 5  # for a query
ROWS = 200  # of its result
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

_tables: dict[tuple[Any, ...], bytes] = {}  # the CSV files as a SQLite database, by their names, times and sizes


def describe_database() -> str:
    """List the tables of the user's database and their columns, to write a query of them."""
    if _is_postgres():
        sql = "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
        rows = _ask_postgres(f"{sql} WHERE table_schema NOT IN ('pg_catalog', 'information_schema')", 10_000)
        return "\n".join("{table_schema}.{table_name}: {column_name} {data_type}".format_map(row) for row in rows)
    with closing(_open_sqlite()) as connection:
        schemas = [row[1] for row in connection.execute("PRAGMA database_list")]
        sql = " UNION ALL ".join(f"SELECT sql FROM {name}.sqlite_master WHERE sql IS NOT NULL" for name in schemas)
        return "\n".join(row[0] for row in connection.execute(sql)) or "There is no table."


def query_database(sql: str) -> list[dict[str, Any]]:
    """Query the user's database, and return the first 200 rows. Nothing can be changed.

    Args:
        sql: One SELECT statement, as SQLite or PostgreSQL takes it. Call describe_database first.
    """
    return _ask_postgres(sql, ROWS) if _is_postgres() else _ask_sqlite(sql)


def _ask_sqlite(sql: str) -> list[dict[str, Any]]:
    with closing(_open_sqlite()) as connection:
        until = time.monotonic() + SECONDS
        # A connection that is opened read-only could still ATTACH a new file, and write that.
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY)
        connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)  # of a text that a query makes
        connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, 100)
        found: list[dict[str, Any]] = []
        size = 0
        for row in (rows := connection.execute(sql)):
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(found) == ROWS or size > 2_000_000 or time.monotonic() > until:
                break
            found.append(dict(zip((column[0] for column in rows.description), row, strict=True)))
        return found


def _open_sqlite() -> sqlite3.Connection:
    files = sorted(file for file in FOLDER.rglob("*") if file.suffix.lower() == ".csv")
    stamp = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    if stamp not in _tables:
        with closing(sqlite3.connect(":memory:")) as made:
            made.execute("PRAGMA user_version = 1")  # an empty database cannot be kept
            for file in files:
                _load(made, file)
            _tables.clear()
            _tables[stamp] = made.serialize()
    connection = sqlite3.connect(":memory:", uri=True)
    connection.deserialize(_tables[stamp])
    if path := os.environ.get("TOOLS_DATABASE"):
        connection.execute("ATTACH ? AS db", (f"{Path(path).resolve().as_uri()}?mode=ro",))
    return connection


def _load(connection: sqlite3.Connection, file: Path) -> None:
    """Make a table of a CSV file, whose first row has the columns' names."""
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    first = text.partition("\n")[0]
    head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    names = [f'"{name.strip().replace(chr(34), "") or "column"}"' for name in head]
    names = [name if name not in names[:at] else f'{name[:-1]} {at + 1}"' for at, name in enumerate(names)]
    table = re.sub(r"\W+", "_", file.stem)
    connection.execute(f'CREATE TABLE "{table}" ({", ".join(names)})')
    cells = [[*map(_cell, row), *[None] * len(head)][: len(head)] for row in rows if row]
    connection.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(head))})', cells)


def _cell(text: str) -> Any:
    """Return a number, but not of a text such as 007."""
    number = re.fullmatch(r"-?(0|[1-9]\d{0,17})(\.\d+)?", text)
    return (float(text) if number[2] else int(text)) if number else text or None


def _is_postgres() -> bool:
    return os.environ.get("TOOLS_DATABASE", "").startswith(("postgresql://", "postgres://"))


def _ask_postgres(sql: str, most: int) -> list[dict[str, Any]]:
    psycopg: Any = import_module("psycopg")
    if not re.match(r"\s*(SELECT|WITH|VALUES|TABLE)\b", sql, re.IGNORECASE):
        raise ValueError("only SELECT statements are allowed")
    limits = f"-c statement_timeout={SECONDS * 1000} -c default_transaction_read_only=on"
    rows_by_name = import_module("psycopg.rows").dict_row
    try:
        connection = psycopg.connect(os.environ["TOOLS_DATABASE"], options=limits, row_factory=rows_by_name)
    except psycopg.Error:  # its text may hold the password
        raise ConnectionError("the database in TOOLS_DATABASE cannot be reached") from None
    with connection:
        connection.read_only = True
        connection.execute("SELECT 1")  # from here on, the transaction cannot be made one that writes
        rows = connection.cursor("rows")  # takes one statement, no second one that commits, and sends what is read
        rows.execute(sql)
        found = rows.fetchmany(most)
        connection.rollback()
        return found
