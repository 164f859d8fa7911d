"""`--cast`: texts become numbers and times where nothing is lost, and all else is told."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from harvester.cli.app import app
from harvester.errors import ConfigError
from harvester.export import WRITERS, export
from harvester.export.casting import Tally, value_of_text
from harvester.export.text_kinds import TextKind, kind_of
from tests.export.shop import PARTITIONED, harvest_of, names_in, schema_of

TYPED = [suffix for suffix, writer in WRITERS.items() if writer.has_types]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", "integer"), ("-12", "integer"), ("007", "other"), ("+1", "other"), ("-0", "other"),
        ("1" * 64, "integer"), ("1" * 65, "other"), ("١٢", "other"), (" 1", "other"),
        ("1.50", "decimal"), (".5", "other"), ("1.", "other"), ("-0.0", "other"),
        ("1_000", "other"),
        ("1,5", "other"), ("1e3", "exponent"), ("1e400", "other"), ("12345678901234567e9", "other"),
        ("1e-9999999999", "other"), ("NaN", "other"), ("Infinity", "other"), ("0x10", "other"),
        ("2021-02-28", "date"), ("2021-02-30", "other"), ("0000-00-00", "other"),
        ("20210228", "integer"), ("2021-W01-1", "other"), ("2021-02-28T10:00", "local"),
        ("2021-02-28 10:00:00.123456000", "local"), ("2021-02-28T10:00:00.123456001", "other"),
        ("2021-02-28T10:00:00.1234567Z", "other"),
        ("2021-02-28T10:00:00Z", "instant"), ("2021-02-28T10:00:00+0530", "instant"),
        ("2021-02-28T24:00:00Z", "other"), ("2016-12-31T23:59:60Z", "other"),
        ("0001-01-01T00:00:00+01:00", "other"), ("2021-02-28T10:00:00+99:00", "other"),
        ("Wed Oct 10 20:19:24 +0000 2018", "instant"), ("Thu Oct 10 20:19:24 +0000 2018", "other"),
        ("Wed, 10 Oct 2018 20:19:24 GMT", "instant"), ("Wed, 10 Okt 2018 20:19:24 GMT", "other"),
        ("Wed, 10 Oct 2018 25:19:24 GMT", "other"), ("Wednesday", "other"), ("", "empty"),
    ],
)  # fmt: skip
def test_what_a_text_is(text: str, kind: str) -> None:
    """Nothing is a number or a time of which a digit, a fraction or a sign would be lost."""
    assert kind_of(text) is TextKind(kind)


@given(st.lists(st.from_regex(r"-?[0-9]{1,21}(\.[0-9]{1,20})?([eE]-?[0-9]{1,3})?", fullmatch=True)))
def test_a_number_that_is_cast_is_the_same_number(texts: list[str]) -> None:
    """Whatever the column's type is, it gives the value of each text."""
    tally = Tally()
    for text in texts:
        tally.add(text)
    if (kind := tally.type()) is not None:
        read = value_of_text(kind)
        assert all(Decimal(str(read(text))) == Decimal(text) for text in texts)


def _cast(tmp_path: Path, pages: list[list[Any]], suffix: str = ".parquet") -> tuple[Any, Path]:
    harvest_of(tmp_path / "out", {"orders": pages})
    target = tmp_path / f"o{suffix}"
    return export(tmp_path / "out", target, cast=True), target


RECORDS: list[Any] = [
    {"id": str(2**63 - n), "price": "12.5", "at": "2021-01-01T01:00:00+02:00", "day": "2021-01-01",
     "code": "007", "rate": "1e-3", "mixed": str(n), "number": n, "tags": ["1", "2"],
     "user": {"born": "Wed Oct 10 20:19:24 +0000 2018", "name": "x"}}
    for n in range(1, 4)
] + [
    {"id": str(10**30), "price": "1.234", "at": "2021-06-01T00:00:00.000001Z", "day": "",
     "code": "12", "rate": "2", "mixed": "n/a", "tags": [], "user": {"born": None}},
    {"id": None, "user": None},
]  # fmt: skip


