"""Your database, to be read and never written: a SQLite file or PostgreSQL, and each CSV file in documents/ as a table.

TOOLS_DATABASE, in the environment, says which: the path of a SQLite file, or postgresql://…, which takes
`uv add "psycopg[binary]"` and leaves out the CSV files. Only queries that read are sent; on PostgreSQL, connect as a
role that can only read all the same, since a function there might write.
"""

import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from contextlib import closing, suppress
from decimal import Decimal
from importlib import import_module
from itertools import chain, count, zip_longest
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "documents"
SECONDS = 5  # for a query
ROWS = 200  # of its result
NOTHING = {"na", "n/a", "#n/a", "nan", "null", "none", "-"}  # in a column of numbers
MEMORY = 2**29  # bytes that it may take, beside the CSV files
ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
# What SQLite itself asks for to open JSON's tables and those of its full-text index; no query can write sqlite_master.
OWN = {(sqlite3.SQLITE_PRAGMA, name) for name in ("data_version", "page_size")}
OWN |= {(sqlite3.SQLITE_UPDATE, "sqlite_master")}

# The CSV files as a SQLite database, with a sentence for each that is no table, by their names, times and sizes.
_tables: dict[tuple[Any, ...], tuple[bytes, list[str]]] = {}
_lock = threading.Lock()


def describe_database() -> str:
    """List the tables of the user's database and their columns, to write a query of them."""
    if _is_postgres():
        line = "table_schema || '.' || table_name || ': ' || column_name || ' ' || data_type AS line"
        own = "table_schema NOT IN ('pg_catalog', 'information_schema')"
        rows = _ask(f"SELECT {line} FROM information_schema.columns WHERE {own}", 10_000)
        return "\n".join(row["line"] for row in rows)
    schemas = ["main", "db"] if os.environ.get("TOOLS_DATABASE") else ["main"]
    sql = " UNION ALL ".join(f"SELECT sql FROM {name}.sqlite_master WHERE sql IS NOT NULL" for name in schemas)
    return "\n".join([*(row["sql"] for row in _ask(sql, 10_000)), *_read_tables()[1]]) or "There is no table."


def query_database(sql: str) -> list[dict[str, Any]]:
    """Query the user's database, and return the first 200 rows. Nothing can be changed.

    Args:
        sql: One SELECT statement, as SQLite or PostgreSQL takes it. Call describe_database first.
    """
    return _ask(sql, ROWS)


def _ask(sql: str, most: int) -> list[dict[str, Any]]:
    """Ask in a process of its own, which can be ended: within one call of a function, SQLite looks at no clock."""
    tables = b"" if _is_postgres() else _read_tables()[0]
    given = json.dumps([sql, most]).encode() + b"\n" + tables
    try:
        command = [sys.executable, "-I", "-X", "utf8", __file__]
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the query took more than {SECONDS} s") from None
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip() or "the query took too much memory")
    return json.loads(done.stdout)


def _read_tables() -> tuple[bytes, list[str]]:
    stamp: tuple[Any, ...] = ()
    for file in sorted(file for file in FOLDER.rglob("*") if file.suffix.lower() == ".csv"):
        with suppress(FileNotFoundError):  # it has gone since it was listed
            if "/." not in f"/{file.relative_to(FOLDER).as_posix()}" and file.is_file():
                stamp += ((file, file.stat().st_mtime_ns, file.stat().st_size),)
    with _lock:
        if stamp in _tables:
            return _tables[stamp]
        problems = []
        with closing(sqlite3.connect(":memory:")) as made:
            made.execute("PRAGMA user_version = 1")  # an empty database cannot be kept
            for file, *_ in stamp:
                try:
                    _load(made, file)
                except (ValueError, OSError, csv.Error, sqlite3.Error) as error:
                    problems.append(f"{file.name} cannot be read as a table ({error}).")
            _tables.clear()
            _tables[stamp] = made.serialize(), problems
        return _tables[stamp]


def _load(connection: sqlite3.Connection, file: Path) -> None:
    """Make a table of a CSV file, whose first row has the columns' names."""
    data = file.read_bytes()
    try:
        text = data.decode("utf-16" if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    separator = max(",;\t|", key=text.partition("\n")[0].count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    head, *rows = [*filter(None, lines)] or [[]]
    if any(any(row[len(head) :]) for row in rows):
        raise ValueError("it has to begin with a row of all its columns' names")
    names = _distinct([name.strip().replace('"', "") or "column" for name in head])
    typed = [_typed(column, separator) for column in zip_longest(head, *rows, fillvalue="")][: len(head)]
    stem = re.sub(r"\W+", "_", file.stem)
    taken = {name.casefold() for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    numbered = (f"{stem}_{number}" for number in count(2))  # of the same name in another folder
    table = next(each for each in chain([stem], numbered) if each.casefold() not in taken)
    columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in zip(names, typed, strict=True))
    connection.execute(f'CREATE TABLE "{table}" ({columns})')
    cells = zip(*(column for _, column in typed), strict=True)
    connection.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(head))})', cells)


