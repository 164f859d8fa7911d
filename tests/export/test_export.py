"""Exports: every record comes back, from every format, under one schema."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import feather

from harvester.errors import ConfigError
from harvester.export import WRITERS, export
from harvester.export.survey import DEEPEST, MOST_COLUMNS, MOST_KEYS
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_header
from tests.examples import examples
from tests.export.shop import (
    PAGES,
    PARTITIONED,
    TWO,
    harvest_of,
    lines_of,
    names_in,
    numbers_in,
    queried,
    replace_page,
    rows_of,
    schema_of,
    table_in,
)
from tests.support import entry


def canonical(value: Any) -> str:
    """A JSON value as text that tells 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True)


def fits(kind: Any, cell: Any, value: Any) -> bool:
    """Whether a cell of a DuckDB type says what the JSON value says; absent and null are one."""
    if value is None or cell is None:
        return value is None and cell is None
    match kind.id:
        case "list":
            [(_, items)] = kind.children
            return len(cell) == len(value) and all(
                fits(items, inner, item) for inner, item in zip(cell, value, strict=True)
            )
        case "struct":
            inner = dict(kind.children)
            return value.keys() <= inner.keys() and all(
                fits(each, cell.get(name), value.get(name)) for name, each in inner.items()
            )
        case "double":
            return type(value) in (int, float) and float(value) == cell
        case "decimal":
            return type(value) is int and int(cell) == value
        case "bigint" | "boolean":
            return type(cell) is type(value) and bool(cell == value)
    if str(kind) == "JSON":
        return canonical(json.loads(cell)) == canonical(value)
    assert str(kind) == "VARCHAR", kind
    return type(value) is str and bool(cell == value)


@examples(30, may_be_slow=True)
@given(pages=st.lists(PAGES, min_size=1, max_size=3))
@example(pages=[[{}]])
def test_odd_records_come_back(tmp_path_factory: pytest.TempPathFactory, pages: Any) -> None:
    """Whatever pages disagree about: each value is in each format, exactly, or as its JSON text."""
    folder = tmp_path_factory.mktemp("odd")
    harvest_of(folder / "out", {"orders": pages})
    for ending in WRITERS:
        export(folder / "out", folder / f"orders{ending}")
    # `null` among the records of an array is no object, and a record like any other.
    records = [record for page in pages for record in page]
    assert list(map(canonical, lines_of(folder / "orders.jsonl"))) == list(map(canonical, records))
    assert lines_of(folder / "orders.jsonl.gz") == lines_of(folder / "orders.jsonl")

    names, kinds, rows = table_in(folder / "orders.duckdb")
    assert rows_of(folder / "orders.parquet") == rows
    tables = [feather.read_table(folder / "orders.feather")]
    tables.append(pq.read_table(folder / "orders.parquet"))
    assert repr(tables[0].to_pylist()) == repr(tables[1].to_pylist())
    keys = keys_of(names, records)
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        for key, kind, cell in zip(keys, kinds, row, strict=True):
            assert fits(kind, cell, part_of(record, key)), (key, str(kind), cell, record)
    check_csv(folder / "orders.csv", names, records)


def keys_of(names: Sequence[str], records: Sequence[Any]) -> list[str | None]:
    """Which key of the records each column holds, by the order in which keys are met; None: what
    is no object.
    """
    keys = list(dict.fromkeys(key for each in records if isinstance(each, dict) for key in each))
    assert len(names) in (len(keys), len(keys) + 1)
    for name, key in zip(names, keys, strict=False):
        assert re.fullmatch(re.escape(key.replace("\0", "\ufffd") or "unnamed") + r"(_\d+)?", name)
    return [*keys, *[None] * (len(names) - len(keys))]


def part_of(record: Any, key: str | None) -> Any:
    """What of a record belongs into the column of a key."""
    if isinstance(record, dict):
        return None if key is None else record.get(key)
    return record if key is None else None


