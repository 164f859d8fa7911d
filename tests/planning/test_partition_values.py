"""Values from outside the YAML: files taken over once, parents' records read back."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.config import Config
from harvester.config.load import load_config, parse_config
from harvester.errors import ConfigError, DataRefused
from harvester.model.partitions import Partition, partitions_of
from harvester.planning.partition_values import outside_values, take_over
from harvester.store import LocalStore
from tests.on_disk import store
from tests.support import stamps

NOW = datetime(2021, 6, 15, tzinfo=UTC)


def file_config(folder: Path, form: str) -> Config:
    """A resource whose key `id` comes from a file; the YAML lies in `folder`."""
    text = f"""
version: 1
name: outside
client: {{base_url: "https://api.example.org/"}}
resources:
  - name: items
    path: "items/{{id}}"
    partitions: {{id: {form}}}
"""
    (folder / "outside.yaml").write_text(text)
    return load_config(folder / "outside.yaml", env={})


def planned(
    config: Config,
    out: Path,
    *,
    files: bool = False,
    parent: Partition | None = None,
) -> Iterator[tuple[Any, Any]]:
    """The planned values of the last resource's `id`, each with what it includes."""
    resource = config.resources[-1]
    given = outside_values(
        out, config, resource, lambda key: (parent,) if parent else (), files=files
    )
    for partition in partitions_of(resource.name, resource.partitions, NOW, given):
        yield partition.values["id"], dict(partition.included)


def taken(config: Config, out: Path) -> list[tuple[Any, Any]]:
    """What is planned after a run has taken the files over."""
    out.mkdir(exist_ok=True)
    assert take_over(out, config, config.resources[0]) == []
    return list(planned(config, out))


