"""What is left out of an export is nowhere in it, and everything else is as it was."""

import csv
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import ConfigError
from harvester.export import WRITERS, export
from harvester.export.choice import Choice, Chooser
from tests.export.shop import (
    PARTITIONED,
    TWO,
    VALUES,
    harvest_of,
    lines_of,
    names_in,
    replace_page,
    table_in,
)

SECRET = "hidden@example.com"
RECORDS: list[Any] = [
    {"id": n, "user": {"email": SECRET, "name": "n"}, "rate": 1.5,
     "contacts": [{"phone": SECRET, "kind": "x"}, {"kind": "y"}, 3]}
    for n in range(5)
]  # fmt: skip


def digest(text: str, key: str = "key") -> str:
    """What stands in the place of a text."""
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("option", ["drop", "hashed"])
def test_what_is_left_out_is_nowhere(suffix: str, option: str, tmp_path: Path) -> None:
    """In no format, at any depth."""
    harvest_of(tmp_path / "out", {"orders": [RECORDS, RECORDS]})
    target = tmp_path / f"o{suffix}"
    left_out: Any = {option: ["user.email", "contacts[*].phone"]}
    export(tmp_path / "out", target, **left_out)
    assert SECRET.encode() not in target.read_bytes()
    if suffix == ".jsonl":
        [line, *_] = lines_of(target)
        assert line["user"]["name"] == "n"
        assert [each for each in line["contacts"] if each != 3] == [
            {"kind": "x"} if option == "drop" else {"phone": line["contacts"][0]["phone"],
                                                    "kind": "x"},
            {"kind": "y"},
        ]  # fmt: skip


def test_a_digest_is_the_same_for_the_same_key(tmp_path: Path) -> None:
    """HMAC-SHA-256 of the text, or of the JSON of anything else; null stays null."""
    records = [{"a": "x"}, {"a": 5}, {"a": None}, {}, {"a": ["x"]}, {"a": "x"}, "text"]
    harvest_of(tmp_path / "out", {"orders": [records]})
    export(tmp_path / "out", tmp_path / "o.jsonl", hashed=["a"], hash_key="key")
    assert lines_of(tmp_path / "o.jsonl") == [
        {"a": digest("x")}, {"a": digest("5")}, {"a": None}, {}, {"a": digest('["x"]')},
        {"a": digest("x")}, "text",
    ]  # fmt: skip
    for name in ("one", "two"):
        export(tmp_path / "out", tmp_path / f"{name}.jsonl", hashed=["a"])
    one, two = (lines_of(tmp_path / f"{name}.jsonl") for name in ("one", "two"))
    assert one[0] == one[5]
    assert one[0] != two[0]


def test_columns_are_chosen_in_order(tmp_path: Path) -> None:
    """Partitions' columns stay in front, if they are named."""
    records = [{"b": 1, "a": 2, "c": 3.10}, {"c": 1}, "text"]
    harvest_of(tmp_path / "out", {"orders": [records]}, PARTITIONED)
    chosen = ["c", "a", "_year"]
    export(tmp_path / "out", tmp_path / "o.csv", columns=chosen)
    with (tmp_path / "o.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[:4] == [
        ["_year", "c", "a"], ["2020", "3.1", "2"], ["2020", "1", ""], ["2020", "", ""],
    ]  # fmt: skip
    export(tmp_path / "out", tmp_path / "o.parquet", columns=chosen)
    assert pq.read_schema(tmp_path / "o.parquet").names == ["_year", "c", "a"]
    export(tmp_path / "out", tmp_path / "o.jsonl", columns=["value", "c"])
    assert lines_of(tmp_path / "o.jsonl")[:3] == [{"c": 3.1}, {"c": 1}, "text"]
    export(tmp_path / "out", tmp_path / "p.jsonl", drop=["_shop", "b"])
    assert lines_of(tmp_path / "p.jsonl")[0] == {"_year": 2020, "a": 2, "c": 3.1}


