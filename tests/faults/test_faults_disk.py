"""The matrix of faults, by the rows of the README's table: pagination in circles, and the disk.

Row 41, the power cut, is in test_power_cut.py. Row 43 is about connections: test_faults_answers.py.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from harvester import harvest, iter_records, load_config, status, verify
from harvester.engine.events import Doubted, Event, Warned
from harvester.errors import DataRefused
from harvester.results.summary import Summary
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_checkpoint, read_entries, read_header
from tests.kill_matrix import CALLS, FILES, FOLDER, KILL, LIMITED, PAGES, Matrix, Step, matrix
from tests.power_states import Synced
from tests.support import (
    ENVIRONMENT,
    ITEMS,
    Reply,
    Respond,
    Scripted,
    chain,
    command,
    config,
    kept,
    run,
    stamps,
    strace,
    write_config,
)


def harvested(
    tmp_path: Path, respond: Respond, *changes: str
) -> tuple[Summary, list[dict[str, str]]]:
    """A run into `tmp_path / "out"`: its summary, and what the server was asked."""
    with Scripted(respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, *changes)
        # Bounded: a loop guard that fails must fail a test, and not run forever.
        return harvest(asked, out=tmp_path / "out", max_pages=100), server.asked


# --- 31 to 35: pagination ------------------------------------------------------------------------


def circle(cursors: str) -> Respond:
    """Pages whose cursors run through the letters, and on from the last to the first."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        place = cursors.find(parameters.get("cursor", ""))
        started = "cursor" in parameters
        return Reply({"data": [place, started], "next": cursors[(place + 1) % len(cursors)]})

    return respond


@pytest.mark.parametrize("length", [2, 7])
def test_row_31_cycle(tmp_path: Path, length: int) -> None:
    """A→B→…→A: the pages that came are kept and counted, none is fetched a second time."""
    letters = "ABCDEFG"[:length]
    summary, asked = harvested(tmp_path, lambda path, parameters: circle(letters)(path, parameters))
    assert summary.exit_code == 3
    assert [request.get("cursor") for request in asked] == [None, *letters[1:], "A"]
    assert f"{length + 1} pages into the partition" in summary.failures[0].error
    assert summary.resources[0].pages == length + 1


def test_row_31_same_cursor(tmp_path: Path) -> None:
    """A server that gives the cursor it was sent; a resumed run knows the circle again."""
    for _ in range(2):
        summary, asked = harvested(
            tmp_path, lambda path, asked: Reply({"data": [len(asked)], "next": "A"})
        )
        assert summary.exit_code == 3
        assert "this cursor was asked with before, 2 pages into" in summary.failures[0].error
    assert asked == []
    assert verify(tmp_path / "out").ok


def test_row_31_cursor_may_repeat(tmp_path: Path) -> None:
    """Where the API says the end by the cursor that was sent, it is the end."""
    summary, asked = harvested(
        tmp_path,
        lambda path, asked: Reply({"data": [len(asked)], "next": "A"}),
        "resources.items.paginator.cursor_may_repeat=true",
    )
    assert summary.complete
    assert len(asked) == 2


def test_row_32_empty_page_with_a_cursor(tmp_path: Path) -> None:
    """Is committed, and the harvest goes on."""
    counts = {"1": 3, "2": 0, "3": 0, "4": 2}

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = parameters.get("cursor", "1")
        following = str(int(number) + 1) if number != "4" else None
        return Reply({"data": [number] * counts[number], "next": following})

    summary, _ = harvested(tmp_path, respond)
    assert summary.complete
    assert [entry.records for entry in read_entries(tmp_path / "out" / FOLDER)] == [3, 0, 0, 2]
    assert sum(1 for _ in iter_records(tmp_path / "out")) == 5


