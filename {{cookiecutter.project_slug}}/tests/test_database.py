"""The database is read, and nothing that a model writes changes it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chat.tools import read_tools
from tests.pages import wait_until


def ask(sql: str) -> Any:
    """Return what a query brings."""
    return read_tools()[0]["query_database"].call(sql=sql)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a database, and with CSV files."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE sale (what TEXT, price REAL)")
        connection.execute("INSERT INTO sale VALUES ('pen', 2.5), ('ink', 4)")
        connection.commit()
    monkeypatch.setenv("TOOLS_DATABASE", str(tmp_path / "shop.db"))
    (tmp_path / "rain 2024.csv").write_text('day,"mm ""rain""",mm\n01,2.5,"a\nb"\n2,,\n3', encoding="utf-8")
    (tmp_path / "städte.csv").write_bytes("Name;name\nKöln;5\n".encode("cp1252"))
    tool: Any = read_tools()[0]["query_database"].call
    names = tool.__wrapped__.__globals__
    names["FOLDER"], before = tmp_path, names["FOLDER"]
    yield tmp_path
    names["FOLDER"] = before


def test_tables_are_described_and_read() -> None:
    described = read_tools()[0]["describe_database"].call()
    assert 'CREATE TABLE "rain_2024"' in described
    assert "CREATE TABLE sale (what TEXT, price REAL)" in described
    assert ask("SELECT sum(price) AS total FROM sale") == [{"total": 6.5}]
    assert ask("SELECT * FROM rain_2024") == [
        {"day": "01", "mm rain": 2.5, "mm": "a\nb"},
        {"day": "2", "mm rain": None, "mm": None},
        {"day": "3", "mm rain": None, "mm": None},
    ]
    assert ask("SELECT * FROM städte") == [{"Name": "Köln", "name 2": 5}]
    assert ask("SELECT s.what, t.what FROM sale AS s JOIN sale AS t ON s.price < t.price") == [
        {"what": "pen", "what 2": "ink"}
    ]


def test_columns_of_numbers_are_numbers(folder: Path) -> None:
    (folder / "spaced.csv").write_text('name, age, city\nAnn, 9, "Oslo, Norway"\nBob, 30, Rome', encoding="utf-8")
    assert ask("SELECT name, city FROM spaced WHERE age < 20") == [{"name": "Ann", "city": "Oslo, Norway"}]
    (folder / "gaps.csv").write_text('price\n9\n"1,100"\nNA\nn/a', encoding="utf-8")
    assert ask("SELECT max(price) AS most, count(price) AS known FROM gaps") == [{"most": 1100, "known": 2}]
    (folder / "wide.csv").write_text("a|b\n1|2", encoding="utf-16")
    assert ask("SELECT b FROM wide") == [{"b": 2}]


def test_two_files_of_the_same_name_are_two_tables(folder: Path) -> None:
    for year in ("2023", "2024"):
        (folder / year).mkdir()
        (folder / year / "sales.csv").write_text(f"year\n{year}", encoding="utf-8")
    assert ask("SELECT * FROM sales UNION SELECT * FROM Sales_2") == [{"year": 2023}, {"year": 2024}]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM sale",
        "DROP TABLE sale",
        "INSERT INTO rain_2024 VALUES (1, 2, 3)",
        "CREATE TABLE t (x)",
        "ATTACH 'evil.db' AS e",
        "PRAGMA journal_mode = WAL",
        "VACUUM INTO 'evil.db'",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_database_list",
        "SELECT 1; DELETE FROM sale",
        "SELECT length(zeroblob(1000000000))",
        "UPDATE db.sqlite_master SET sql = 'x'",
        "UPDATE sqlite_master SET sql = 'x'",
        "PRAGMA writable_schema = 1",
    ],
)
def test_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    monkeypatch.chdir(folder)
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(RuntimeError, match=r"not authorized|denied|one statement|too big|not be modified"):
        ask(sql)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_an_endless_query_ends_and_a_long_result_is_cut() -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
    tool: Any = read_tools()[0]["query_database"].call
    names = tool.__wrapped__.__globals__
    assert len(ask(f"{endless} i FROM n")) == 200
    with pytest.raises(RuntimeError, match="too large"):
        ask(f"{endless} randomblob(500000) FROM n")
    names["SECONDS"], before = 0.2, names["SECONDS"]
    # The second is one call of a function, within which SQLite itself cannot be interrupted.
    slow = "WITH a AS (SELECT hex(zeroblob(450000)) AS a) SELECT instr(a, substr(a, 1, 400000) || 'b') FROM a"
    for sql in (f"{endless} count(*) FROM n", slow):
        with pytest.raises(TimeoutError, match="more than"):
            ask(sql)
    names["SECONDS"] = before


