"""What grows: new records come once, whatever was killed, and nothing else is touched."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
import pytest

from harvester.errors import ConfigError, DataRefused, DiskError, FolderLocked
from harvester.export import Exported, export
from harvester.export.hive import encoded
from harvester.export.ledger import Held
from tests.export.shop import PARTITIONED, TWO, YAML, harvest_of, names_in
from tests.support import ENVIRONMENT, strace

PAGES: list[list[Any]] = [
    [{"n": n, "lang": ["en", "de", None][n % 3], "user": {"id": n}} for n in range(page, page + 4)]
    for page in range(0, 20, 4)
]
FORMS: dict[str, dict[str, Any]] = {
    "folder": {"format": "parquet"},
    "divided": {"partition_by": ["lang"]},
    "tables": {},
}


def grown(tmp_path: Path, form: str, pages: Any, text: str = YAML, **options: Any) -> Exported:
    """Harvest these pages, which the folder's first ones are, and append what is new."""
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    harvest_of(tmp_path / "out", {"orders": pages, "Customers": pages}, text, done=False)
    return export(
        tmp_path / "out", target_of(tmp_path, form), **{"append": True, **FORMS[form], **options}
    )


def target_of(tmp_path: Path, form: str) -> Path:
    """The target of a form."""
    return tmp_path / ("t.duckdb" if form == "tables" else "t")


def rows_of(tmp_path: Path, form: str, order: str = "n") -> list[Any]:
    """The rows of a target, as DuckDB reads them."""
    if form == "tables":
        with duckdb.connect(str(target_of(tmp_path, form)), read_only=True) as connection:
            return _dicts(connection, f'SELECT * FROM "orders" ORDER BY {order}')
    source = f"read_parquet('{tmp_path}/t/**/*.parquet', union_by_name = true)"
    with duckdb.connect() as connection:
        return _dicts(connection, f"SELECT * FROM {source} ORDER BY {order}")


def _dicts(connection: Any, query: str) -> list[Any]:
    found = connection.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def flat(pages: Sequence[Sequence[Any]]) -> list[Any]:
    """All records."""
    return [record for page in pages for record in page]


@pytest.mark.parametrize("form", FORMS)
def test_each_record_comes_once(form: str, tmp_path: Path) -> None:
    """Over many appends, of which some have nothing new; what was written stays as it was."""
    for count, new in [(2, 8), (2, 0), (3, 4), (5, 8), (5, 0)]:
        before = {path: path.stat().st_ino for path in tmp_path.glob("t/**/*.parquet")}
        done = grown(tmp_path, form, PAGES[:count])
        assert done.records == {"orders": new}
        assert done.totals == {"orders": 4 * count}
        assert done.notes == []
        assert rows_of(tmp_path, form) == flat(PAGES[:count])
        assert (
            before.items()
            <= {path: path.stat().st_ino for path in tmp_path.glob("t/**/*.parquet")}.items()
        )
    assert names_in(tmp_path) == ["out", target_of(tmp_path, form).name]


@pytest.mark.parametrize("form", FORMS)
def test_a_new_column_is_added_and_a_new_type_writes_anew(form: str, tmp_path: Path) -> None:
    """Both are told; no value is changed."""
    grown(tmp_path, form, PAGES[:2])
    more = [{"n": 100, "lang": "en", "new": "x"}]
    done = grown(tmp_path, form, [*PAGES[:2], more])
    assert done.records == {"orders": 1}
    assert "; ".join(done.notes) == (
        "orders: new columns, which rows of before have not: new; read Parquet files with "
        "union_by_name = true"
    )
    assert [row["new"] for row in rows_of(tmp_path, form)] == [None] * 8 + ["x"]
    done = grown(tmp_path, form, [*PAGES[:2], more, [{"n": 0.5, "lang": "de"}]])
    assert done.records == {"orders": 10}
    assert done.notes == ["orders: written anew, since n was BIGINT and is DOUBLE"]
    assert [row["n"] for row in rows_of(tmp_path, form)] == [0, 0.5, 1, 2, 3, 4, 5, 6, 7, 100]