def check_csv(path: Path, names: Sequence[str], records: Sequence[Any]) -> None:
    """Read with Python's own parser, and null told from "" by DuckDB."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == list(names)
    keys = keys_of(names, records)
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        for cell, key in zip(row, keys, strict=True):
            value = part_of(record, key)
            if value is None or isinstance(value, str):
                assert cell == (value or "")
            else:
                assert canonical(json.loads(cell)) == canonical(value)


def test_null_and_empty_text_differ_in_csv(tmp_path: Path) -> None:
    """Nothing between commas is null or absent, `""` is an empty text; DuckDB reads both."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": "", "b": None}, {"b": 'x,\r\n"y"'}]]})
    export(tmp_path / "out", tmp_path / "orders.csv")
    assert (tmp_path / "orders.csv").read_bytes() == b'a,b\n"",\n,"x,\r\n""y"""\n'
    read = f"read_csv('{tmp_path / 'orders.csv'}', allow_quoted_nulls=false, all_varchar=true)"
    assert queried(f"SELECT * FROM {read}") == [("", None), (None, 'x,\r\n"y"')]


def test_numbers_stand_in_csv_and_json_lines_as_the_server_spelled_them(tmp_path: Path) -> None:
    """No digit is lost where the format is text, nested or not."""
    [partition] = harvest_of(tmp_path / "out", {"orders": [[]]})
    record = b'{"a":1.10,"b": 12345678901234567890123 ,"c":[1.0,{"d" : 1e2}],"e":-0,"f":1E400}'
    replace_page(tmp_path / "out" / partition.folder, b'{"data":[%b]}' % record, 1)
    for ending in (".csv", ".jsonl", ".duckdb"):
        export(tmp_path / "out", tmp_path / f"orders{ending}")
    assert (tmp_path / "orders.jsonl").read_bytes() == record + b"\n"
    text = '1.10,12345678901234567890123,"[1.0,{""d"" : 1e2}]",-0,1E400\n'
    assert (tmp_path / "orders.csv").read_text().splitlines(keepends=True)[1] == text
    schema = schema_of(tmp_path / "orders.duckdb")
    assert schema["b"] == "DECIMAL(38,0)"
    assert schema["f"] == "VARCHAR"  # beyond every double: its digits


# --- One schema over all pages -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param([1, -(2**63)], "BIGINT", id="64 bits"),
        pytest.param([1, 2**63], "DECIMAL(38,0)", id="over 64 bits"),
        pytest.param([1, 10**38], "JSON", id="over 38 digits"),
        pytest.param([1, 2.5], "DOUBLE", id="integers that doubles are"),
        pytest.param([2**53 + 1, 2.5], "JSON", id="integers that no double is"),
        pytest.param(["1", 1], "JSON", id="text and number"),
        pytest.param([True, 1], "JSON", id="boolean and number"),
        pytest.param([None, None], "VARCHAR", id="only null"),
        pytest.param([{}, {}], "JSON", id="empty objects"),
        pytest.param([{"a": 1}, {"b": [None]}], "STRUCT(a BIGINT, b VARCHAR[])", id="objects"),
        pytest.param([{"a": 1}, "x"], "JSON", id="object and text"),
        pytest.param([{"a": 1}, [1]], "JSON", id="object and array"),
        pytest.param([[1], [2.5, None]], "DOUBLE[]", id="arrays"),
        pytest.param([[1, "a"], []], "JSON[]", id="mixed array"),
        pytest.param([{"id": 1, "ID": 2}], "JSON", id="keys that differ in case"),
        pytest.param([{"": 1}], "JSON", id="empty key"),
        pytest.param([{"a\0": 1}], "JSON", id="NUL in a key"),
        pytest.param([[{"a": {"b": [1]}}]], "STRUCT(a STRUCT(b BIGINT[]))[]", id="deep"),
    ],
)
def test_types_are_widened_without_loss(values: list[Any], kind: str, tmp_path: Path) -> None:
    """One value a page: the type is the narrowest that holds all of them."""
    harvest_of(tmp_path / "out", {"orders": [[{"v": value}] for value in values]})
    export(tmp_path / "out", tmp_path / "o.duckdb")
    assert schema_of(tmp_path / "o.duckdb") == {"v": kind}
    _, [found], rows = table_in(tmp_path / "o.duckdb")
    assert all(fits(found, cell, value) for (cell,), value in zip(rows, values, strict=True))


