"""Rows 91 to 97 of the matrix of faults: what lies in a harvest's folder, and beside it.

Links, pipes and folders where files belong, a folder that is moved away under a run, files that are
not the harvest's own, journals that lead elsewhere, names that collide.
"""

import gzip
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harvester import harvest, load_config, status, verify
from harvester.engine.events import Event, PageCommitted
from harvester.errors import (
    ConfigError,
    DataRefused,
    FolderLocked,
    FolderLost,
    HarvesterError,
)
from harvester.export import WRITERS, export
from harvester.export.scratch import MARK
from harvester.planning.plans import plan
from harvester.replay.index import Index
from harvester.report import write_report
from harvester.report.facts import gather
from harvester.results.records import iter_records
from harvester.results.summary import Summary
from harvester.store.journal_lines import read_entries
from harvester.store.layout import place_of
from harvester.store.parts import DurableFile, Part
from tests.support import ENVIRONMENT, ITEMS, Reply, Scripted, chain, stamps, write_config

PAGES = 4
FOLDER = Path("items", "shard=a")
PARTS = [f"part-{number:06d}.json.gz" for number in range(1, PAGES + 1)]


@pytest.fixture(scope="module")
def api() -> Iterator[Scripted]:
    """An API of a few pages."""
    with Scripted(chain(PAGES)) as server:
        yield server


