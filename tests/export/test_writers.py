"""Every export target keeps what `Writer` promises, and a half-wired one is found.

The suite runs over `WRITERS` by itself: a new target needs a reader in `READERS`, so that its rows
can be seen. Kills and full disks are in `test_whole_targets`, `--dedupe` and empty harvests in
`test_export`, over the same table.
"""

import csv
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any, cast

import duckdb
import openpyxl
import pytest
from openpyxl.utils.escape import unescape
from pyarrow import feather

import harvester.export
from harvester.cli import exporting
from harvester.errors import ConfigError
from harvester.export import WRITERS, Rows, Writer, export
from tests.export.shop import harvest_of, lines_of, names_in

#: What the help of `harvester export` says of its target.
TARGETS = signature(exporting.export).parameters["target"].annotation.__metadata__[0].help
README = Path(__file__).parents[2] / "README.md"
VALUES: list[Any] = [
    None, True, False, 0, -1, 2**53 + 1, 2**63, 10**40, 0.5, -1e300, "", " ", "null", "5", "ä😀",
    'a,"b"\r\nc', "n\0l", [], [[]], [1, None, "x"], {}, {"k": {"K": [1.5]}}, [{"a": 1}, {"b": "c"}],
]  # fmt: skip

Row = Mapping[str, Any]


def _asked(source: str) -> list[Row]:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM {source}")
        assert found.description is not None
        names = [str(column[0]) for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _table(path: Path) -> list[Row]:
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute('SELECT * FROM "orders"')
        assert found.description is not None
        names = [str(column[0]) for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _csv_rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return cast(list[Row], list(csv.DictReader(file)))


def _sheet(path: Path) -> list[Row]:
    header, *rows = openpyxl.load_workbook(path)["orders"].iter_rows(values_only=True)
    cells = [[unescape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return [dict(zip(map(str, header), row, strict=True)) for row in cells]


#: Reads a target back, by its suffix: the cells of each row, by column.
READERS: Mapping[str, Callable[[Path], list[Row]]] = {
    ".jsonl": lines_of,
    ".jsonl.gz": lines_of,
    ".csv": _csv_rows,
    ".parquet": lambda path: _asked(f"read_parquet('{path}')"),
    ".feather": lambda path: cast(list[Row], feather.read_table(path).to_pylist()),
    ".duckdb": _table,
    ".xlsx": _sheet,
}


def says(cell: Any, value: Any) -> bool:
    """Whether a cell says what a JSON value says: as itself, or as its JSON text, at any depth.
    What an object lacks is null in a STRUCT.
    """
    if cell == value or (value is None and cell == ""):
        return True
    if isinstance(cell, dict) and isinstance(value, dict):
        return all(says(cell.get(name), value.get(name)) for name in cell.keys() | value.keys())
    if isinstance(cell, list) and isinstance(value, list):
        return len(cell) == len(value) and all(map(says, cell, value))
    return isinstance(cell, str) and bool(json.loads(cell) == value)


def modules() -> list[Any]:
    """Every module of the package."""
    names = [each.name for each in pkgutil.iter_modules(harvester.export.__path__)]
    return [importlib.import_module(f"harvester.export.{name}") for name in names]


def unwired(kinds: Mapping[str, type[Writer]], found: set[type[Writer]]) -> list[str]:
    """What is missing for each writer to be whole, in words."""
    told = [f"{kind.__name__}: not in WRITERS" for kind in found - set(kinds.values())]
    page = README.read_text(encoding="utf-8")
    for suffix, kind in kinds.items():
        told += [f"{suffix}: under another suffix"] * (kind.suffix != suffix)
        told += [f"{suffix}: no reader in READERS"] * (suffix not in READERS)
        told += [f"{suffix}: not in README.md"] * (f"`{suffix}`" not in page)
        told += [f"{suffix}: not in the help of export"] * (suffix not in TARGETS)
        told += [f"{suffix}: abstract"] * bool(getattr(kind, "__abstractmethods__", ()))
    return told


def test_every_writer_is_wired() -> None:
    """Each class of the package is in the table, the README and this suite."""
    found = {
        each
        for module in modules()
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Writer) and each is not Writer
    }
    assert found
    assert unwired(WRITERS, found) == []


def test_a_half_wired_writer_is_found() -> None:
    """One that is in no table, one that nothing reads or documents, one that cannot write."""

    class Half(Writer):
        suffix = ".half"

    half: Any = Half
    assert unwired(WRITERS, {half}) == ["Half: not in WRITERS"]
    assert unwired({".half": half}, {half}) == [
        ".half: no reader in READERS", ".half: not in README.md",
        ".half: not in the help of export", ".half: abstract",
    ]  # fmt: skip
    with pytest.raises(TypeError, match="abstract"):
        half(Path("o.half"))


@pytest.mark.parametrize("wrong", ["", "csv", ".CSV"])
def test_a_writer_has_a_suffix(wrong: str) -> None:
    """It is refused as soon as it is defined."""
    with pytest.raises(TypeError, match="Nameless: a writer has a suffix such as"):

        class Nameless(Writer):
            suffix = wrong

            def add(self, name: str, rows: Rows) -> None: ...


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_type_comes_back(suffix: str, tmp_path: Path) -> None:
    """Each alone in its column, and all of them in one, which pages disagree about."""
    records = [{"n": n, f"c{n}": value, "all": value} for n, value in enumerate(VALUES)]
    harvest_of(tmp_path / "out", {"orders": [records[:9], records[9:]]})
    target = tmp_path / f"o{suffix}"
    export(tmp_path / "out", target)
    rows = READERS[suffix](target)
    assert [int(row["n"]) for row in rows] == list(range(len(VALUES)))
    for n, (row, value) in enumerate(zip(rows, VALUES, strict=True)):
        for column in (f"c{n}", "all"):
            assert says(row[column], value), (column, row[column], value)
    assert names_in(tmp_path) == [target.name, "out"]


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_target_is_replaced_only_by_force(suffix: str, tmp_path: Path) -> None:
    """It is left as it was without `force`, and is the new one with it."""
    harvest_of(tmp_path / "out", {"orders": [[{"n": 1}]]})
    target = tmp_path / f"o{suffix}"
    target.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="exists, and was left as it is"):
        export(tmp_path / "out", target)
    assert target.read_bytes() == b"mine"
    export(tmp_path / "out", target, force=True)
    assert [int(row["n"]) for row in READERS[suffix](target)] == [1]


@pytest.mark.parametrize("name", ["o.ods", "o", "o.json", "o.gz", "o.csv.gz", ".parquet"])
def test_an_unknown_suffix_names_those_there_are(name: str, tmp_path: Path) -> None:
    """Nothing is written as JSON Lines for want of a better one."""
    harvest_of(tmp_path / "out", {"orders": [[{"n": 1}]]})
    with pytest.raises(ConfigError, match="name a file that ends in one of") as error:
        export(tmp_path / "out", tmp_path / name)
    assert all(suffix in str(error.value) for suffix in WRITERS)
    assert names_in(tmp_path) == ["out"]