@pytest.mark.parametrize("end", [None, "", "null", "left out"])
def test_row_33_cursor_on_the_last_page(tmp_path: Path, end: str | None) -> None:
    """Then an empty page without one, however that is said: a clean end."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters.get("cursor") != "2":
            return Reply({"data": [1, 2], "next": "2"})
        return Reply({"data": []} if end == "left out" else {"data": [], "next": end})

    summary, asked = harvested(tmp_path, respond)
    assert (summary.exit_code, len(asked)) == (0, 2)
    *_, last = read_entries(tmp_path / "out" / FOLDER)
    assert (last.done, last.reason, last.records) == (True, "no_next_cursor", 0)


@pytest.mark.parametrize(
    ("totals", "doubts"), [((0, 0, 0), 1), ((9, 5, 2), 1), ((3, 9, 4), 0), ((5, 5, 1), 1)]
)
def test_row_34_total_changes_or_is_0(tmp_path: Path, totals: tuple[int, ...], doubts: int) -> None:
    """Every record comes all the same; what was claimed last is a doubt, if it is not what came."""
    seen: list[Event] = []

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        offset = int(parameters["offset"])
        data = list(range(offset, min(offset + 2, 4)))
        return Reply({"data": data, "total": totals[offset // 2]})

    with Scripted(respond) as server:
        asked = config(
            tmp_path, ITEMS, server.base_url,
            "resources.items.paginator={type: offset, limit: 2, total_path: total}",
        )  # fmt: skip
        summary = harvest(asked, out=tmp_path / "out", on_event=seen.append)
    assert summary.exit_code == 0
    assert list(iter_records(tmp_path / "out")) == [b"0", b"1", b"2", b"3"]
    assert sum(isinstance(event, Doubted) for event in seen) == doubts


@pytest.mark.parametrize(("totals", "doubts"), [((0, 0, 0), 1), ((9, 5, 2), 0), ((9, 5, 3), 1)])
def test_row_34_total_of_pages(tmp_path: Path, totals: tuple[int, ...], doubts: int) -> None:
    """A number of pages is no better: the empty page ends the partition."""
    seen: list[Event] = []

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters["page"])
        return Reply({"data": [number] if number < 3 else [], "total": totals[number - 1]})

    with Scripted(respond) as server:
        paginator = "{type: page_number, page_param: page, total_path: total}"
        changes = f"resources.items.paginator={paginator}"
        asked = config(tmp_path, ITEMS, server.base_url, changes)
        summary = harvest(asked, out=tmp_path / "out", on_event=seen.append)
    assert summary.exit_code == 0
    assert list(iter_records(tmp_path / "out")) == [b"1", b"2"]
    assert sum(isinstance(event, Doubted) for event in seen) == doubts


@pytest.mark.parametrize("status_code", [400, 404, 410])
def test_row_35_expired_cursor(tmp_path: Path, status_code: int) -> None:
    """The server's words are passed on, with the cursor and what to do; what is committed stays."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if "cursor" in parameters:
            return Reply({"error": "cursor has expired"}, status_code)
        return chain(2)(path, parameters)

    summary, asked = harvested(tmp_path, respond)
    assert summary.exit_code == 3
    assert len(asked) == 2
    assert "page 2 (cursor 2)" in summary.failures[0].error
    assert "cursor has expired" in summary.failures[0].error
    rule = f"add a rule {{status: {status_code}, action: restart}}"
    assert f"if that means that the cursor has expired, {rule}" in summary.failures[0].error
    assert summary.resources[0].pages == 1


@pytest.mark.parametrize("status_code", [400, 404, 410])
def test_row_35_restart(tmp_path: Path, status_code: int) -> None:
    """With that rule the chain begins again; pages kept before stay on disk and do not count."""
    expired: list[str] = []

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters.get("cursor") == "2" and not expired:
            expired.append("2")
            return Reply({"error": "cursor has expired"}, status_code)
        return chain(3)(path, parameters)

    summary, asked = harvested(
        tmp_path, respond,
        f"resources.items.response_actions=[{{status: {status_code}, action: restart}}]",
    )  # fmt: skip
    assert summary.exit_code == 0
    assert [request.get("cursor") for request in asked] == [None, "2", None, "2", "3"]
    assert sum(1 for _ in iter_records(tmp_path / "out")) == 9
    assert len([*(tmp_path / "out" / FOLDER).glob("part-*.json.gz")]) == 4
    assert verify(tmp_path / "out", deep=True).ok