def go(
    folder: Path,
    api: Scripted,
    *changes: str,
    max_pages: int | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Summary:
    """Harvest into `folder / "out"`, or go on there."""
    path = write_config(folder, ITEMS)
    asked = load_config(path, base_url=api.base_url, env={}, set=changes)
    return harvest(asked, out=folder / "out", max_pages=max_pages, on_event=on_event)


def refused(folder: Path, api: Scripted) -> str:
    """What a run says that is refused, whether before it begins or at its end; exit code 5."""
    try:
        done = go(folder, api)
    except DataRefused as error:
        return str(error)
    assert done.exit_code == 5
    return str(done.ended_by)


def command(*arguments: object, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """A command, to its end; no file of it may grow beyond `limit` bytes."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "harvester", *map(str, arguments)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=limited,
    )  # fmt: skip


# --- 91: something else where a file belongs -----------------------------------------------------


def a_link(path: Path, other: Path) -> None:
    """To somebody's file."""
    path.symlink_to(other)


def a_broken_link(path: Path, other: Path) -> None:
    """To a file that writing through it would make."""
    path.symlink_to(other.with_name("not there yet"))


def a_second_name(path: Path, other: Path) -> None:
    """Of somebody's file."""
    path.hardlink_to(other)


def a_pipe(path: Path, other: Path) -> None:
    """That nobody writes to or reads."""
    os.mkfifo(path)


def a_folder(path: Path, other: Path) -> None:
    """Of somebody's."""
    path.mkdir()
    (path / "mine").write_text("mine")


def a_socket(path: Path, other: Path) -> None:
    """That nobody listens at."""
    with socket.socket(socket.AF_UNIX) as listening:
        where = os.open(path.parent, os.O_RDONLY)  # a socket's path is short
        listening.bind(f"/proc/self/fd/{where}/{path.name}")
        os.close(where)


ODD = [a_link, a_broken_link, a_pipe, a_folder, a_socket]


@pytest.mark.parametrize("put", [*ODD, a_second_name])
@pytest.mark.parametrize("name", [".lock", "items/shard=a/journal.jsonl"])
def test_row_91_in_place_of_a_file_that_is_written(
    tmp_path: Path, api: Scripted, name: str, put: Callable[[Path, Path], None]
) -> None:
    """Refused, and nobody waits for a pipe; what was linked to is as it was."""
    go(tmp_path, api, max_pages=1)
    other = tmp_path / "precious"
    path = tmp_path / "out" / name
    other.write_bytes(path.read_bytes())  # so that nothing is wrong but what it is
    path.unlink()
    put(path, other)
    before, asked = other.stat(), len(api.asked)
    told = refused(tmp_path, api)
    assert path.name in told
    assert "was left as it is" in told or "another name" in told
    assert len(api.asked) == asked
    after = other.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    assert not (tmp_path / "not there yet").exists()
    assert not path.is_dir() or (path / "mine").read_text() == "mine"


@pytest.mark.parametrize("put", ODD)
@pytest.mark.parametrize(
    "name", ["harvest.json", "items/shard=a/journal.jsonl", f"items/shard=a/{PARTS[1]}"]
)
def test_row_91_in_place_of_a_file_that_is_read(
    tmp_path: Path, api: Scripted, name: str, put: Callable[[Path, Path], None]
) -> None:
    """No reader follows it, or waits for it."""
    go(tmp_path, api)
    out, other = tmp_path / "out", tmp_path / "precious"
    shutil.move(out / name, other)
    put(out / name, other)
    with pytest.raises((DataRefused, OSError)):
        list(iter_records(out))
    with pytest.raises(HarvesterError):
        export(out, tmp_path / "o.jsonl")
    assert not (tmp_path / "o.jsonl").exists()
    if name == "harvest.json":
        with pytest.raises(DataRefused):
            verify(out)
    else:
        assert not verify(out).ok


@pytest.mark.parametrize("put", [*ODD, a_second_name])
@pytest.mark.parametrize("name", ["harvest.json.tmp", "last_run.json", "last_run.json.tmp"])
def test_row_91_in_place_of_a_file_that_is_replaced(
    tmp_path: Path, api: Scripted, name: str, put: Callable[[Path, Path], None]
) -> None:
    """A link there goes, and not what it leads to; a folder stops the run, with what is in it."""
    go(tmp_path, api, max_pages=1)
    out, other = tmp_path / "out", tmp_path / "precious"
    other.write_text("precious")
    (out / name).unlink(missing_ok=True)
    put(out / name, other)
    if put is a_folder and name.startswith("last_run"):  # the pages are there: the note is not
        ended = go(tmp_path, api)
        assert (ended.exit_code, ended.complete) == (4, True)
        assert name.removesuffix(".tmp") in str(ended.ended_by)
    elif put is a_folder:
        assert name.removesuffix(".tmp") in refused(tmp_path, api)
    else:
        assert go(tmp_path, api).complete
    assert other.read_text() == "precious"
    assert not (tmp_path / "not there yet").exists()
    assert not (out / name).is_dir() or (out / name / "mine").read_text() == "mine"


def test_row_91_a_lock_that_is_none(tmp_path: Path, api: Scripted) -> None:
    """Somebody's own file that is called `.lock` keeps what it says."""
    (tmp_path / "out").mkdir()
    lock = tmp_path / "out" / ".lock"
    lock.write_text("my own notes")
    with pytest.raises(DataRefused, match="not the lock of a harvest"):
        go(tmp_path, api)
    assert lock.read_text() == "my own notes"
    lock.write_text("")  # as a run leaves it that was killed in its first instant
    assert go(tmp_path, api).complete


# --- 92: a link where a folder belongs -----------------------------------------------------------


@pytest.mark.parametrize("level", ["items", "items/shard=a"])
@pytest.mark.parametrize("there", [True, False])
def test_row_92_a_folder_that_is_a_link(
    tmp_path: Path, api: Scripted, level: str, there: bool
) -> None:
    """Neither a run nor a reader goes there; the harvest that lies there loses nothing."""
    go(tmp_path, api, max_pages=1)
    out, other = tmp_path / "out", tmp_path / "other"
    shutil.move(out / level, other)
    within = other / "shard=a" if level == "items" else other
    half = within / f"{PARTS[1]}.tmp"
    half.write_bytes(b"half a part")
    if not there:
        shutil.rmtree(other)
    (out / level).symlink_to(other)
    before = stamps(other) if there else None
    for read in (status, gather, lambda folder: list(iter_records(folder)), Index):
        with pytest.raises(DataRefused, match="symbolic link lies where a folder"):
            read(out)
    assert any("symbolic link" in item.problem for item in verify(out).problems)
    assert "symbolic link" in refused(tmp_path, api)
    assert (stamps(other) if there else None) == before
    assert there or not other.exists()


def test_row_92_out_itself_may_be_a_link(tmp_path: Path, api: Scripted) -> None:
    """Whoever gives it knows where it leads."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    assert go(tmp_path, api).complete
    assert go(tmp_path, api).complete
    assert verify(tmp_path / "out").ok
    assert (tmp_path / "disk" / FOLDER / PARTS[0]).exists()


# --- 93: the folder is taken away under a run ----------------------------------------------------


def moved(out: Path) -> None:
    """To another name."""
    out.rename(out.with_name("elsewhere"))


def removed(out: Path) -> None:
    """With all that is in it."""
    shutil.rmtree(out)


def unlocked(out: Path) -> None:
    """As people do who think that a lock was left over."""
    (out / ".lock").unlink()


def relocked(out: Path) -> None:
    """By another file of that name."""
    (out / ".lock").rename(out / "gone")
    (out / ".lock").write_text("")
    (out / "gone").unlink()


def replaced(out: Path) -> None:
    """By a copy of itself."""
    shutil.copytree(out, out.with_name("copy"))
    moved(out)
    out.with_name("copy").rename(out)


def partition_moved(out: Path) -> None:
    """The partition's folder only."""
    (out / FOLDER).rename(out.with_name("elsewhere"))


def committed(out: Path) -> object:
    """What lies there, without the page that is on its way."""
    if not out.exists():
        return None
    return {name: stamp for name, stamp in stamps(out).items() if not name.endswith(".tmp")}


@pytest.mark.parametrize("pages", [1, 4])
@pytest.mark.parametrize("take", [moved, removed, unlocked, relocked, replaced, partition_moved])
def test_row_93_taken_away_under_a_run(
    tmp_path: Path, api: Scripted, take: Callable[[Path], None], pages: int
) -> None:
    """The run ends and writes nothing more; the next one makes the harvest whole."""
    out = tmp_path / "out"
    there: list[object] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted) and not there:
            take(out)
            there.append(committed(out))

    with pytest.raises(FolderLost) as caught:
        go(tmp_path, api, f"concurrency.pages={pages}", on_event=on_event)
    assert caught.value.exit_code == 4
    assert str(out) in str(caught.value)
    assert committed(out) == there[0]
    assert go(tmp_path, api).complete
    assert verify(out, deep=True).ok
    assert len(list(iter_records(out))) == PAGES * 3


def test_row_93_two_runs_at_once(tmp_path: Path, api: Scripted) -> None:
    """The lock is removed, another run comes and goes: only one of the two ends well."""
    done: list[Summary] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted) and not done:
            unlocked(tmp_path / "out")
            done.append(go(tmp_path, api))

    with pytest.raises(FolderLost, match=r"\.lock"):
        go(tmp_path, api, on_event=on_event)
    assert done[0].complete
    assert verify(tmp_path / "out", deep=True).ok
    assert len(list(iter_records(tmp_path / "out"))) == PAGES * 3


