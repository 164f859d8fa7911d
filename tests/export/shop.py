"""A harvest of a shop on disk, and what is read back of its exports."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from hypothesis import strategies as st
from pyarrow import feather

from harvester.config.load import parse_config
from harvester.model.partitions import Partition
from harvester.planning.plans import plan
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_header
from harvester.store.manifest import prepare
from harvester.store.parts import Part
from tests.on_disk import store
from tests.support import entry

YAML = """
version: 1
name: shop
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: orders
    path: orders
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
    data_selector: data
"""

PARTITIONED = YAML.replace("path: orders", 'path: "orders/{shop}/{year}"').replace(
    "    data_selector", "    partitions: {shop: [a b, c], year: [2020, 2021]}\n    data_selector"
)

TWO = YAML + YAML.split("resources:\n")[1].replace("orders", "Customers")


def harvest_of(
    out: Path,
    pages: Mapping[str, Sequence[Sequence[Any]]],
    text: str = YAML,
    *,
    done: bool = True,
) -> list[Partition]:
    """A harvest on disk, finished if `done`: of each resource, the records of its pages, in each
    partition.
    """
    config = parse_config(text, "shop.yaml", env={})
    out.mkdir()
    prepare(out, config, datetime.now(UTC))
    partitions = list(plan(config))
    for partition in partitions:
        of_it = pages[partition.resource]
        bodies = [{"data": page} for page in of_it]
        store(out, partition, bodies, records=[len(page) for page in of_it], done=done)
    return partitions


def names_in(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def lines_of(path: Path) -> list[Any]:
    """The values of a JSON Lines file."""
    data = path.read_bytes()
    text = gzip.decompress(data) if path.name.endswith(".gz") else data
    return [json.loads(line) for line in text.splitlines()]


def table_in(path: Path, name: str = "orders") -> tuple[list[str], list[Any], list[Any]]:
    """Names, types and rows of a table in a DuckDB file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(f'SELECT * FROM "{name}"')
        assert found.description is not None
        names = [str(column[0]) for column in found.description]
        kinds = connection.sql(f'SELECT * FROM "{name}"').types
        return names, kinds, found.fetchall()


def schema_of(path: Path, name: str = "orders") -> dict[str, str]:
    """Each column's type as DuckDB calls it."""
    names, kinds, _ = table_in(path, name)
    return dict(zip(names, map(str, kinds), strict=True))


def rows_of(path: Path) -> list[Any]:
    """The rows of a Parquet file, as DuckDB reads them; columns by their place."""
    return queried(f"SELECT * FROM read_parquet('{path}')")


def queried(sql: str) -> list[Any]:
    """What DuckDB answers."""
    with duckdb.connect() as connection:
        return connection.execute(sql).fetchall()


#: Keys that tables find hard: case, dots, quotes, nothing, blanks, the names of our own columns.
ODD_KEYS = [
    "a",
    "A",
    "",
    "a.b",
    'q"t',
    "ä",
    "Ä",
    "x\ny",
    " ",
    "n\x00l",
    "value",
    "value_2",
    "rowid",
    "ß",
]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS | st.sampled_from([2**53 + 1, -(2**63), 2**63, 10**38, 0.1, "5", "null", '"', ",", ""])
)  # fmt: skip

VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ODD_KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)

RECORDS = st.dictionaries(st.sampled_from(ODD_KEYS), VALUES, max_size=5) | VALUES

#: But for lists of one item that says that there is none: those count no record.
PAGES = st.lists(RECORDS, max_size=4).filter(lambda page: page not in ([None], [{}], [[]], [""]))


def replace_page(folder: Path, body: bytes, records: int) -> None:
    """Put a partition's only page anew, byte for byte."""
    header = read_header(folder)
    assert header is not None
    for path in folder.iterdir():
        path.unlink()
    with Journal.open(folder, header, fsync=False) as journal:
        with Part(folder, 1, fsync=False) as part:
            part.write(gzip.compress(body))
            stored = part.store()
        journal.append(
            entry(1, part=stored.name, stored_bytes=stored.stored_bytes, records=records)
        )


def numbers_in(target: Path) -> list[int]:
    """The `n` of each row."""
    if target.suffix == ".csv":
        with target.open(newline="") as file:
            return [int(row["n"]) for row in csv.DictReader(file)]
    if target.suffix == ".parquet":
        return [int(n) for n in pd.read_parquet(target)["n"]]
    if target.suffix == ".feather":
        return [int(n) for n in feather.read_table(target)["n"].to_pylist()]
    if target.suffix == ".duckdb":
        names, _, rows = table_in(target)
        return [row[names.index("n")] for row in rows]
    if target.suffix == ".xlsx":
        return [int(n) for n in pd.read_excel(target)["n"]]
    return [line["n"] for line in lines_of(target)]