@pytest.mark.parametrize("suffix", TYPED)
def test_every_typed_target_has_the_types(suffix: str, tmp_path: Path) -> None:
    """At any depth; the last page has what the others have not."""
    done, target = _cast(tmp_path, [RECORDS[:2], RECORDS[2:]], suffix)
    if suffix == ".duckdb":
        assert schema_of(target) == {
            "id": "DECIMAL(38,0)", "price": "DECIMAL(38,3)", "at": "TIMESTAMP WITH TIME ZONE",
            "day": "DATE", "code": "VARCHAR", "rate": "DOUBLE", "mixed": "VARCHAR",
            "number": "BIGINT", "tags": "BIGINT[]",
            "user": 'STRUCT(born TIMESTAMP WITH TIME ZONE, "name" VARCHAR)',
        }  # fmt: skip
        return
    if suffix == ".xlsx":
        head, *lines = openpyxl.load_workbook(target).active.values
        cells = [dict(zip(head, line, strict=True)) for line in lines]
        assert [row["id"] for row in cells[:2]] == [str(2**63 - n) for n in (1, 2)]
        assert cells[0]["at"] == datetime(2020, 12, 31, 23)  # Excel has none
        assert cells[3]["at"] == RECORDS[3]["at"]  # finer than it can be
        assert cells[0]["day"] == datetime(2021, 1, 1)
        assert [row["code"] for row in cells[:4]] == ["007"] * 3 + ["12"]
        assert not [each for each in done.casts if "." in each.column or "[" in each.column]
        return
    found = pq.read_table(target) if suffix == ".parquet" else pa.feather.read_table(target)
    rows = found.to_pylist()
    assert [row["id"] for row in rows] == [
        *(Decimal(2**63 - n) for n in range(1, 4)), Decimal(10**30), None,
    ]  # fmt: skip
    assert rows[0]["at"] == datetime(2020, 12, 31, 23, tzinfo=UTC)
    assert rows[3]["at"] == datetime(2021, 6, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert [row["day"] for row in rows] == [date(2021, 1, 1)] * 3 + [None, None]
    assert rows[0]["user"]["born"] == datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)
    assert [row["code"] for row in rows[:4]] == ["007"] * 3 + ["12"]
    told = {each.column: each for each in done.casts}
    assert told["day"].empty == 1
    assert (told["mixed"].after, told["mixed"].left, told["mixed"].example) == ("VARCHAR", 1, "n/a")
    assert "code" not in told  # most of it is no number


def test_a_target_without_types_refuses(tmp_path: Path) -> None:
    """Nothing is written that would look as if it had been cast."""
    harvest_of(tmp_path / "out", {"orders": [[{"n": "1"}]]})
    with pytest.raises(ConfigError, match=r"a \.csv has none; .*\.parquet, \.feather, \.duckdb"):
        export(tmp_path / "out", tmp_path / "o.csv", cast=True)
    assert names_in(tmp_path) == ["out"]


def test_partition_values_records_that_are_texts_and_nothing_at_all(tmp_path: Path) -> None:
    """Partition values stay what the folders say; records that are texts are a column as well."""
    text = PARTITIONED.replace("[2020, 2021]", '["2020", "2021"]')
    harvest_of(tmp_path / "out", {"orders": [["1", "2", None, {"a": "3"}]]}, text)
    done = export(tmp_path / "out", tmp_path / "o.parquet", cast=True)
    kinds = {each.name: each.type for each in pq.read_schema(tmp_path / "o.parquet")}
    assert kinds["_year"] == pa.string()
    assert {kinds["value"], kinds["a"]} == {pa.int64()}
    assert [each.column for each in done.casts] == ["a", "value"]
    harvest_of(tmp_path / "none", {"orders": [[]]})
    assert export(tmp_path / "none", tmp_path / "n.parquet", cast=True).casts == []


def test_dedupe_choice_and_cast_go_together(tmp_path: Path) -> None:
    """A digest is no number, and a repeated record is left out."""
    pages = [[{"id": "1", "n": "5"}, {"id": "2", "n": "6"}], [{"id": "1", "n": "7"}]]
    harvest_of(tmp_path / "out", {"orders": pages})
    done = export(tmp_path / "out", tmp_path / "o.parquet", cast=True, dedupe=["id"], hashed=["id"])
    assert done.repeated == 1
    assert sorted(row["n"] for row in pq.read_table(tmp_path / "o.parquet").to_pylist()) == [6, 7]


def test_the_table_says_what_became_of_each_column(tmp_path: Path) -> None:
    """As a person reads it."""
    harvest_of(tmp_path / "out", {"orders": [RECORDS]})
    line = ["export", str(tmp_path / "out"), str(tmp_path / "o.parquet"), "--cast"]
    said = " ".join(CliRunner().invoke(app, line).stderr.split())
    assert "column before after cast empty, now null not cast" in said
    assert "price VARCHAR DECIMAL(38,3) 4 0 0" in said
    assert "mixed VARCHAR VARCHAR 0 0 1, such as 'n/a': all stay text" in said
    assert json.dumps(RECORDS[0]["id"])[1:-1] not in said
