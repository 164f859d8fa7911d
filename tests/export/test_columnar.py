"""Records read by columns give the same table as records read value by value.

Whatever is in a block: it is read by columns where that is exact, and left to the other way where
it is not. Every example goes through both, and the files must not differ.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.export import Step, blocks, export, rows
from harvester.export.blocks import Block, BlockBuilder, plain_parts
from harvester.export.cells import CellReader
from harvester.export.columnar import ColumnReader
from tests.examples import examples
from tests.export.shop import (
    PAGES,
    PARTITIONED,
    TEXTS,
    harvest_of,
    replace_page,
    schema_of,
    table_in,
)

COLUMNS, CELLS = ColumnReader.read, CellReader.read

#: Texts of JSON values, some as no serialiser would spell them.
NUMBERS = st.one_of(
    st.integers().map(str),
    st.integers(-5, 5).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        ["-0", "-0.0", "0.10", "1E2", "1e-400", "1e400", "9007199254740993", "9223372036854775807",
         "9223372036854775808", "-9223372036854775808", "1" * 38, "1" * 40, "0.1e1", "5e-324"]
    ),
)  # fmt: skip
STRINGS = st.one_of(
    TEXTS.map(json.dumps),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        [r'"\ud83d"', r'"\udc00\ud83d"', r'"\ud83d\ude00"', r'"\u0000"', r'"\/"', '"2021-01-01"',
         '"2021-01-01T00:00:00Z"', '" "', '""', '"null"', '"5"', '"1e400"', '"\u2028"', '"a,b"']
    ),
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", "c", "d", r"\u0061", "ä", r"\u00e4", "A", 'q\\"t', "x y"])


def _object(members: Sequence[tuple[str, str]]) -> str:
    inner = ",".join(f'"{key}":{value}' for key, value in members)
    return f"{{{inner}}}"


def _array(items: Sequence[str]) -> str:
    return f"[{','.join(items)}]"


def objects(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Objects of few keys, so that they come again, and come twice."""
    return st.lists(st.tuples(KEYS, of), max_size=4).map(_object)


ANY = st.recursive(
    NUMBERS | STRINGS | st.sampled_from(["null", "true", "false", "{}", "[]"]),
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(_array),
    max_leaves=6,
)  # fmt: skip
#: Records that look alike: each place has one kind of value, or none.
ALIKE = st.fixed_dictionaries(
    {},
    optional={
        "i": NUMBERS, "f": NUMBERS, "t": STRINGS, "o": objects(NUMBERS), "m": ANY,
        "l": st.lists(STRINGS, max_size=3).map(_array),
        "d": objects(objects(STRINGS)),
    },
).map(lambda found: _object(list(found.items())))  # fmt: skip


def both(out: Path, folder: Path) -> None:
    """Export in both ways, and compare."""
    found: dict[str, list[Any]] = {"columns": [], "values": []}
    with pytest.MonkeyPatch.context() as patch:
        for way in found:
            place = folder / way
            place.mkdir()
            if way == "values":
                patch.setattr(ColumnReader, "read", lambda self, block: None)
                patch.setattr(CellReader, "read", lambda self, block: None)
            for ending in (".parquet", ".duckdb", ".csv"):
                export(out, place / f"o{ending}")
            parquet = pq.read_table(place / "o.parquet")
            names, kinds, found_rows = table_in(place / "o.duckdb")
            # `repr` tells 0.0 from -0.0, and 1 from True.
            found[way] = [
                str(parquet.schema), repr(parquet.to_pylist()), names, list(map(str, kinds)),
                repr(found_rows), (place / "o.csv").read_bytes(),
            ]  # fmt: skip
    for columns, values in zip(*found.values(), strict=True):
        assert columns == values


def stored(out: Path, records: Sequence[bytes]) -> None:
    """A harvest of one page with these records."""
    [partition] = harvest_of(out, {"orders": [[]]})
    body = b'{"data":[%b]}' % b",".join(records)
    replace_page(out / partition.folder, body, len(records))


SLOW = examples(40, may_be_slow=True)


@SLOW
@given(records=st.lists(ALIKE, min_size=2, max_size=12))
@example(records=['{"f":1.5}', '{"f":-0}', '{"f":-0.0}', '{"f":9007199254740993}'])
@example(records=['{"t":"x"}', '{"t":1e400}', '{"t":"y"}'])
@example(records=['{"f":0.5}', '{"f":1e400}', '{"f":2}'])
@example(records=['{"i":1}', '{"i":1,"i":2}', '{"i":3}'])
@example(records=["{}", '{"d":{"a":"","a":"\\u001f\U00010000","a":"000\\u001f\x80\x80"}}'])
@example(records=['{"t":"x"}', f'{{"t":"{"é" * 99}","t":"y"}}'])
@example(records=['{"t":"x"}', f'{{"t":"z{"é" * 99}","t":"y"}}'])
@example(records=['{"d":{"a":{"b":"x"}}}', '{"d":{"a":{"b":"y","b":"z"}}}', '{"d":{}}'])
@example(records=['{"o":{"a":1}}', '{"o":{"A":1}}', '{"o":{"a":1,"A":2}}'])
@example(records=['{"i":1}', "null", '{"i":2}', "[]", '"x"'])
def test_records_that_look_alike(
    tmp_path_factory: pytest.TempPathFactory, records: list[str]
) -> None:
    """Each place has one kind of value, spelled in every way."""
    folder = tmp_path_factory.mktemp("alike")
    stored(folder / "out", [record.encode(errors="surrogatepass") for record in records])
    both(folder / "out", folder)