def test_row_93_a_line_that_is_not_its_own(tmp_path: Path, api: Scripted) -> None:
    """A journal that has grown under a run has another writer, whatever the lock says."""
    out = tmp_path / "out"
    added: list[bytes] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted) and not added:
            added.append(b"{}")
            with (out / FOLDER / "journal.jsonl").open("ab") as journal:
                journal.write(added[0])

    with pytest.raises(FolderLost, match="something else has written here"):
        go(tmp_path, api, on_event=on_event)
    assert (out / FOLDER / "journal.jsonl").read_bytes().endswith(b"}\n{}")


def test_row_93_the_lock_is_still_a_lock(tmp_path: Path, api: Scripted) -> None:
    """As long as nobody takes it away."""
    met: list[int] = []

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted) and not met:
            with pytest.raises(FolderLocked, match=f"process {os.getpid()}"):
                go(tmp_path, api)
            met.append(1)

    assert go(tmp_path, api, on_event=on_event).complete


# --- 94: something has the name of a part --------------------------------------------------------


def test_row_94_a_part_takes_nobodys_place(tmp_path: Path, api: Scripted) -> None:
    """A file that came to lie under the next part's name is as it was."""
    out = tmp_path / "out"

    def on_event(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.entry.seq == 1:
            (out / FOLDER / PARTS[1]).write_text("somebody's")

    done = go(tmp_path, api, on_event=on_event)
    assert done.exit_code == 5
    assert "came to lie here" in str(done.ended_by)
    assert (out / FOLDER / PARTS[1]).read_text() == "somebody's"
    (out / FOLDER / PARTS[1]).unlink()
    assert go(tmp_path, api).complete
    assert verify(out, deep=True).ok


def test_row_94_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On FAT, say, a part is renamed; and does not take another file's place either."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    with Part(tmp_path, 1) as part:
        part.write(b"content")
        part.store()
    assert [path.name for path in tmp_path.iterdir()] == [PARTS[0]]
    with Part(tmp_path, 1) as part:
        part.write(b"other")
        with pytest.raises(DataRefused):
            part.store()
    assert (tmp_path / PARTS[0]).read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir()] == [PARTS[0]]