def test_json_and_a_full_text_index_are_read(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        for kind in ("fts4", "fts5"):
            connection.execute(f"CREATE VIRTUAL TABLE {kind} USING {kind}(text)")
            connection.execute(f"INSERT INTO {kind} VALUES ('an owl')")
        connection.commit()
    assert ask("SELECT value FROM json_each('[1, 2]')") == [{"value": 1}, {"value": 2}]
    for kind in ("fts4", "fts5"):
        assert ask(f"SELECT text FROM {kind} WHERE {kind} MATCH 'owl'") == [{"text": "an owl"}]


def test_a_file_that_is_no_table_is_named_and_the_others_are_read(folder: Path) -> None:
    (folder / "empty.csv").touch()
    (folder / "wide.csv").write_text(",".join("x" * 5000) + "\n1", encoding="utf-8")
    (folder / "long.csv").write_text("x\n" + "y" * 200_000, encoding="utf-8")
    described = read_tools()[0]["describe_database"].call()
    assert [name for name in ("empty", "wide", "long", "rain") if f"{name}.csv cannot" in described] == [
        "empty", "wide", "long",
    ]  # fmt: skip
    assert ask("SELECT * FROM städte") == [{"Name": "Köln", "name 2": 5}]


def test_a_column_of_a_csv_file_is_all_numbers_or_none(folder: Path) -> None:
    (folder / "places.csv").write_text("code;price;count\n01067;2,50;1\n10115;3;\n", encoding="utf-8")
    (folder / "titled.csv").write_text("Rain in 2024\nday,mm\n1,2\n", encoding="utf-8")
    (folder / "wide 150.csv").write_text(
        ",".join(f"c{n}" for n in range(150)) + ",\n" + "1," * 150 + "\n", encoding="utf-8"
    )
    (folder / ".#rain.csv").symlink_to(folder / "nowhere")
    (folder / ".git" / "old").mkdir(parents=True)
    (folder / ".git" / "old" / "secret.csv").write_text("a\n1")
    assert ask("SELECT price FROM places WHERE code = '10115'") == [{"price": 3.0}]
    assert ask("SELECT sum(price) AS sum, sum(count) AS number FROM places WHERE count = '1'") == [
        {"sum": 2.5, "number": 1}
    ]
    assert len(ask("SELECT * FROM wide_150")[0]) == 151
    described = read_tools()[0]["describe_database"].call()
    assert '"price" REAL' in described
    assert "secret" not in described
    assert "titled.csv cannot be read as a table (it has to begin with a row of all its columns' names)." in described


def test_a_text_that_is_no_utf_8_is_read(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.execute("INSERT INTO sale VALUES (CAST(X'4BF66C6E' AS TEXT), 1)")
        connection.commit()
    assert ask("SELECT what FROM sale WHERE price = 1") == [{"what": "K\ufffdln"}]


def test_without_a_database_and_a_file_there_is_no_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLS_DATABASE")
    for file in folder.iterdir():
        file.unlink()
    assert read_tools()[0]["describe_database"].call() == "There is no table."
    assert ask("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("address", ["mysql://me:Secret@localhost/x", "postgresql://me:Secret@127.0.0.1:1/x"])
def test_the_password_in_an_address_is_not_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("TOOLS_DATABASE", address)
    with pytest.raises(RuntimeError, match=r"TOOLS_DATABASE|psycopg") as problem:
        ask("SELECT 1")
    assert "Secret" not in str(problem.value)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("-- c\nselect 1", "cannot be reached"),
        ("/* a */ /* b */ ((SELECT 1))", "cannot be reached"),
        ("-- select\nDELETE FROM sale", "only SELECT"),
        ("/* a */ " * 50 + "DROP TABLE sale", "only SELECT"),
    ],
)
def test_a_query_may_begin_with_a_comment(monkeypatch: pytest.MonkeyPatch, sql: str, problem: str) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("TOOLS_DATABASE", "postgresql://127.0.0.1:1/x")
    with pytest.raises(RuntimeError, match=problem):
        ask(sql)


@pytest.mark.skipif("TEST_POSTGRES" not in os.environ, reason="takes a PostgreSQL: its address in TEST_POSTGRES")
def test_postgres_is_read_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLS_DATABASE", os.environ["TEST_POSTGRES"])
    assert ask("SELECT 1 AS one, 2 AS one") == [{"one": 1, "one 2": 2}]
    assert ask("-- c\n(SELECT 1 AS one)") == [{"one": 1}]
    with pytest.raises(Exception, match=r"memory|more than"):
        ask("SELECT repeat('x', 300000000)")
    unlimited = "SELECT set_config('statement_timeout', '0', false) FROM generate_series(1, 150)"
    with pytest.raises(Exception, match=r"more than|timeout"):
        ask(f"{unlimited} UNION ALL SELECT pg_sleep(60)::text")
    going_on = "FROM pg_stat_activity WHERE query LIKE 'FETCH%' AND state = 'active' AND pid <> pg_backend_pid()"
    wait_until(lambda: ask(f"SELECT count(*) AS number {going_on}") == [{"number": 0}])
    read_tools()[0]["describe_database"].call()
    writes = "WITH x AS (INSERT INTO pg_temp.t VALUES (1) RETURNING 1) SELECT * FROM x"
    for sql in ("CREATE TABLE t (x int)", "SELECT 1; COMMIT; CREATE TABLE t (x int)", "SELECT pg_sleep(60)", writes,
                "SELECT set_config('transaction_read_only', 'off', false)", "SELECT nextval('s')",
                "DO $$ BEGIN COMMIT; END $$"):  # fmt: skip
        with pytest.raises(Exception, match=r"only SELECT|multiple|timeout|more than|read-only|before any query|exist"):
            ask(sql)