@SLOW
@given(records=st.lists(ANY, min_size=2, max_size=8))
def test_records_of_any_kind(tmp_path_factory: pytest.TempPathFactory, records: list[str]) -> None:
    """And where nothing is alike."""
    folder = tmp_path_factory.mktemp("any")
    stored(folder / "out", [record.encode(errors="surrogatepass") for record in records])
    both(folder / "out", folder)


@SLOW
@given(pages=st.lists(PAGES, min_size=1, max_size=3))
def test_messy_pages(tmp_path_factory: pytest.TempPathFactory, pages: Any) -> None:
    """What the exports of odd records are tested with."""
    folder = tmp_path_factory.mktemp("messy")
    harvest_of(folder / "out", {"orders": pages})
    both(folder / "out", folder)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many records were read by columns, by the reader's name."""
    counts = {"columns": 0, "cells": 0}

    def columns(self: ColumnReader, block: Block) -> Any:
        found = COLUMNS(self, block)
        counts["columns"] += len(block) if found is not None else 0
        return found

    def cells(self: CellReader, block: Block) -> Any:
        found = CELLS(self, block)
        counts["cells"] += len(block) if found is not None else 0
        return found

    monkeypatch.setattr(ColumnReader, "read", columns)
    monkeypatch.setattr(CellReader, "read", cells)
    return counts