# --- 37: kills -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """A harvest to be killed at chosen system calls."""
    with matrix(tmp_path_factory.mktemp("kills"), chain(PAGES)) as steps:
        yield steps


@pytest.mark.parametrize(
    ("state", "file", "call", "number"),
    [
        ("fresh", "folder", "mkdir", 1),
        ("fresh", "journal", "write", 1),  # its first line
        ("fresh", "part 1", "openat", 1),
        ("page 2", "part 2", "write", 1),
        ("page 2", "part 2", "close", 1),
        ("page 3", "part 3", "link", 1),
        ("page 3", "part 3", "unlink", 1),
        ("page 3", "journal", "write", 1),  # the last line
        ("fresh", "part 1", "fsync", 1),  # behind the fetch of page 2
        ("fresh", "folder", "fsync", 1),
        ("fresh", "journal", "fdatasync", 1),
        ("page 3", "journal", "fdatasync", 2),  # the last line
        ("fresh", "harvest.json", "rename", 1),
        ("page 2", "last_run.json", "write", 1),
        ("recovery", "part 2", "unlink", 1),
        ("recovery", "journal", "ftruncate", 1),
        ("recovery", "folder", "fsync", 1),
    ],
)
def test_row_37_killed_before_a_call(
    kills: Matrix, state: str, file: str, call: str, number: int
) -> None:
    """A sample; `python -m tests.kill_matrix` goes through all of them."""
    step = Step(state, file, call, number, KILL)
    assert KILL in CALLS[call]
    assert kills.step(step), "the harvest made no such call"


@pytest.fixture(scope="module")
def kills_at_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """One that makes each page safe before the next is asked for."""
    with matrix(tmp_path_factory.mktemp("at_once"), chain(PAGES), "page") as steps:
        yield steps


@pytest.mark.parametrize(
    ("file", "call"),
    [("part 2", "fsync"), ("part 2", "link"), ("journal", "fdatasync"), ("folder", "fsync")],
)
def test_row_37_killed_where_each_page_is_synced(
    kills_at_once: Matrix, file: str, call: str
) -> None:
    """One page is the most that is asked for again, as everywhere."""
    assert kills_at_once.step(Step("fresh", file, call, 1, KILL)), "the harvest made no such call"


@pytest.mark.parametrize("call", ["link", "write"])
@pytest.mark.parametrize("page", [3, 7, 11])
def test_row_37_killed_before_a_group_is_safe(tmp_path: Path, call: str, page: int) -> None:
    """What is kept and not safe yet is lost by no kill: one page is asked for again, if any."""
    out = tmp_path / "out"
    with matrix(tmp_path, chain(12)) as steps:
        file = f"part-{page:06d}.json.gz.tmp" if call == "link" else "journal.jsonl"
        number = 1 if call == "link" else page + 1  # behind the first line and those before it
        prefix = strace(
            "-P", str(out / FOLDER / file), "-e", f"inject={call}:signal={KILL}:when={number}"
        )  # fmt: skip
        assert run([*prefix, *steps.arguments(out)]).returncode == -9
        assert read_checkpoint(out / FOLDER).pages == page - 1
        *_, last = read_entries(out / FOLDER)
        assert last.safe is not None
        assert last.safe < last.seq
        assert len(steps.server.asked) == 12 + page
        seen: list[Event] = []
        asked = load_config(tmp_path / "config.yaml", base_url=steps.server.base_url, env={})
        assert harvest(asked, out=out, on_event=seen.append).complete
        assert not [event for event in seen if isinstance(event, Warned)]
        assert kept(out) == steps.expected
        assert len(steps.server.asked) == 12 + 12 + 1