KEYS: dict[str, tuple[list[str], list[Any]]] = {
    "a number": (["id"], [1, 2, 3, 4, None]),
    "several": (["id", "user.id"], [1, 2, 3, 4, None]),
    "inside of all kinds": (["user.id"], [{"id": 1}, {"id": "1"}, {"id": [2]}, {"id": "x"}, 5]),
}


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("form", FORMS)
def test_a_newer_record_replaces_an_older_one(form: str, keys: str, tmp_path: Path) -> None:
    """By its key; the rows are those of one export of all, and records without a key all stay."""
    dedupe, ids = KEYS[keys]
    where = "user" if "user.id" in dedupe else "id"

    def page(first: int, *places: int) -> list[Any]:
        return [
            {"id": ids[place], where: ids[place], "n": first + at, "lang": ["en", "de"][at % 2]}
            | ({"user": {"id": place}} if len(dedupe) > 1 else {})
            for at, place in enumerate(places)
        ]

    pages = [page(0, 0, 1, 4), page(10, 2, 1), page(20, 3), page(30, 0, 0, 4), page(40, 4)]
    replaced = []
    for count in (2, 3, 5, 5):
        done = grown(tmp_path, form, pages[:count], dedupe=dedupe)
        replaced.append(done.replaced)
        assert done.totals == {"orders": len(rows_of(tmp_path, form))}
        whole = tmp_path / f"{count}.jsonl"
        export(tmp_path / "out", whole, dedupe=dedupe, resources=["orders"], force=True)
        lines = [json.loads(line) for line in whole.read_text().splitlines()]
        assert [row["n"] for row in rows_of(tmp_path, form)] == sorted(row["n"] for row in lines)
        assert done.notes == [] or "no value" in done.notes[0]
    assert replaced == [0, 0, 1, 0]