# --- Files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "form", "expected"),
    [
        ("ids.csv", "id,x\n1,a\n2,b\n", "{file: ids.csv, column: id}", [("1", {}), ("2", {})]),
        ("ids.csv", "\ufeffid\r\n7\r\n", "{file: ids.csv, column: id}", [("7", {})]),
        (
            "ids.csv",
            'id,title\n1,"a, ""b""\nc"\n2\n',
            "{file: ids.csv, column: id, include: {name: title}}",
            [("1", {"name": 'a, "b"\nc'}), ("2", {"name": None})],
        ),
        ("ids.csv", "id\n1\n\n2\n1\n", "{file: ids.csv, column: id}", [("1", {}), ("2", {})]),
        ("ids.txt", "\ufeff a \n\n#b\r\nc", "{file: ids.txt}", [("a", {}), ("#b", {}), ("c", {})]),
        (
            "ids.JSONL",
            '{"id": 9007199254740993, "n": {"a": [1.5]}}\n\n{"id": "ü"}\n',
            "{file: ids.JSONL, column: id, include: {n: n}}",
            [(9007199254740993, {"n": {"a": [1.5]}}), ("ü", {"n": None})],
        ),
        ("ids.ndjson", '"a"\n1\n"1"\ntrue\n', "{file: ids.ndjson}",
         [("a", {}), (1, {}), (True, {})]),
        ("ids.csv", "id\n", "{file: ids.csv, column: id}", []),
        ("ids.txt", "", "{file: ids.txt}", []),
    ],
)  # fmt: skip
def test_files(tmp_path: Path, name: str, content: str, form: str, expected: object) -> None:
    """CSV, plain text, JSON Lines, relative to the YAML; each value once, with its columns."""
    (tmp_path / name).write_bytes(content.encode())
    config = file_config(tmp_path, form)
    assert list(planned(config, tmp_path / "none", files=True)) == expected
    assert taken(config, tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("name", "content", "form", "told"),
    [
        ("i.csv", b"id;x\n1;2\n", "{file: i.csv, column: id}",
         "i.csv:1: no column 'id', only: id;x"),
        ("i.csv", b"", "{file: i.csv, column: id}", "i.csv:1: no column 'id', only: "),
        ("i.csv", b"id\n1\n", "{file: i.csv, column: id, include: {n: nom}}",
         "i.csv:1: no column 'nom'"),
        ("i.csv", b"id,x\n1,a\n,b\n", "{file: i.csv, column: id}", "i.csv:3: no 'id'"),
        ("i.csv", b"x,id\n1,a\n2\n", "{file: i.csv, column: id}", "i.csv:3: no 'id'"),
        ("i.csv", b'id\n"a"b\n', "{file: i.csv, column: id}", "i.csv:2: not CSV: "),
        ("i.csv", b"id\n1\n\xff\n", "{file: i.csv, column: id}", "i.csv:3: not UTF-8 text"),
        ("i.txt", "a\n".encode("utf-16"), "{file: i.txt}", "i.txt:1: not UTF-8 text"),
        ("i.jsonl", b'{"id": 1}\n{"id"', "{file: i.jsonl, column: id}", "i.jsonl:2: not JSON: "),
        ("i.jsonl", b'{"id": null}', "{file: i.jsonl, column: id}",
         "i.jsonl:1: no text or number at 'id'"),
        ("i.jsonl", b"[1]", "{file: i.jsonl, column: id}", "i.jsonl:1: no text or number at 'id'"),
        ("i.jsonl", b'"\\ud800"', "{file: i.jsonl}", "i.jsonl:1: no text or number"),
        ("i.jsonl", b"[" * 100_000, "{file: i.jsonl}", "i.jsonl:1: not JSON: "),
        ("else", b"", "{file: i.csv, column: id}", "i.csv: cannot be read: No such file"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path: Path, name: str, content: bytes, form: str, told: str) -> None:
    """What is wrong, with file and line; no copy is made."""
    (tmp_path / name).write_bytes(content)
    config = file_config(tmp_path, form)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ConfigError) as caught:
        take_over(out, config, config.resources[0])
    assert told in str(caught.value)
    with pytest.raises(ConfigError):
        list(planned(config, out, files=True))
    assert list(out.iterdir()) == []


def test_include_needs_a_column(tmp_path: Path) -> None:
    """Plain lines have no columns to include."""
    with pytest.raises(ConfigError, match="needs column"):
        file_config(tmp_path, "{file: ids.txt, include: {n: name}}")


def test_a_file_grows_and_shrinks(tmp_path: Path) -> None:
    """New values are added behind the old ones, which stay, as they were first included."""
    config = file_config(tmp_path, "{file: ids.csv, column: id, include: {n: n}}")
    (tmp_path / "ids.csv").write_text("id,n\n1,a\n2,b\n")
    out = tmp_path / "out"
    assert taken(config, out) == [("1", {"n": "a"}), ("2", {"n": "b"})]
    (tmp_path / "ids.csv").write_text("id,n\n3,c\n2,B\n")
    both = [("1", {"n": "a"}), ("2", {"n": "b"}), ("3", {"n": "c"})]
    assert list(planned(config, out)) == both[:2], "a run has not taken it over yet"
    assert list(planned(config, out, files=True)) == both
    assert taken(config, out) == both


def test_a_file_that_did_not_change(tmp_path: Path) -> None:
    """Its copy is left alone, and so is what a killed run left beside it removed."""
    config = file_config(tmp_path, "{file: ids.txt}")
    (tmp_path / "ids.txt").write_text("1\n2\n")
    out = tmp_path / "out"
    taken(config, out)
    before = stamps(out)
    (out / "items.id.values.jsonl.tmp").write_text('["3"')
    with LocalStore(out).claim(lost=True):
        pass
    (out / ".lock").unlink(missing_ok=True)
    assert taken(config, out) == [("1", {}), ("2", {})]
    assert stamps(out) == before


def test_a_file_that_vanished(tmp_path: Path) -> None:
    """What was taken over is planned, and a person is told."""
    config = file_config(tmp_path, "{file: ids.txt}")
    (tmp_path / "ids.txt").write_text("1\n2\n")
    out = tmp_path / "out"
    expected = taken(config, out)
    (tmp_path / "ids.txt").unlink()
    [note] = take_over(out, config, config.resources[0])
    assert "ids.txt is gone" in note
    assert list(planned(config, out)) == expected


def test_a_damaged_copy(tmp_path: Path) -> None:
    """It is refused, not passed over."""
    config = file_config(tmp_path, "{file: ids.txt}")
    (tmp_path / "items.id.values.jsonl").write_text('["1", {}]\n["2"')
    with pytest.raises(DataRefused, match=r"items\.id\.values\.jsonl"):
        list(planned(config, tmp_path))


def test_many_values(tmp_path: Path) -> None:
    """They are neither listed nor kept in memory, taken over or planned."""
    config = file_config(tmp_path, "{file: ids.csv, column: id}")
    with (tmp_path / "ids.csv").open("w") as file:
        file.write("id,x\n")
        file.writelines(f"name-{n},y\n" for n in range(20_000))
    out = tmp_path / "out"
    out.mkdir()
    tracemalloc.start()
    try:
        take_over(out, config, config.resources[0])
        assert sum(1 for _ in planned(config, out)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


# --- Parents -------------------------------------------------------------------------------------


def parent_config(form: str, selector: str = "data") -> Config:
    """`repos`, and `items` as children of its records."""
    text = f"""
version: 1
name: outside
client: {{base_url: "https://api.example.org/"}}
resources:
  - {{name: repos, path: repos, data_selector: {selector}}}
  - name: items
    path: "items/{{id}}"
    partitions: {{id: {form}}}
"""
    return parse_config(text, "outside.yaml", env={})


@pytest.mark.parametrize(
    ("form", "records", "expected"),
    [
        ("{resource: repos, field: id}", [{"id": 2**60}, {"id": "a b"}],
         [(2**60, {}), ("a b", {})]),
        ("{resource: repos, field: id}", [{"id": None}, {"id": ""}, {}, 5, "x", [1]], []),
        ("{resource: repos, field: id}", [{"id": 0}, {"id": False}, {"id": 1.5}],
         [(0, {}), (False, {}), (1.5, {})]),
        ("{resource: repos, field: owner.login, include: {n: name, t: 'topics[0]'}}",
         [{"owner": {"login": "x"}, "name": "N", "topics": ["t", "u"]}, {"owner": {"login": "y"}}],
         [("x", {"n": "N", "t": "t"}), ("y", {"n": None, "t": None})]),
        ("{resource: repos, field: 'types[*].type.name', include: {n: name}}",
         [{"name": "N", "types": [{"type": {"name": "a"}}, {"type": {"name": "b"}}]}],
         [("a", {"n": "N"}), ("b", {"n": "N"})]),
        ("{resource: repos, field: ids}", [{"ids": [1, 2]}, {"ids": []}, {"ids": 3}],
         [(1, {}), (2, {}), (3, {})]),
        ("{resource: repos, field: $}", ["a", 1], [("a", {}), (1, {})]),
    ],
)  # fmt: skip
def test_parents(tmp_path: Path, form: str, records: list[Any], expected: object) -> None:
    """The values of a finished partition's records, page by page, in their order."""
    parent = Partition("repos", {})
    half = len(records) // 2
    store(tmp_path, parent, [{"data": records[:half]}, {"data": records[half:]}])
    assert list(planned(parent_config(form), tmp_path, parent=parent)) == expected
    assert list(planned(parent_config(form), tmp_path)) == [], "of no parent"


@pytest.mark.parametrize("value", [{"a": 1}, [[1]], "\ud800"])
def test_a_value_that_names_nothing(tmp_path: Path, value: object) -> None:
    """Children do not go missing in silence."""
    parent = Partition("repos", {})
    store(tmp_path, parent, [{"data": [{"id": value}]}])
    with pytest.raises(DataRefused, match="at id; only text and numbers can name a partition"):
        list(planned(parent_config("{resource: repos, field: id}"), tmp_path, parent=parent))


def test_a_damaged_parent(tmp_path: Path) -> None:
    """A part that cannot be read is refused by name."""
    parent = Partition("repos", {})
    folder = store(tmp_path, parent, [{"data": [{"id": 1}]}])
    (folder / "part-000001.json.gz").write_bytes(b"damaged")
    with pytest.raises(DataRefused, match=r"repos/part-000001\.json\.gz"):
        list(planned(parent_config("{resource: repos, field: id}"), tmp_path, parent=parent))


def test_many_children(tmp_path: Path) -> None:
    """They come one by one out of the parents' pages."""
    parent = Partition("repos", {})
    pages = [
        {"data": [{"id": page * 1000 + n, "name": "x" * 100} for n in range(1000)]}
        for page in range(20)
    ]
    store(tmp_path, parent, pages)
    del pages
    config = parent_config("{resource: repos, field: id}")
    tracemalloc.start()
    try:
        found = planned(config, tmp_path, parent=parent)
        assert sum(value for value, _ in found) == sum(range(20_000))
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_the_copy_is_json_lines(tmp_path: Path) -> None:
    """A value and what it includes, a line each: it can be read without us."""
    config = file_config(tmp_path, "{file: ids.csv, column: id, include: {n: n}}")
    (tmp_path / "ids.csv").write_text("id,n\n1,ü\n")
    taken(config, tmp_path)
    lines = (tmp_path / "items.id.values.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["1", {"n": "ü"}]]