def test_repeats_are_told_by_what_is_left_out(tmp_path: Path) -> None:
    """A key need not be exported."""
    harvest_of(tmp_path / "out", {"orders": [[{"id": 1, "n": 1}, {"id": 1, "n": 2}]]})
    done = export(tmp_path / "out", tmp_path / "o.jsonl", dedupe=["id"], columns=["n"])
    assert done.repeated == 1
    assert lines_of(tmp_path / "o.jsonl") == [{"n": 2}]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"drop": ["user.emial"]}, "--drop user.emial: no record has a value there"),
        ({"hashed": ["contacts.phone"]}, "--hash contacts.phone: no record has a value there"),
        ({"columns": ["id", "nmae"]}, "--columns nmae: no record has a value there"),
        ({"drop": ["a["]}, r"--drop a\[: expected a quoted name"),
        ({"hashed": ["a[0]"]}, r"--hash a\[0\]: give keys, and \[\*\] for the items of an array"),
        ({"hashed": ["_shop"]}, "--hash _shop: is the value of a partition"),
    ],
)
def test_a_slip_of_the_pen_lets_nothing_pass(options: Any, told: str, tmp_path: Path) -> None:
    """The export ends, and there is no file."""
    harvest_of(tmp_path / "out", {"orders": [RECORDS]}, PARTITIONED)
    for suffix in (".jsonl", ".parquet"):
        with pytest.raises(ConfigError, match=told):
            export(tmp_path / "out", tmp_path / f"o{suffix}", **options)
    assert names_in(tmp_path) == ["out"]


def test_of_several_resources_one_must_have_it(tmp_path: Path) -> None:
    """What one of them lacks may be in another."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1, "b": 2}]], "Customers": [[{"c": 3}]]}, TWO)
    export(tmp_path / "out", tmp_path / "o.duckdb", drop=["a"])
    assert table_in(tmp_path / "o.duckdb")[0] == ["b"]
    with pytest.raises(ConfigError, match="--drop d: no record"):
        export(tmp_path / "out", tmp_path / "p.duckdb", drop=["a", "d"])


def test_other_values_stay_as_they_are_spelled(tmp_path: Path) -> None:
    """Odd text among them; of a key that stands twice nothing is left over."""
    [partition] = harvest_of(tmp_path / "out", {"orders": [[]]})
    body = (
        rb'{"data":[{"x":"\u0041","n":1.10,"p":1,"p":2},'
        rb'{"\u0070":"s","n":1E2,"h":"\ud83d","b":12345678901234567890123}]}'
    )
    replace_page(tmp_path / "out" / partition.folder, body, 2)
    export(tmp_path / "out", tmp_path / "o.jsonl", drop=["p"])
    one, two = (tmp_path / "o.jsonl").read_bytes().splitlines()
    assert one == rb'{"x":"\u0041","n":1.10}'
    assert two == rb'{"n":1E2,"h":"\ufffd","b":12345678901234567890123}'


@given(
    records=st.lists(VALUES, max_size=4),
    keys=st.lists(st.sampled_from(["a", "A", "x y", "*"]), min_size=1, max_size=3),
)
def test_any_value_at_any_place(records: list[Any], keys: list[str]) -> None:
    """As the same done with Python values."""
    path = "$" + "".join("[*]" if key == "*" else f"['{key}']" for key in keys)
    chooser = Chooser("orders", Choice(drop=(path,)), [])
    found = chooser.apply([json.dumps(record).encode() for record in records])
    assert [json.loads(bytes(record)) for record in found] == [
        _without(record, keys) for record in records
    ]


def _without(value: Any, keys: list[str]) -> Any:
    key, *rest = keys
    if isinstance(value, dict) and key in value:
        if not rest:
            return {name: item for name, item in value.items() if name != key}
        return {name: _without(item, rest) if name == key else item for name, item in value.items()}
    if isinstance(value, list) and key == "*":
        return [_without(item, rest) for item in value] if rest else []
    return value