def test_row_94_only_its_own_temporary_file_is_removed(tmp_path: Path) -> None:
    """Where the folder was moved away, another run may write under the same name."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with DurableFile(folder / "a"):
        folder.rename(tmp_path / "moved")
        folder.mkdir()
        (folder / "a.tmp").write_text("another run's")
    assert (folder / "a.tmp").read_text() == "another run's"


# --- 95: journals that lead elsewhere, or that are of a later version ----------------------------

READERS: dict[str, Callable[[Path], object]] = {
    "records": lambda out: list(iter_records(out)),
    "export": lambda out: export(out, out.with_name("o.jsonl")),
    "report": gather,
    "serve": Index,
    "status": status,
}


@pytest.fixture
def two(tmp_path: Path, api: Scripted) -> Path:
    """A harvest of two partitions."""
    go(tmp_path, api, 'resources.0.partitions={"shard": ["a", "b"]}')
    return tmp_path / "out"


def rewritten(journal: Path, line: int, **changes: object) -> None:
    """Change a line of a journal, with a right checksum."""
    lines = journal.read_bytes().splitlines(keepends=True)
    value = json.loads(lines[line]) | changes
    del value["crc32"]
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    lines[line] = text + b',"crc32":"%08x"}\n' % zlib.crc32(text)
    journal.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    "name",
    [
        "../../../other.json.gz",
        "../shard=b/part-000001.json.gz",
        "/etc/passwd",
        "part-000001.json.gz/",
        "./part-000001.json.gz",
        "part-000002.json.gz",  # twice, then
        "part-1.json.gz",
        "",
        "part-000001.json.gz\0",
    ],
)
@pytest.mark.parametrize("reader", READERS)
def test_row_95_a_journal_that_names_another_file(two: Path, name: str, reader: str) -> None:
    """Refused by whoever reads pages; nothing of that file comes out."""
    secret = two.parent / "other.json.gz"
    secret.write_bytes(gzip.compress(b'{"items": [{"id": "of-somebody-else"}]}'))
    rewritten(two / "items" / "shard=a" / "journal.jsonl", 1, part=name)
    with pytest.raises(DataRefused, match=r"journal\.jsonl:2"):
        READERS[reader](two)
    assert not verify(two).ok
    assert not (two.parent / "o.jsonl").exists()


@pytest.mark.parametrize("changed", [{"format": 2}, {"format": 999, "more": True}])
def test_row_95_a_journal_of_a_later_version(
    tmp_path: Path, api: Scripted, changed: dict[str, object]
) -> None:
    """No command reads it, and a run changes nothing in it, done or not."""
    for most in (1, None):
        go(tmp_path, api, max_pages=most)
        out = tmp_path / "out"
        journal = out / FOLDER / "journal.jsonl"
        lines = journal.read_bytes()
        rewritten(journal, 0, **changed)
        before = stamps(out / FOLDER)
        for read in READERS.values():
            with pytest.raises(DataRefused, match=r"format \d+ is not known to this version"):
                read(out)
        assert not verify(out).ok
        with pytest.raises(DataRefused, match="is not known"):
            go(tmp_path, api)
        assert stamps(out / FOLDER) == before
        journal.write_bytes(lines)


def test_row_95_a_later_version_that_checks_its_lines_otherwise(
    tmp_path: Path, api: Scripted
) -> None:
    """Its lines are no damage, and are not told to be."""
    go(tmp_path, api)
    journal = tmp_path / "out" / FOLDER / "journal.jsonl"
    journal.write_bytes(b'{"format":7,"sha256":"0123"}\n' + journal.read_bytes())
    with pytest.raises(DataRefused, match="format 7 is not known"):
        list(read_entries(journal.parent))


# --- 96: what export finds, and leaves -----------------------------------------------------------


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("marked", [None, b"", b'{"harvester": "export", "target": "other"}\n'])
def test_row_96_a_folder_that_looks_like_an_exports(
    two: Path, tmp_path: Path, marked: bytes | None
) -> None:
    """By its name, or by a mark that is not of this target: it stays, with what is in it."""
    own = tmp_path / "own"
    own.mkdir()
    for name in ("o.jsonl.exporting", ".o.jsonl.12345678.exporting"):
        (own / name).mkdir()
        (own / name / "mine").write_text("mine")
        if marked is not None:
            (own / name / MARK).write_bytes(marked)
    export(two, own / "o.jsonl")
    assert names(own) == [".o.jsonl.12345678.exporting", "o.jsonl", "o.jsonl.exporting"]
    assert all((own / name / "mine").exists() for name in names(own) if name != "o.jsonl")


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("limit", [0, 10, 3000])
def test_row_96_a_disk_that_takes_a_part_only(
    tmp_path: Path, ending: str, limit: int, large: Path
) -> None:
    """Exit code 4, nothing under the name of the target, nothing left beside it."""
    done = command("export", large, tmp_path / f"o{ending}", "--progress", "none", limit=limit)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert names(tmp_path) == []


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A harvest of records that do not compress."""
    folder = tmp_path_factory.mktemp("large")
    with Scripted(noise) as server:
        go(folder, server)
    return folder / "out"