@pytest.mark.parametrize("form", FORMS)
def test_what_was_harvested_again_writes_anew(form: str, tmp_path: Path) -> None:
    """Rows of pages that no longer count do not stay, and none is there twice."""
    grown(tmp_path, form, PAGES[:3])
    again = [PAGES[0], [{**record, "lang": "fr"} for record in PAGES[1]], PAGES[2]]
    done = grown(tmp_path, form, again)
    assert "; ".join(done.notes) == (
        "orders: written anew, since pages that were exported no longer count, or were harvested "
        "again: orders"
    )
    assert rows_of(tmp_path, form) == flat(again)
    done = grown(tmp_path, form, again[:1])
    assert rows_of(tmp_path, form) == again[0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cast": True}, "was made with no --cast, and now it is --cast; give"),
        ({"drop": ["user"]}, "was made with no --drop, and now it is --drop user; give"),
        ({"prefix": "p_"}, "was made with --prefix _, and now it is --prefix p_"),
    ],
)
def test_other_options_are_refused(
    form: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """What is there stays; `force` begins anew."""
    grown(tmp_path, form, PAGES[:2])
    with pytest.raises(ConfigError, match=said):
        grown(tmp_path, form, PAGES[:3], **options)
    assert rows_of(tmp_path, form) == flat(PAGES[:2])
    done = grown(tmp_path, form, PAGES[:3], **options, force=True)
    assert done.records == {"orders": 12}
    assert len(rows_of(tmp_path, form)) == 12


def test_partitions_several_resources_and_names(tmp_path: Path) -> None:
    """A table for each resource, and a folder for each value of a partition's column."""
    done = grown(tmp_path, "tables", PAGES[:1], TWO)
    done = grown(tmp_path, "tables", PAGES[:2], TWO)
    assert done.records == {"orders": 4, "Customers": 4}
    with pytest.raises(ConfigError, match="holds one resource, and there are orders, Customers"):
        grown(tmp_path, "folder", PAGES, TWO)
    done = grown(tmp_path, "divided", PAGES, PARTITIONED, partition_by=["_shop", "lang"])
    assert "pyarrow and pandas pass over folders whose names begin with _" in done.notes[0]
    assert names_in(tmp_path / "t") == ["_harvester", "_shop=a b", "_shop=c"]
    assert names_in(tmp_path / "t" / "_shop=c") == [
        "lang=__HIVE_DEFAULT_PARTITION__", "lang=de", "lang=en",
    ]  # fmt: skip
    assert len(rows_of(tmp_path, "divided")) == 4 * 20
    found = ds.dataset(
        tmp_path / "t", partitioning="hive", format="parquet", ignore_prefixes=[".", "_h"]
    )
    assert {row["_shop"] for row in found.to_table().to_pylist()} == {"a b", "c"}
    shutil.rmtree(tmp_path / "t")
    done = grown(tmp_path, "folder", PAGES, PARTITIONED, partition={"shop": "c"})
    assert done.records == {"orders": 40}


ODD = ["", " ", "a/b", "a=b", "100%", "..", ".", "é😀", "x.", "x ", "CON", "a:b", "\n", "%41",
       "__HIVE_DEFAULT_PARTITION__", None]  # fmt: skip


def test_odd_values_come_back(tmp_path: Path) -> None:
    """From the names of folders, in DuckDB and pyarrow; in the order of the harvest within."""
    pages = [[{"k": text, "n": n} for n, text in enumerate(ODD)]] * 2
    grown(tmp_path, "divided", pages, partition_by=["k"])
    wanted = sorted((n, text) for n, text in enumerate(ODD) for _ in range(2))
    rows = rows_of(tmp_path, "divided")
    assert [(row["n"], row["k"]) for row in rows] == wanted
    found = ds.dataset(tmp_path / "t", partitioning="hive").to_table().to_pylist()
    found = sorted((row["n"], row["k"]) for row in found if row["n"] < 14)
    assert found == wanted[:28]  # pyarrow takes a text for null that is spelled as null is
    assert encoded("a\\b*") == "a%5Cb%2A"


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("no", "orders has no such column; did you mean n[?] there are n, lang, user"),
        ("user", "takes a column of texts, whole numbers, booleans or dates"),
        ("long", "the value 'xxx.* is too long for the name of a folder"),
    ],
)
def test_a_column_that_cannot_divide_is_refused(by: str, said: str, tmp_path: Path) -> None:
    """Nothing is left behind."""
    pages = [[{**record, **({"long": "x" * 300} if by == "long" else {})} for record in PAGES[0]]]
    with pytest.raises(ConfigError, match=f"--partition-by {by}: {said}"):
        grown(tmp_path, "divided", pages, partition_by=[by])
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("t.csv", {"append": True}, "--append takes a folder of Parquet files, or a .duckdb"),
        ("t.duckdb", {"partition_by": ["n"]}, "--partition-by takes a folder of Parquet files$"),
        ("t", {"format": "csv"}, "--format csv: only parquet"),
        (
            "t",
            {"append": True, "dedupe": ["n[*]"]},
            r"--append --dedupe n\[\*\]: may lead to several",
        ),
        (
            "t",
            {"append": True, "dedupe": ["u.n"], "drop": ["u"]},
            "u.n: the rows would not hold u.n",
        ),
        ("t", {"append": True, "dedupe": ["n"], "columns": ["a"]}, "n: the rows would not hold n"),
        ("t", {"append": True, "dedupe": ["n"], "partition_by": ["n"]}, "would not hold n"),
        ("t", {"append": True, "hashed": ["n"]}, "set HARVESTER_HASH_KEY"),
        ("no/t", {"append": True}, "there is no folder"),
        ("mine", {"append": True}, "is a folder that no export has made"),
        ("mine", {"append": True, "force": True}, "is a folder that no export has made"),
        ("mine.duckdb", {"append": True}, "has a table orders that --append has not made"),
        ("bad.duckdb", {"append": True}, "not a valid DuckDB"),
        ("t", {"append": True, "partition": {"no": "x"}}, "no partition key"),
    ],
)
def test_what_cannot_grow_is_refused(
    name: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """With what to do, and nothing is changed."""
    harvest_of(tmp_path / "out", {"orders": PAGES})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.txt").write_text("mine")
    (tmp_path / "bad.duckdb").write_text("no database, and longer than its header would be" * 200)
    with duckdb.connect(str(tmp_path / "mine.duckdb")) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS mine")
    with pytest.raises(ConfigError, match=said):
        export(tmp_path / "out", tmp_path / name, **options)
    assert names_in(tmp_path) == ["bad.duckdb", "mine", "mine.duckdb", "out"]
    assert names_in(tmp_path / "mine") == ["x.txt"]


def test_tables_of_others_stay(tmp_path: Path) -> None:
    """The database may be somebody's own; one that another program has open is told."""
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS n")
    grown(tmp_path, "tables", PAGES[:1])
    grown(tmp_path, "tables", PAGES[:2], force=True)
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        assert connection.execute("SELECT * FROM mine").fetchall() == [(1,)]
        connection.execute('ALTER TABLE "orders" DROP COLUMN lang')
    with pytest.raises(ConfigError, match="not as the last export left it; --force makes it anew"):
        grown(tmp_path, "tables", PAGES[:3])
    holding = f"import duckdb; held = duckdb.connect({str(tmp_path / 't.duckdb')!r}); "
    holding += "print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(FolderLocked, match="another program has the database open"):
            grown(tmp_path, "tables", PAGES[:3])
        other.communicate(b"\n")


def test_a_ledger_that_cannot_be_read_and_an_empty_harvest(tmp_path: Path) -> None:
    """It is told, and nothing written; a harvest without records makes no file, and grows later."""
    done = grown(tmp_path, "divided", [[]])
    assert done.records == {"orders": 0}
    assert names_in(tmp_path / "t") == ["_harvester"]
    assert grown(tmp_path, "divided", [[], *PAGES]).records == {"orders": 20}
    ledger = tmp_path / "t" / "_harvester" / "ledger.jsonl"
    ledger.write_text(ledger.read_text()[:50])
    with pytest.raises(DataRefused, match="what it says of its rows cannot be read"):
        grown(tmp_path, "divided", [[], *PAGES, *PAGES])
    grown(tmp_path, "divided", [[], *PAGES], force=True)
    (tmp_path / "t" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"notes\.txt: is not of an export"):
        grown(tmp_path, "divided", [[], *PAGES], force=True)
    assert len(rows_of(tmp_path, "divided")) == 20


def test_what_is_cast_stays_so(tmp_path: Path) -> None:
    """What was learned of texts is kept; one that does not fit writes all anew, as text."""
    pages = [[{"n": 1, "at": "2021-01-01"}], [{"n": 2, "at": "2021-01-02"}]]
    for count in (1, 2):
        done = grown(tmp_path, "tables", pages[:count], cast=True)
        assert [each.cast for each in done.casts] == [count]
    done = grown(tmp_path, "tables", [*pages, [{"n": 3, "at": "soon"}]], cast=True)
    assert done.notes == ["orders: written anew, since at was DATE and is VARCHAR"]
    assert [row["at"] for row in rows_of(tmp_path, "tables")] == [
        "2021-01-01", "2021-01-02", "soon",
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_failing_disk_leaves_what_was_there(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each fsync of the way; the next append brings what is missing, once."""
    real: Callable[[int], None] = os.fsync
    for failing in (0, 2, 3):
        calls = iter(range(100))

        def fsync(descriptor: int, failing: int = failing, calls: Any = calls) -> None:
            if next(calls) == failing:
                raise OSError(28, "No space left on device")
            real(descriptor)

        grown(tmp_path, form, PAGES[:2], force=True)
        monkeypatch.setattr(os, "fsync", fsync)
        try:
            grown(tmp_path, form, PAGES[:3])
        except DiskError:
            monkeypatch.undo()
            assert len(rows_of(tmp_path, form)) in (8, 9, 10, 11, 12)
        monkeypatch.undo()
        grown(tmp_path, form, PAGES[:4])
        assert rows_of(tmp_path, form) == flat(PAGES[:4])


@pytest.mark.parametrize(
    ("form", "call", "dedupe"),
    [
        ("divided", "rename:signal=KILL:when=1", []),
        ("divided", "rename:signal=KILL:when=3", ["n"]),
        ("tables", "pwrite64,write:signal=KILL:when=7", []),
        ("tables", "fsync:signal=KILL:when=2", ["n"]),
    ],
)  # fmt: skip
def test_a_kill_loses_and_doubles_nothing(
    form: str, call: str, dedupe: list[str], tmp_path: Path
) -> None:
    """Of a program of its own, at a system call; the next append completes it."""
    pages, rows = PAGES[:4], flat(PAGES[:4])
    if dedupe:  # a record that was exported comes again, and is another
        rows[1] = {**rows[1], "lang": "fr"}
        pages = [*PAGES[:2], [*PAGES[2], rows[1]], PAGES[3]]
    grown(tmp_path, form, pages[:2], dedupe=dedupe)
    shutil.rmtree(tmp_path / "out")
    harvest_of(tmp_path / "out", {"orders": pages[:3]}, done=False)
    program = "from harvester.export import export; import sys, json; o = json.loads(sys.argv[3]); "
    program += "export(sys.argv[1], sys.argv[2], append=True, **o)"
    line = [sys.executable, "-c", program, str(tmp_path / "out"), str(target_of(tmp_path, form))]
    killed = subprocess.run(
        [*strace("-e", f"inject={call}"), *line, json.dumps({**FORMS[form], "dedupe": dedupe})],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode in (-signal.SIGKILL, 0), killed.stderr
    done = grown(tmp_path, form, pages, dedupe=dedupe)
    assert done.totals == {"orders": 16}
    assert rows_of(tmp_path, form) == rows
    assert names_in(tmp_path) == ["out", target_of(tmp_path, form).name]


def test_held_is_of_these_pages_in_this_order() -> None:
    """Another page, or another order, is another digest."""
    from tests.support import entry

    pages = [entry(n, part=f"part-{n}", sha256=str(n)) for n in range(3)]
    held = Held()
    for page in pages:
        held = held.then(page)
    other = Held().then(pages[1]).then(pages[0]).then(pages[2])
    assert held.pages == other.pages == 3
    assert held.digest != other.digest