def test_row_41_said_to_who_runs_it_again(tmp_path: Path) -> None:
    """How many pages a power cut cost; the same command ends as if nothing had been, and neither a
    line nor a part that was said to be safe may be missing.
    """
    out = tmp_path / "out"
    with matrix(tmp_path, chain(12)) as steps:
        prefix = strace("-P", str(out / FOLDER / "journal.jsonl"), "-e", KILLED_AT_LINE_11)
        assert run([*prefix, *steps.arguments(out)]).returncode == -9
        shutil.copytree(out, tmp_path / "damaged")
        os.truncate(out / FOLDER / "part-000008.json.gz", 5)
        told = run(command_line(steps, out))
        assert told.returncode == 0, told.stderr
        assert "a power cut cost 3 pages that were kept and not yet safe; asked" in told.stderr
        assert kept(out) == steps.expected
        assert verify(out, deep=True).ok
        again = run(command_line(steps, out))
        assert "power cut" not in again.stderr
        (tmp_path / "damaged" / FOLDER / "part-000001.json.gz").unlink()
        before = stamps(tmp_path / "damaged" / "items")
        told = run(command_line(steps, tmp_path / "damaged"))
        assert told.returncode == 5
        assert "part-000001.json.gz: this part is in the journal, but not on disk" in told.stderr
        assert stamps(tmp_path / "damaged" / "items") == before


#: Behind the first line and those of ten pages.
KILLED_AT_LINE_11 = f"inject=write:signal={KILL}:when=12"


def command_line(steps: Matrix, out: Path) -> list[str]:
    """As a person runs it."""
    return [
        sys.executable, "-m", "harvester", "run", str(steps.folder / "config.yaml"),
        "--base-url", steps.server.base_url, "--out", str(out), "--progress", "plain",
    ]  # fmt: skip


@pytest.mark.parametrize("durability", ["group", "page"])
def test_row_41_each_page_before_the_next(tmp_path: Path, durability: str) -> None:
    """With `durability: page` none is asked for before that one is safe, be it foreseen."""
    seen: list[int] = []

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters["offset"]) // 2
        with contextlib.suppress(OSError, IndexError):
            seen.append(number - [*read_entries(tmp_path / "out" / FOLDER)][-1].safe)  # type: ignore[operator]
        return Reply({"data": [number, -number] if number < 9 else []})

    with Scripted(respond) as server:
        asked = config(
            tmp_path, ITEMS, server.base_url, "concurrency.pages=4",
            "resources.items.paginator={type: offset, limit: 2}",
            f"output.durability={durability}",
        )  # fmt: skip
        assert harvest(asked, out=tmp_path / "out").complete
    if durability == "page":
        assert seen == [0] * 9
    else:
        assert max(seen) > 1


@pytest.mark.parametrize("file", ["journal", "part 2"])
def test_row_37_no_other_calls_change_the_disk(kills: Matrix, file: str) -> None:
    """So that the sweep over the known ones is a sweep over all."""
    assert file in FILES
    assert kills.calls("recovery", file).keys() <= CALLS.keys()


def test_row_37_write_order(tmp_path: Path, kills: Matrix) -> None:
    """DESIGN's order, as the kernel sees it: a part has its name before its line is written; and
    a line says that pages are safe only when they are.
    """
    calls = kills.calls_on_disk(tmp_path / "out")
    lines = (tmp_path / "out" / FOLDER / "journal.jsonl").read_bytes().splitlines()
    safe = [json.loads(line).get("safe", 0) for line in lines]
    assert safe == [0, 0, 1, 3]
    written, disk = 0, Synced()
    for call in calls:
        if call == "write journal.jsonl":
            assert disk.safe >= safe[written] - (written == safe[written])  # itself is not yet
            disk.named_before(written)
            written += 1
        disk.do(call)
    assert written == len(lines)
    calls = kills.calls_on_disk(tmp_path / "unsynced", "output={fsync: false}")
    assert not [call for call in calls if "sync" in call]
    named = [call for call in calls if not call.startswith("write part")]
    assert named == ["write journal.jsonl"] + [
        call
        for number in range(1, PAGES + 1)
        for call in (f"link part-{number:06d}.json.gz.tmp", "write journal.jsonl")
    ]