def test_a_map_with_ever_new_keys_is_json(tmp_path: Path) -> None:
    """Keys that are data make no columns: beyond a bound, the object is one JSON text."""
    maps = [[{"id": n, "days": {f"day {n}": n}, "few": {f"k{n % 3}": n}}]
            for n in range(MOST_KEYS + 10)]  # fmt: skip
    harvest_of(tmp_path / "out", {"orders": maps})
    export(tmp_path / "out", tmp_path / "o.duckdb")
    schema = schema_of(tmp_path / "o.duckdb")
    assert schema["days"] == "JSON"
    assert schema["few"].startswith("STRUCT")
    rows = table_in(tmp_path / "o.duckdb")[2]
    assert [json.loads(row[1]) for row in rows] == [page[0]["days"] for page in maps]


def test_records_with_ever_new_keys_are_one_column(tmp_path: Path) -> None:
    """So are records themselves, in each tabular format."""
    records = [{f"key {n}": n} for n in range(MOST_COLUMNS + 1)]
    harvest_of(tmp_path / "out", {"orders": [records]})
    for ending in (".csv", ".parquet", ".duckdb"):
        export(tmp_path / "out", tmp_path / f"o{ending}")
    assert schema_of(tmp_path / "o.duckdb") == {"value": "JSON"}
    assert [json.loads(cell) for (cell,) in rows_of(tmp_path / "o.parquet")] == records
    with (tmp_path / "o.csv").open(newline="") as file:
        assert [json.loads(row["value"]) for row in csv.DictReader(file)] == records


def test_very_deep_values_are_json(tmp_path: Path) -> None:
    """Columns nest so deep and no deeper, as pages may nest 256 levels."""
    deep: Any = 1
    for _ in range(100):
        deep = {"a": [deep]}
    harvest_of(tmp_path / "out", {"orders": [[{"v": deep}]]})
    export(tmp_path / "out", tmp_path / "o.duckdb")
    kind = schema_of(tmp_path / "o.duckdb")["v"]
    assert kind.count("STRUCT") <= DEEPEST
    assert "JSON" in kind
    _, [found], [(cell,)] = table_in(tmp_path / "o.duckdb")
    assert fits(found, cell, deep)


def test_half_a_surrogate_pair_does_no_harm(tmp_path: Path) -> None:
    """No UTF-8 holds it: U+FFFD stands in; JSON Lines has what the server wrote."""
    record = rb'{"t":"cut \ud83d","ok":"\ud83d\ude00","no":"\\ud83d","\ud83d":{"n":"\udc00"}}'
    [partition] = harvest_of(tmp_path / "out", {"orders": [[]]})
    replace_page(tmp_path / "out" / partition.folder, b'{"data":[%b]}' % record, 1)
    for ending in WRITERS:
        export(tmp_path / "out", tmp_path / f"o{ending}")
    assert (tmp_path / "o.jsonl").read_bytes() == record + b"\n"
    names, _, rows = table_in(tmp_path / "o.duckdb")
    assert names == ["t", "ok", "no", "\ufffd"]
    assert rows == [("cut \ufffd", "\U0001f600", "\\ud83d", {"n": "\ufffd"})]
    assert rows_of(tmp_path / "o.parquet") == rows
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["t"] == "cut \ufffd"