def noise(path: str, parameters: Mapping[str, str]) -> Reply:
    """One page of it."""
    return Reply({"data": [{"id": n, "pad": os.urandom(100).hex()} for n in range(500)]})


def test_row_96_a_report_beside_somebodys_files(tmp_path: Path, api: Scripted) -> None:
    """What is called like the report with `.tmp` behind is not taken for its own; a link and a
    pipe in the report's place are refused, and nobody waits.
    """
    go(tmp_path, api)
    own = tmp_path / "own"
    own.mkdir()
    (own / "r.html.tmp").write_text("mine")
    write_report(tmp_path / "out", own / "r.html")
    write_report(tmp_path / "out", own / "r.html")  # a report is replaced
    assert names(own) == ["r.html", "r.html.tmp"]
    assert (own / "r.html.tmp").read_text() == "mine"
    for put in (a_link, a_broken_link, a_pipe):
        put(own / put.__name__, own / "r.html")
        with pytest.raises(ConfigError, match="is no file"):
            write_report(tmp_path / "out", own / put.__name__)
        (own / put.__name__).unlink()
    done = command("report", tmp_path / "out", "--out", own / "new.html", limit=5000)
    assert done.returncode == 4, done.stderr
    assert names(own) == ["r.html", "r.html.tmp"]


def test_row_96_a_link_in_place_of_the_target(two: Path, tmp_path: Path) -> None:
    """The link is replaced where --force says so; the file that it leads to is as it was."""
    other, target = tmp_path / "precious", tmp_path / "o.jsonl"
    other.write_text("precious")
    target.symlink_to(other)
    with pytest.raises(HarvesterError, match="exists"):
        export(two, target)
    export(two, target, force=True)
    assert not target.is_symlink()
    assert other.read_text() == "precious"
    assert len(target.read_text().splitlines()) == 2 * PAGES * 3


# --- 97: names that collide ----------------------------------------------------------------------


def test_row_97_values_that_differ_in_case(tmp_path: Path, api: Scripted) -> None:
    """Each has a folder that no file system takes for another's, and readers get both back."""
    values = '{"shard": ["nasa", "NASA", "Nasa", "esa", "ESO"]}'
    done = go(tmp_path, api, f"resources.0.partitions={values}")
    assert done.complete
    folders = names(tmp_path / "out" / "items")
    assert len({name.lower() for name in folders}) == 5
    assert {"shard=nasa", "shard=esa", "shard=ESO"} < set(folders)
    assert verify(tmp_path / "out").ok
    assert len(list(iter_records(tmp_path / "out", partition={"shard": "NASA"}))) == PAGES * 3