def records_of(count: int) -> list[Any]:
    """Records as an API has them, all types among them; a field of an object comes late."""
    return [
        {"id": n, "name": f"n {n}, é", "at": "2021-01-01T00:00:00Z", "rate": n / 7, "ok": n > 9,
         "user": {"id": str(n), "tags": ["x", None], **({"late": n} if n > count * 0.9 else {})},
         "none": None, "free": {"k": 1} if n % 2 else "text", "big": 10**20 + n}
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("ending", [".parquet", ".duckdb", ".csv"])
def test_what_is_alike_is_read_by_columns(
    ending: str, read: dict[str, int], tmp_path: Path
) -> None:
    """Columns of JSON text and long integers beside the others make no difference."""
    records = records_of(4000)
    harvest_of(tmp_path / "out", {"orders": [records[:1000], records[1000:]]})
    # Long integers are always looked at one by one in the first pass, and so not plain.
    for record in records:
        del record["big"]
    harvest_of(tmp_path / "plain", {"orders": [records[:1000], records[1000:]]})
    export(tmp_path / "plain", tmp_path / f"o{ending}")
    assert read["cells" if ending == ".csv" else "columns"] == 4000
    both(tmp_path / "plain", tmp_path)


def test_a_record_that_parsers_read_differently_does_not_spoil_its_block(
    read: dict[str, int], tmp_path: Path
) -> None:
    """Its chunk is read value by value, the others are not."""
    records = [json.dumps(record).encode() for record in records_of(1600)]
    records = [record.replace(b', "big": 10000000000000000', b', "big": 1') for record in records]
    records[800] = records[800].replace(b'"n 800', b'"\\ud83d 800')
    stored(tmp_path / "out", records)
    export(tmp_path / "out", tmp_path / "o.parquet")
    assert read["columns"] == 1575
    assert pq.read_table(tmp_path / "o.parquet")["name"][800].as_py() == "\ufffd 800, é"
    both(tmp_path / "out", tmp_path)


@pytest.mark.parametrize("record", [b'{"id":1,"id":2}', b'{"o":{"k":1,"k":2}}', b"[1]", b"2"])
def test_a_block_that_the_reader_refuses_is_read_by_values(record: bytes, tmp_path: Path) -> None:
    """Keys that stand twice, and what is no object, among records that are plain."""
    records = [b'{"id":%d,"o":{"k":%d}}' % (n, n) for n in range(100)]
    stored(tmp_path / "out", [*records, record, *records])
    both(tmp_path / "out", tmp_path)
    assert "id" in schema_of(tmp_path / "columns" / "o.duckdb")


def test_a_long_record_is_read_by_values(read: dict[str, int], tmp_path: Path) -> None:
    """The buffers of the reader do not grow with it."""
    harvest_of(tmp_path / "out", {"orders": [[{"t": "x"}, {"t": "y" * 9_000_000}, {"t": "z"}]]})
    export(tmp_path / "out", tmp_path / "o.parquet")
    assert read["columns"] < 3
    assert [len(row) for row in pq.read_table(tmp_path / "o.parquet")["t"].to_pylist()] == [
        1, 9_000_000, 1,
    ]  # fmt: skip


def test_without_duckdb_parquet_is_the_same(
    monkeypatch: pytest.MonkeyPatch, read: dict[str, int], tmp_path: Path
) -> None:
    """It only takes longer."""
    harvest_of(tmp_path / "out", {"orders": [records_of(100)]})
    export(tmp_path / "out", tmp_path / "with.parquet")
    before = read["columns"]
    monkeypatch.setattr("harvester.export.columnar.find_spec", lambda name: None)
    export(tmp_path / "out", tmp_path / "without.parquet")
    assert read["columns"] == before
    assert pq.read_table(tmp_path / "with.parquet") == pq.read_table(tmp_path / "without.parquet")


# --- A table that turns out to be another -------------------------------------------------------


@pytest.mark.parametrize("sampled", [0, 50])
@pytest.mark.parametrize(
    "late",
    [{"id": 1, "new": 2}, {"id": 1.5}, {"id": "x"}, {"o": {"k": 1, "late": "x"}}, {"o": 3},
     {"l": [1]}, 7, {"id": 2**53 + 1}, {"id": 2**63}],
)  # fmt: skip
def test_what_comes_late_is_in_the_table(
    sampled: int, late: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The writer has begun by then, or samples have told; the files are the same either way."""
    monkeypatch.setattr(blocks, "BLOCK_RECORDS", 20)
    monkeypatch.setattr(rows, "SAMPLED_PAGES", sampled)
    records: list[Any] = [{"id": n, "o": {"k": n}, "l": []} for n in range(100)]
    pages = [records, records, [*records, late], records]
    harvest_of(tmp_path / "out", {"orders": pages})
    met: list[Step] = []
    export(tmp_path / "out", tmp_path / "late.parquet", on_step=met.append)
    monkeypatch.setattr(rows, "HEAD_BLOCKS", 1000)
    export(tmp_path / "out", tmp_path / "known.parquet")
    known = pq.read_table(tmp_path / "known.parquet")
    assert known.num_rows == 401
    assert pq.read_table(tmp_path / "late.parquet").equals(known)
    again = [step.phase for step in met if step.records == 0].count("writing") > 1
    assert again == (not sampled and late != {"id": 2**53 + 1})
    monkeypatch.setattr(rows, "HEAD_BLOCKS", 1)
    both(tmp_path / "out", tmp_path)


def test_a_partition_of_another_kind_comes_late(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its values make a column, too."""
    monkeypatch.setattr(blocks, "BLOCK_RECORDS", 5)
    text = PARTITIONED.replace("[2020, 2021]", "[1, 2, 3, 4, 2.5, x]")
    harvest_of(tmp_path / "out", {"orders": [[{"a": n} for n in range(10)]]}, text)
    export(tmp_path / "out", tmp_path / "o.parquet")
    years = pq.read_table(tmp_path / "o.parquet")["_year"].to_pylist()
    assert years[::10] == ["1", "2", "3", "4", "2.5", "x"] * 2
    both(tmp_path / "out", tmp_path)


# --- Blocks --------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(1, 40), max_size=8), limit=st.integers(1, 60), data=st.data())
def test_blocks_lose_no_record(sizes: list[int], limit: int, data: st.DataObject) -> None:
    """However they are gathered, cut and thinned out: records stay in order, with their values."""
    pages = [
        (f"p{n % 3}", [b"%d" % (100 * n + m) for m in range(size)]) for n, size in enumerate(sizes)
    ]
    builder = BlockBuilder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_RECORDS", limit)
        found = [
            block for name, page in pages for block in builder.add({"p": name}, name, page)
        ] + list(builder.rest())  # fmt: skip
    wanted = [({"p": name}, record) for name, page in pages for record in page]
    assert [row for block in found for row in block.rows()] == wanted
    for block in found:
        assert block.column("p") == [values["p"] for values, _ in block.rows()]
        of_it = list(block.rows())
        assert [row for chunk in block.chunks() for row in chunk.rows()] == of_it
        plain = bytes(data.draw(st.booleans()) for _ in block.chunks())
        pieces = list(plain_parts(block, plain))
        assert [row for piece in pieces for row in piece.rows()] == of_it
        assert all(one.plain != other.plain for one, other in pairwise(pieces))
        out = sorted(data.draw(st.sets(st.integers(0, len(block) - 1))))
        assert list(block.without(out).rows()) == [
            row for place, row in enumerate(of_it) if place not in out
        ]