def test_row_37_write_order_at_once(tmp_path: Path, kills_at_once: Matrix) -> None:
    """Where each page is safe before the next is asked for, all is synced in the old order."""
    expected = ["write journal.jsonl", "fdatasync journal.jsonl", "fsync folder"]
    for number in range(1, PAGES + 1):
        part = f"part-{number:06d}.json.gz.tmp"
        expected += [f"fsync {part}", f"link {part}", "fsync folder"]
        expected += ["write journal.jsonl", "fdatasync journal.jsonl"]
    calls = kills_at_once.calls_on_disk(tmp_path / "out")
    assert [call for call in calls if not call.startswith("write part")] == expected
    lines = (tmp_path / "out" / FOLDER / "journal.jsonl").read_bytes().splitlines()
    assert [json.loads(line).get("safe") for line in lines] == [None, 1, 2, 3]


# --- 38, 39: the journal -------------------------------------------------------------------------


def test_row_38_journal_cut_anywhere(tmp_path: Path) -> None:
    """The rerun ends with the same folder, and asks for the page of the torn line once more.

    Every byte of every line, as a cut there would find the folder: with the parts of the lines
    that are whole, and the one whose line is torn. One in thirteen with a whole rerun, the
    others as far as the journal's recovery.
    """
    pages = 3
    with Scripted(chain(pages)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "output.fsync=false")
        out = tmp_path / "out"
        harvest(asked, out=out)
        folder = out / FOLDER
        whole = (folder / "journal.jsonl").read_bytes()
        header = read_header(folder)
        assert header
        stored = {path.name: path.read_bytes() for path in folder.glob("part-*.json.gz")}
        expected = kept(out)
        ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
        for cut in range(len(whole)):
            lines = sum(end <= cut for end in ends)  # that are whole, the header's included
            for path in folder.iterdir():
                path.unlink()
            for name in sorted(stored)[:lines]:  # the torn line's part is there already
                (folder / name).write_bytes(stored[name])
            (folder / "journal.jsonl").write_bytes(whole[:cut])
            if cut % 13:
                with Journal.open(folder, header, fsync=False) as journal:
                    assert journal.checkpoint.pages == max(0, lines - 1)
                found = (folder / "journal.jsonl").read_bytes()
                assert found == whole[: ends[max(0, lines - 1)]]
                assert len([*folder.glob("part-*")]) == max(0, lines - 1)
                continue
            server.asked.clear()
            assert harvest(asked, out=out).complete
            assert len(server.asked) == pages - max(0, lines - 1)
            assert kept(out) == expected


@pytest.mark.parametrize("kept_bytes", [0, 1, 200, 400])
@pytest.mark.parametrize("zeros", [1, 4096])
def test_row_38_nul_tail(tmp_path: Path, kept_bytes: int, zeros: int) -> None:
    """Zeros where the rest of the last line was to come: what a file system may leave of it."""
    with Scripted(chain(2)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, "output.fsync=false")
        out = tmp_path / "out"
        harvest(asked, out=out)
        expected = kept(out)
        journal = out / FOLDER / "journal.jsonl"
        *lines, last = journal.read_bytes().splitlines(keepends=True)
        assert len(last) > kept_bytes
        journal.write_bytes(b"".join(lines) + last[:kept_bytes] + bytes(zeros))
        server.asked.clear()
        assert harvest(asked, out=out).complete
        assert server.asked == [{"shard": "a", "cursor": "2"}]
        assert kept(out) == expected
        assert harvest(asked, out=out).complete


@pytest.mark.parametrize("damage", ["flipped", "gone", "part gone", "part short", "part beyond"])
def test_row_39_damage_is_refused(tmp_path: Path, damage: str) -> None:
    """Exit code 5; no file is deleted or changed, no request is sent."""
    with Scripted(chain(4)) as server:
        asked = config(tmp_path, ITEMS, server.base_url)
        out = tmp_path / "out"
        harvest(asked, out=out, max_pages=3)
        folder = out / FOLDER
        journal = folder / "journal.jsonl"
        match damage:
            case "flipped":
                journal.write_bytes(journal.read_bytes().replace(b'"seq":2', b'"seq":6'))
            case "gone":
                journal.unlink()
            case "part gone":
                (folder / "part-000002.json.gz").unlink()
            case "part short":
                os.truncate(folder / "part-000001.json.gz", 10)
            case "part beyond":
                shutil.copy(folder / "part-000001.json.gz", folder / "part-000005.json.gz")
        (folder / "part-000004.json.gz.tmp").touch()
        before = stamps(out / "items")
        server.asked.clear()
        if damage == "flipped":  # then no summary can be made either
            with pytest.raises(DataRefused, match=r"journal\.jsonl:3: this line is damaged"):
                harvest(asked, out=out)
        else:
            summary = harvest(asked, out=out)
            assert isinstance(summary.ended_by, DataRefused)
            assert summary.exit_code == 5
        told = run(command(tmp_path / "config.yaml", server.base_url, out))
        assert told.returncode == 5
        assert stamps(out / "items") == before
        assert server.asked == []