@pytest.mark.parametrize("order", [["nasa", "NASA"], ["NASA", "nasa"]])
def test_row_97_whichever_comes_first(tmp_path: Path, api: Scripted, order: list[str]) -> None:
    """The folders do not depend on the order; one that is there from before stays."""
    go(tmp_path, api, f"resources.0.partitions={json.dumps({'shard': order})}")
    assert names(tmp_path / "out" / "items") == ["shard=%4E%41%53%41", "shard=nasa"]


@pytest.mark.parametrize("first", ["nasa", "NASA"])
def test_row_97_a_value_that_is_added(tmp_path: Path, api: Scripted, first: str) -> None:
    """To a harvest that had one of the two: that one stays where it is."""
    go(tmp_path, api, f'resources.0.partitions={{"shard": ["{first}"]}}')
    assert names(tmp_path / "out" / "items") == [f"shard={first}"]
    before = stamps(tmp_path / "out" / "items" / f"shard={first}")
    asked = len(api.asked)
    assert go(tmp_path, api, 'resources.0.partitions={"shard": ["nasa", "NASA"]}').complete
    assert len(api.asked) == asked + PAGES
    assert stamps(tmp_path / "out" / "items" / f"shard={first}") == before
    assert verify(tmp_path / "out").ok
    assert len(list(iter_records(tmp_path / "out"))) == 2 * PAGES * 3


def test_row_97_a_harvest_from_before(tmp_path: Path, api: Scripted) -> None:
    """One that lies in two folders whose names differ in case only opens as it is."""
    values = 'resources.0.partitions={"shard": ["nasa", "NASA"]}'
    go(tmp_path, api, values)
    items = tmp_path / "out" / "items"
    (items / "shard=%4E%41%53%41").rename(items / "shard=NASA")
    asked = len(api.asked)
    assert go(tmp_path, api, values).complete
    assert len(api.asked) == asked
    assert names(items) == ["shard=NASA", "shard=nasa"]
    assert verify(tmp_path / "out").ok


def test_row_97_where_case_does_not_count(tmp_path: Path, api: Scripted) -> None:
    """There the folder that was first has both names: it is told by its journal whose it is."""
    go(tmp_path, api, 'resources.0.partitions={"shard": ["NASA"]}')
    items = tmp_path / "out" / "items"
    shutil.copytree(items / "shard=NASA", items / "shard=nasa")  # what such a system would show
    path = write_config(tmp_path, ITEMS)
    asked = load_config(
        path, base_url=api.base_url, env={},
        set=['resources.0.partitions={"shard": ["nasa", "NASA"]}'],
    )  # fmt: skip
    found = [place_of(tmp_path / "out", each).name for each in plan(asked, out=tmp_path / "out")]
    assert found == ["shard=%6Easa", "shard=NASA"]


def test_row_97_values_from_outside(tmp_path: Path) -> None:
    """Of a file, the later of two gets a folder of its own."""
    (tmp_path / "ids.txt").write_text("nasa\nNASA\nesa\n")
    path = write_config(tmp_path, ITEMS)
    asked = load_config(
        path, base_url="http://127.0.0.1:1/", env={},
        set=['resources.0.partitions={"shard": {"file": "ids.txt"}}'],
    )  # fmt: skip
    found = [place_of(tmp_path / "out", each).name for each in plan(asked, out=tmp_path / "out")]
    assert found == ["shard=nasa", "shard=%4E%41%53%41", "shard=esa"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([f"resources.0.name={name}"], "is taken by a file of the harvest's own")
        for name in (
            "last_run.json", "LAST_RUN.JSON", "harvest.json", "harvest.json.tmp", "report.html",
            "journal.jsonl", "part-000001.json.gz", "items.shard.values.jsonl",
        )
    ]
    + [
        (["resources.0.name=items."], "ends in a dot"),
        (["resources.0.name=.lock"], "expected a name"),
        (['resources.0.partitions={"' + "k" * 101 + '": [1]}'], "at most 100"),
    ],
)  # fmt: skip
def test_row_97_names_that_are_taken(tmp_path: Path, changes: list[str], told: str) -> None:
    """Said by `check`, before anything is asked, with the place."""
    path = write_config(tmp_path, ITEMS)
    options = [part for change in changes for part in ("--set", change)]
    done = command("check", path, "--base-url", "http://127.0.0.1:1/", *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "resources[0]" in done.stderr