def test_a_key_that_comes_twice_counts_once(tmp_path: Path) -> None:
    """The last one, as in every parser; JSON Lines keeps both."""
    [partition] = harvest_of(tmp_path / "out", {"orders": [[]]})
    replace_page(tmp_path / "out" / partition.folder, b'{"data":[{"a":1,"a":2,"b":[]}]}', 1)
    for ending in (".csv", ".jsonl", ".parquet"):
        export(tmp_path / "out", tmp_path / f"o{ending}")
    assert (tmp_path / "o.jsonl").read_bytes() == b'{"a":1,"a":2,"b":[]}\n'
    assert (tmp_path / "o.csv").read_text() == "a,b\n2,[]\n"
    assert rows_of(tmp_path / "o.parquet") == [(2, [])]


# --- Partitions and resources --------------------------------------------------------------------


def test_partition_values_are_columns(tmp_path: Path) -> None:
    """In front, under names of their own and with their types; pandas reads them too."""
    records = [{"id": 1, "shop": "own"}, "text"]
    harvest_of(tmp_path / "out", {"orders": [records]}, PARTITIONED)
    for ending in WRITERS:
        export(tmp_path / "out", tmp_path / f"o{ending}")
    places = [(shop, year) for shop in ("a b", "c") for year in (2020, 2021)]
    wanted = [
        row for place in places for row in ((*place, 1, "own", None), (*place, None, None, "text"))
    ]
    assert rows_of(tmp_path / "o.parquet") == wanted
    names, kinds, rows = table_in(tmp_path / "o.duckdb")
    assert (names, rows) == (["_shop", "_year", "id", "shop", "value"], wanted)
    assert list(map(str, kinds)) == ["VARCHAR", "BIGINT", "BIGINT", "VARCHAR", "VARCHAR"]
    frame = pd.read_parquet(tmp_path / "o.parquet")
    assert frame["_year"].tolist() == [year for _, year in places for _ in records]
    lines = [
        line
        for shop, year in places
        for line in (
            {"_shop": shop, "_year": year, "id": 1, "shop": "own"},
            {"_shop": shop, "_year": year, "value": "text"},
        )
    ]
    assert lines_of(tmp_path / "o.jsonl") == lines_of(tmp_path / "o.jsonl.gz") == lines
    assert (tmp_path / "o.csv").read_text().splitlines()[1:3] == [
        "a b,2020,1,own,", "a b,2020,,,text"
    ]  # fmt: skip