# --- 40: errors of the disk ----------------------------------------------------------------------


def fails_then_completes(
    steps: Matrix, prefix: list[str], out: Path, repair: Callable[[], object] = lambda: None
) -> str:
    """A run behind `prefix` fails with exit code 4; a plain rerun ends as if nothing had been."""
    failed = run([*prefix, *steps.arguments(out)])
    assert failed.returncode == 4, failed.stderr
    repair()
    steps.completes(out, str(prefix))
    return failed.stdout + failed.stderr


@pytest.mark.parametrize(
    ("call", "error", "number", "names"),
    [
        pytest.param("write", "ENOSPC", 1, ["part-000002.json.gz.tmp"], id="a part's bytes"),
        pytest.param("write", "EIO", 3, ["journal.jsonl"], id="a line"),
        pytest.param("fsync", "EIO", 1, ["part-000002.json.gz.tmp"], id="a part's fsync"),
        pytest.param("fsync", "EIO", 2, [""], id="a name's fsync"),  # of the folder
        pytest.param("fdatasync", "EIO", 2, ["journal.jsonl"], id="a line's fsync"),
        pytest.param("link", "ENOSPC", 1, ["part-000001.json.gz.tmp"], id="a name"),
        pytest.param(
            "openat", "EMFILE", 1, ["part-000001.json.gz.tmp"], id="too many files for a part"
        ),
        pytest.param(
            "openat", "EMFILE", 2, ["part-000003.json.gz.tmp"], id="too many files to read it back"
        ),
        pytest.param("openat", "EMFILE", 1, ["journal.jsonl"], id="too many files for the journal"),
        pytest.param("openat", "EMFILE", 1, [""], id="too many files for the folder"),
        pytest.param("mkdir", "ENOSPC", 1, [""], id="a folder"),
    ],
)
def test_row_40_errors_at_a_call(
    tmp_path: Path, kills: Matrix, call: str, error: str, number: int, names: list[str]
) -> None:
    """Each ends the run at once, with the file's name and the reason; nothing is tried again."""
    folder = tmp_path / "out" / FOLDER
    paths = [option for name in names for option in ("-P", str(folder / name))]
    options = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}"]
    prefix = strace(*paths, *options)
    told = fails_then_completes(kills, prefix, tmp_path / "out")
    words = {"ENOSPC": "No space left", "EIO": "Input/output", "EMFILE": "Too many open"}
    assert words[error] in told
    assert str(tmp_path / "out") in told


@pytest.mark.parametrize(
    ("file", "call"), [("out", "openat"), ("journal", "close")], ids=["a listing", "a reader's end"]
)
def test_row_40_errors_where_a_run_looks(kills: Matrix, file: str, call: str) -> None:
    """The end of a run, or nothing at all, and never a traceback."""
    assert kills.step(Step("page 2", file, call, 1, "EIO")), "the harvest made no such call"


@pytest.mark.parametrize("name", ["harvest.json.tmp", "last_run.json.tmp"])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_row_40_errors_in_the_runs_own_files(
    tmp_path: Path, kills: Matrix, name: str, call: str
) -> None:
    """harvest.json before the first request, last_run.json after the last."""
    options = ["-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when=1"]
    prefix = strace("-P", str(tmp_path / "out" / name), *options)
    fails_then_completes(kills, prefix, tmp_path / "out")


