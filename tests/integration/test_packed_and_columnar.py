"""Pages in archives, and JSON whose rows are lists of values: harvested, and refused in words."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, load_config, verify
from harvester.config import JsonFormat, Limits, Resource
from harvester.errors import Malformed, PageRefused
from harvester.page import format_of
from tests.api_server import Answer, ApiServer, Asked
from tests.integration.test_format_harvests import YAML, harvested_with_a_kill
from tests.support import write_config

ROWS = b"id,name\n1,a\n2,b\n"


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


PACKED = {
    "gzip": (gzip.compress(ROWS), {"Content-Type": "application/gzip"}),
    "gzip in gzip": (gzip.compress(gzip.compress(ROWS)), {"Content-Encoding": "gzip"}),
    "zip": (zipped({"a/data.csv": ROWS}), {"Content-Type": "application/zip"}),
    "zip in gzip": (gzip.compress(zipped({"data.csv": ROWS})), {"Content-Encoding": "gzip"}),
    "stored": (zipped({"d.csv": ROWS}, zipfile.ZIP_STORED), {"Content-Type": "application/zip"}),
    "litter": (zipped({"__MACOSX/._d.csv": b"x", "d/": b"", "d/d.csv": ROWS}), {}),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_page_is_stored_unpacked(name: str, tmp_path: Path) -> None:
    """Whoever reads the part finds the page."""
    pytest.importorskip("stream_unzip")
    body, headers = PACKED[name]
    path = write_config(tmp_path, YAML % "format: csv")
    kind = {"Content-Type": "application/octet-stream", **headers}
    with ApiServer(lambda asked: Answer(data=body, headers=kind)) as server:
        summary = harvest(load_config(path, base_url=server.origin), out=tmp_path / "out")
    assert summary.complete, summary.failures
    part = tmp_path / "out/items/part-000001.csv.gz"
    assert gzip.decompress(part.read_bytes()) == ROWS
    assert [json.loads(one)["name"] for one in iter_records(tmp_path / "out")] == ["a", "b"]
    assert verify(tmp_path / "out", deep=True).ok


WHOLE = zipped({"data.csv": ROWS * 1000})
FIVE_TIMES = ROWS
for _ in range(5):
    FIVE_TIMES = gzip.compress(FIVE_TIMES)
REFUSED = {
    "two": (zipped({"a.csv": ROWS, "b.csv": ROWS}), "format: csv", "several files, 'a.csv' and"),
    "none": (zipped({}), "format: csv", "holds no file; it holds nothing"),
    "another": (
        zipped({"a.txt": ROWS}),
        "format: {type: csv, member: '*.csv'}",
        "holds no file that '*.csv' (format: member) means; it holds 'a.txt'",
    ),
    "cut": (WHOLE[: len(WHOLE) // 2], "format: csv", "is damaged, or was cut"),
    "cut between files": (
        zipped({"a.csv": ROWS, "b.csv": ROWS})[: len(zipped({"a.csv": ROWS})) - 40],
        "format: {type: csv, member: 'a*'}",
        "is damaged, or was cut",
    ),
    "without its end": (WHOLE[:-1], "format: csv", "its end does not fit what came"),
    "damaged": (WHOLE[:60] + b"\0\0\0" + WHOLE[63:], "format: csv", "is damaged, or was cut"),
    "bomb": (zipped({"a.csv": bytes(100 << 20)}), "format: csv", "limits.expansion_ratio"),
    "layers": (FIVE_TIMES, "format: csv", "packed more than 3 times"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_unpacked_is_refused_in_words(name: str, tmp_path: Path) -> None:
    """Nothing of it is kept."""
    pytest.importorskip("stream_unzip")
    body, yaml, told = REFUSED[name]
    path = write_config(tmp_path, YAML % yaml)
    kind = {"Content-Type": "application/octet-stream"}
    with ApiServer(lambda asked: Answer(data=body, headers=kind)) as server:
        summary = harvest(load_config(path, base_url=server.origin), out=tmp_path / "out")
    assert summary.exit_code == 3
    assert told in summary.failures[0].error
    assert not [*tmp_path.glob("out/items/part-*")]


# --- Columns -------------------------------------------------------------------------------------

RECORDS = [{"id": 1, "a b": "ä,[]"}, {"id": 2, "a b": [None, {"x": "]"}]}, {"id": 3.50, "a b": ""}]
VALUES = '[[1, "\\u00e4,[]"], [2,[null,{"x":"]"}]], [3.50, ""]]'
PAGES: dict[str, tuple[dict[str, Any], str]] = {
    "before": (
        {"columns_path": "columns", "rows_path": "rows"},
        '{"columns": ["id", "a b"], "rows": %s, "next": "x"}',
    ),
    "behind": (
        {"columns_path": "columns", "rows_path": "rows"},
        '{"rows": %s, "next": "x", "columns": ["id", "a b"]}',
    ),
    "objects": (
        {"columns_path": "m.columns[*].name", "rows_path": "m.data"},
        '{"m": {"columns": [{"name": "id", "t": [1]}, {"name": "a b"}], "data": %s}, "next": "x"}',
    ),
    "first row": (
        {"columns_path": "r[0]", "rows_path": "r"},
        '{"next": "x", "r": [["id", "a b"], %s}',
    ),
    "given": ({"columns": ["id", "a b"], "rows_path": "r[0].v"}, '{"r": [{"v": %s}], "next": "x"}'),
}


def page_of(name: str) -> bytes:
    """A page of three rows."""
    rows = VALUES[1:] if name == "first row" else VALUES
    return (PAGES[name][1] % rows).encode()


@pytest.mark.parametrize("name", PAGES)
def test_rows_are_objects(name: str) -> None:
    """By the names, wherever these stand, however the page is cut."""
    given = Resource(name="i", path="i", format=JsonFormat(type="json", **PAGES[name][0]))
    pages, page = format_of(given), page_of(name)
    for size in (1, 2, 3, 7, len(page)):
        cut = [page[at : at + size] for at in range(0, len(page), size)]
        assert [json.loads(one) for one in pages.records(cut)] == RECORDS
        assert json.loads(b"".join(pages.text(cut)))["next"] == "x"
    assert b"3.50" in b"".join(pages.records([page]))


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (b'{"columns": ["a"], "rows": [[1], [1, 2]]}', "row 2 has 2 values, and there are 1"),
        (b'{"columns": ["a"], "rows": [{"a": 1}]}', "row 1 is no list of values"),
        (b'{"rows": [[1]]}', "no names of columns at"),
        (b'{"columns": ["a", "a"], "rows": [[1, 2]]}', "two columns of the page are called 'a'"),
        (b'{"columns": ["a"], "rows": [[1]', "not complete, valid JSON"),
        (b'{"columns": ["a"], "rows": [[1', "not complete, valid JSON"),
        (b'{"columns": ["a"], "rows": [[01]]}', "row 1 is no list"),
        (b"]]", "JSON"),
    ],
)
def test_rows_that_are_none(page: bytes, told: str) -> None:
    """Are told by their number."""
    options = JsonFormat(type="json", columns_path="columns", rows_path="rows")
    pages = format_of(Resource(name="i", path="i", format=options))
    with pytest.raises((Malformed, PageRefused), match=told):
        pages.check([page], [], Limits())


def test_killed_once_columnar_json_is_whole(tmp_path: Path) -> None:
    """Pages of rows by a link; records are told apart by the name of a column."""
    yaml = (
        "format: {type: json, columns_path: columns, rows_path: rows}\n    key: id\n"
        "    paginator: {type: json_link, next_url_path: next}"
    )

    def answer(asked: Asked) -> Answer:
        page = int(dict(asked.query).get("page", "1"))
        following = {"next": f"/items?page={page + 1}"} if page < 4 else {}
        rows = [[page * 2, "x"], [page * 2 + 1, "y"]]
        return Answer({"rows": rows, **following, "columns": ["id", "name"]})

    out = tmp_path / "out"
    harvested_with_a_kill(write_config(tmp_path, YAML % yaml), out, answer)
    found = [json.loads(one) for one in iter_records(out)]
    assert [one["id"] for one in found] == [*range(2, 10)]
    assert {*found[0]} == {"id", "name"}
    assert verify(out, deep=True).ok