def _distinct(names: list[str]) -> list[str]:
    taken: dict[str, str] = {}  # SQLite takes ID and id for the same
    for at, name in enumerate(names):
        numbered = (f"{name} {number}" for number in count(at + 1))
        free = next(each for each in chain([name], numbered) if each.casefold() not in taken)
        taken[free.casefold()] = free
    return [*taken.values()]


def _typed(column: Sequence[str], separator: str) -> tuple[str, list[Any]]:
    """Return the type and the values of a column below its name: numbers if all are, and none is one such as 007."""
    cells = ["" if cell.strip().casefold() in NOTHING else cell.strip() for cell in column[1:]]
    if separator == ";":  # where a comma begins the decimals
        cells = [cell.replace(",", ".") for cell in cells]
    elif separator == ",":  # or parts the thousands
        cells = [re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", cell) for cell in cells]
    numbers = [re.fullmatch(r"-?(0|[1-9]\d{0,17})(\.\d+)?", cell) for cell in cells if cell]
    if not all(numbers) or not numbers:
        return "TEXT", [cell or None for cell in column[1:]]
    kind, make = ("REAL", float) if any(number and number[2] for number in numbers) else ("INTEGER", int)
    return kind, [make(cell) if cell else None for cell in cells]


def _is_postgres() -> bool:
    return os.environ.get("TOOLS_DATABASE", "").startswith(("postgresql://", "postgres://"))


def _allow(action: int, what: str | None, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in ALLOWED or (action, what) in OWN else sqlite3.SQLITE_DENY


def _ask_sqlite(sql: str, tables: bytes) -> sqlite3.Cursor:
    connection = sqlite3.connect(":memory:", uri=True)
    connection.text_factory = lambda data: data.decode(errors="replace")
    connection.deserialize(tables)
    if path := os.environ.get("TOOLS_DATABASE"):
        try:
            connection.execute("ATTACH ? AS db", (f"{Path(path).resolve().as_uri()}?mode=ro",))
        except sqlite3.Error:  # its text has the path in it, which may be an address with a password
            raise ConnectionError("the file that TOOLS_DATABASE names cannot be opened") from None
    # A connection that is opened read-only could still ATTACH a new file, and write that.
    connection.set_authorizer(_allow)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)  # of a text that a query makes
    return connection.execute(sql)


def _ask_postgres(sql: str, most: int) -> Any:
    psycopg: Any = import_module("psycopg")
    if not re.match(r"(?is)(\s|\(|--[^\r\n]*[\r\n]|/\*.*?\*/)*+(SELECT|WITH|VALUES|TABLE)\b", sql):
        raise ValueError("only SELECT statements are allowed")
    limits = f"-c statement_timeout={SECONDS * 1000} -c default_transaction_read_only=on"
    try:
        connection = psycopg.connect(os.environ["TOOLS_DATABASE"], options=limits)
    except psycopg.Error:  # its text may hold the password
        raise ConnectionError("the database in TOOLS_DATABASE cannot be reached") from None
    connection.read_only = True
    connection.execute("SELECT 1")  # from here on, the transaction cannot be made one that writes
    rows = connection.cursor("rows")  # takes one statement, no second one that commits
    rows.itersize = most + 1  # in one FETCH: a query that switches the time limit off is free of it in the next
    return rows.execute(sql)


def _main() -> None:
    sql, most = json.loads(sys.stdin.buffer.readline())
    tables = sys.stdin.buffer.read()
    if sys.platform == "linux":  # elsewhere there is no such limit, or it cannot be set
        resource: Any = import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY + 2 * len(tables),) * 2)
    found: list[dict[str, Any]] = []
    size = 0
    try:
        rows = _ask_postgres(sql, most) if _is_postgres() else _ask_sqlite(sql, tables)
        names = _distinct([column[0] for column in rows.description or []])
        for row in rows:
            size += len(str(row))
            if len(found) == most:
                break
            if size > 2_000_000:
                sys.exit("the result is too large: ask for fewer rows and columns, or for parts of long texts")
            found.append(dict(zip(names, row, strict=True)))
    except MemoryError:
        sys.exit("the query took too much memory")
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps(found, default=lambda value: float(value) if isinstance(value, Decimal) else str(value)))


if __name__ == "__main__":
    _main()