def noise(pages: int) -> Respond:
    """Pages of 30 KB that do not compress."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters.get("cursor", "1"))
        data = [random.Random(number).randbytes(15_000).hex()]
        return Reply({"data": data, "next": str(number + 1) if number < pages else None})

    return respond


@pytest.mark.parametrize("limit", [700, 2500, 9000])
def test_row_40_short_writes(tmp_path: Path, limit: int) -> None:
    """A file size limit cuts a write short: of harvest.json, the journal or a part."""
    prefix = [sys.executable, "-c", LIMITED, str(limit)]
    respond = noise(3) if limit == 9000 else chain(9)
    with matrix(tmp_path, respond) as steps:
        told = fails_then_completes(steps, prefix, tmp_path / "out")
    assert "File too large" in told


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size at `folder`."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_row_40_full_disk(tmp_path: Path) -> None:
    """A small tmpfs; with room made, the run goes on. Without root, row 40's other tests do."""
    disk = tmp_path / "disk"
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tmpfs")
    with tmpfs(disk, "100k"), matrix(tmp_path, noise(12)) as steps:
        bigger = ["mount", "-o", "remount,size=1m", str(disk)]
        told = fails_then_completes(
            steps, [], disk / "out", lambda: subprocess.run(bigger, check=True)
        )
    assert "No space left" in told


# --- 42: two processes ---------------------------------------------------------------------------


def test_row_42_two_processes(tmp_path: Path) -> None:
    """The second leaves at once with exit code 6; a killed first one leaves no lock."""
    path = write_config(tmp_path, ITEMS)
    slow = True

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        while slow and "cursor" in parameters:
            time.sleep(0.005)
        return chain(3)(path, parameters)

    with Scripted(respond) as server:
        arguments = command(path, server.base_url, tmp_path / "out")
        first = subprocess.Popen(arguments, env=ENVIRONMENT)
        while len(server.asked) < 2:
            time.sleep(0.005)
        try:
            second = run(arguments, timeout=10)
            assert second.returncode == 6
            assert f"another run (process {first.pid}) is harvesting" in second.stderr
            assert len(server.asked) == 2
        finally:
            first.kill()
            slow = False
        assert first.wait() == -signal.SIGKILL
        assert run(arguments).returncode == 0
    assert status(tmp_path / "out").complete
    assert verify(tmp_path / "out", deep=True).parts == 3


# --- 44: many pages ------------------------------------------------------------------------------

_MEASURED = """
import os, sys
from pathlib import Path
from harvester import harvest, load_config
from harvester import PageCommitted

def measure():
    status = Path("/proc/self/status").read_text()
    print(status.split("VmRSS:")[1].split()[0], len(os.listdir("/proc/self/fd")), flush=True)

def on_event(event):
    if isinstance(event, PageCommitted) and event.checkpoint.pages in (500, 10_000):
        measure()

path, base_url, out = sys.argv[1:]
config = load_config(path, base_url=base_url, set=["output.fsync=false"], env={})
sys.exit(harvest(config, out=Path(out), on_event=on_event).exit_code)
"""


def serve_chain(listener: socket.socket, pages: int) -> None:
    """A chain of pages on one connection, as fast as Python goes: no http.server in between."""
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        for number in range(1, pages + 1):
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                asked += connection.recv(65536)
            assert number == 1 or f"cursor={number} ".encode() in asked
            following = f'"{number + 1}"' if number < pages else "null"
            body = f'{{"data": [{number}], "next": {following}}}'
            connection.sendall(
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )


def test_row_44_ten_thousand_pages(tmp_path: Path) -> None:
    """Memory and open files are those of the five-hundredth page."""
    path = write_config(tmp_path, ITEMS)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)  # a harvest that does not begin must not hang the test
        server = threading.Thread(target=serve_chain, args=(listener, 10_000))
        server.start()
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        # In memory where possible: some disks take a millisecond to make a file.
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as out:
            ended = run([sys.executable, "-c", _MEASURED, str(path), base_url, f"{out}/out"])
        server.join()
    assert ended.returncode == 0, ended.stderr
    (early_kb, early_files), (late_kb, late_files) = (
        map(int, line.split()) for line in ended.stdout.splitlines()
    )
    assert late_files == early_files
    assert late_kb - early_kb < 2048