def test_partitions_are_chosen(tmp_path: Path) -> None:
    """`partition` is as for `records`; one that no partition has is an error."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]}, PARTITIONED)
    export(tmp_path / "out", tmp_path / "o.jsonl", partition={"shop": "c"})
    assert [line["_shop"] for line in lines_of(tmp_path / "o.jsonl")] == ["c", "c"]
    with pytest.raises(ConfigError, match="no partition here has shop=x"):
        export(tmp_path / "out", tmp_path / "x.jsonl", partition={"shop": "x"})
    with pytest.raises(ConfigError, match="no partition key 'shopp' here; there are shop, year"):
        export(tmp_path / "out", tmp_path / "x.jsonl", partition={"shopp": "x"})
    assert names_in(tmp_path) == ["o.jsonl", "out"]


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("key", ["_shop", "_\\u0073hop"])
def test_a_records_own_key_is_never_overwritten(ending: str, key: str, tmp_path: Path) -> None:
    """A key where a partition value was to stand ends the export; another prefix helps."""
    out, target = tmp_path / "out", tmp_path / f"o{ending}"
    for partition in harvest_of(out, {"orders": [[]]}, PARTITIONED):
        replace_page(out / partition.folder, b'{"data":[{"%b":1}]}' % key.encode(), 1)
    with pytest.raises(ConfigError, match=r"its own key '_shop'.*choose another --prefix"):
        export(out, target)
    assert not target.exists()
    export(out, target, prefix="partition_")
    assert target.exists()


def test_a_database_has_a_table_for_each_resource(tmp_path: Path) -> None:
    """And every other format takes one resource, and names those there are."""
    out = tmp_path / "out"
    harvest_of(out, {"orders": [[{"a": 1}]], "Customers": [[{"b": "x"}], [{"b": "y"}]]}, TWO)
    done = export(out, tmp_path / "o.duckdb")
    assert done.records == {"orders": 1, "Customers": 2}
    assert table_in(tmp_path / "o.duckdb", "Customers")[2] == [("x",), ("y",)]
    with pytest.raises(ConfigError, match="there are orders, Customers; choose one"):
        export(out, tmp_path / "o.csv")
    export(out, tmp_path / "o.csv", resources=["Customers"])
    assert (tmp_path / "o.csv").read_text() == "b\nx\ny\n"
    with pytest.raises(ConfigError, match="no resource 'x' here; there are orders, Customers"):
        export(out, tmp_path / "x.csv", resources=["x"])


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("pages", [[[]], [[{}, {}]]], ids=["no record", "empty records"])
def test_nothing_is_exported_as_nothing(ending: str, pages: Any, tmp_path: Path) -> None:
    """A harvest without records, or with empty ones, gives a file with as many rows."""
    harvest_of(tmp_path / "out", {"orders": pages})
    done = export(tmp_path / "out", tmp_path / f"o{ending}")
    assert done.records == {"orders": len(pages[0])}
    if ending == ".parquet":
        assert len(rows_of(tmp_path / "o.parquet")) == len(pages[0])


# --- Repeats -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", WRITERS)
def test_the_newest_of_repeated_records_stays(ending: str, tmp_path: Path) -> None:
    """Newest is what was fetched last, wherever it stands; kinds of keys are told apart."""
    out, target = tmp_path / "out", tmp_path / f"o{ending}"
    pages = [
        [{"id": 1, "n": 0}, {"id": "1", "n": 1}, {"id": 2, "n": 2}, {"id": 2, "n": 3}],
        [{"id": 1, "n": 4}, {"n": 5}, {"id": None, "n": 6}, {"n": 7}],
    ]
    harvest_of(out, {"orders": pages})
    done = export(out, target, dedupe=["id"])
    assert done.repeated == 2
    assert done.notes == ["orders: 3 records have no value at --dedupe id; all were kept"]
    assert numbers_in(target) == [1, 3, 4, 5, 6, 7]
    with pytest.raises(ConfigError, match=r"--dedupe user\.id: no record has a value there"):
        export(out, target, dedupe=["user.id"], force=True)
    with pytest.raises(ConfigError, match=r"--dedupe a\[: expected a quoted name"):
        export(out, target, dedupe=["a["], force=True)
    assert numbers_in(target) == [1, 3, 4, 5, 6, 7]


def test_newest_goes_by_the_time_of_the_page(tmp_path: Path) -> None:
    """A partition earlier in the plan may have been fetched later: its records are the newer."""
    out = tmp_path / "out"
    times = {("a b", 2021): "2024-01-02T00:00:00.000Z"}
    for partition in harvest_of(out, {"orders": [[]]}, PARTITIONED):
        folder = out / partition.folder
        place = (partition.values["shop"], partition.values["year"])
        replace_page(folder, b'{"data":[{"id":{"x":1},"k":[1,2]}]}', 1)
        change_time(folder, times.get(place, "2024-01-01T00:00:00.000Z"))
    done = export(out, tmp_path / "o.jsonl", dedupe=["id.x", "k[*]"])
    assert done.repeated == 3
    [line] = lines_of(tmp_path / "o.jsonl")
    assert (line["_shop"], line["_year"]) == ("a b", 2021)


def change_time(folder: Path, fetched_at: str) -> None:
    """Write a partition's journal anew with another time of its page."""
    header = read_header(folder)
    assert header is not None
    [line] = (folder / "journal.jsonl").read_bytes().splitlines()[1:]
    values = json.loads(line)
    (folder / "journal.jsonl").unlink()
    part = (folder / values["part"]).read_bytes()
    (folder / values["part"]).unlink()
    with Journal.open(folder, header, fsync=False) as journal:
        (folder / values["part"]).write_bytes(part)
        journal.append(
            entry(1, part=values["part"], stored_bytes=len(part), records=1, fetched_at=fetched_at)
        )
