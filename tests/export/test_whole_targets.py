"""Export targets: a file that exists is complete, whatever ends the export that writes it."""

import gzip
import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import feather

from harvester.errors import ConfigError, DataRefused, FolderLocked
from harvester.export import WRITERS, Step, export
from harvester.store.journal import Journal
from harvester.store.journal_lines import read_header
from harvester.store.parts import Part
from tests.export.shop import harvest_of, names_in, numbers_in, replace_page, rows_of, table_in
from tests.support import ENVIRONMENT, entry

# --- A target that exists is complete ------------------------------------------------------------


def test_an_existing_target_is_left_alone(tmp_path: Path) -> None:
    """Refused before anything is read, unless --force; an error leaves the old file."""
    out, target = tmp_path / "out", tmp_path / "o.jsonl"
    harvest_of(out, {"orders": [[{"a": 1}]]})
    target.write_text("mine")
    with pytest.raises(ConfigError, match="exists, and was left as it is; --force replaces it"):
        export(out, target)
    assert target.read_text() == "mine"
    next(out.rglob("part-*.gz")).write_bytes(b"damaged")
    with pytest.raises(DataRefused, match="harvester verify"):
        export(out, target, force=True)
    assert target.read_text() == "mine"
    assert names_in(tmp_path) == ["o.jsonl", "out"]


def test_a_page_with_other_records_than_committed_is_refused(tmp_path: Path) -> None:
    """The journal knows how many there must be."""
    [partition] = harvest_of(tmp_path / "out", {"orders": [[]]})
    replace_page(tmp_path / "out" / partition.folder, b'{"data":[1,2]}', 3)
    with pytest.raises(DataRefused, match="2 records, the journal says 3"):
        export(tmp_path / "out", tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "o.ods",
            f"name a file that ends in one of {', '.join(WRITERS)}",
        ),
        (".csv", "name a file that ends in"),
        ("nowhere/o.csv", "there is no folder"),
        ("out", "name a file that ends in"),
    ],
)
def test_impossible_targets(target: str, told: str, tmp_path: Path) -> None:
    """Each is told before anything is read."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]})
    with pytest.raises(ConfigError, match=re.escape(told)):
        export(tmp_path / "out", tmp_path / target)


def test_a_database_that_is_open_is_not_replaced(tmp_path: Path) -> None:
    """Its log would be played back into ours."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]})
    (tmp_path / "o.duckdb.wal").write_bytes(b"x")
    with pytest.raises(ConfigError, match="another program has the database open"):
        export(tmp_path / "out", tmp_path / "o.duckdb")


def test_one_export_at_a_time_to_a_target(tmp_path: Path) -> None:
    """A second one leaves at once, and the first comes to its end."""
    out, target = tmp_path / "out", tmp_path / "o.csv"
    harvest_of(out, {"orders": [[{"a": 1}]]})
    met: list[Step] = []

    def on_step(step: Step) -> None:
        if not met:
            with pytest.raises(FolderLocked, match="another export to this target"):
                export(out, target)
            met.append(step)

    export(out, target, on_step=on_step)
    assert met
    assert target.read_text() == "a\n1\n"


@pytest.mark.parametrize("ending", WRITERS)
def test_a_harvest_may_run_beside(ending: str, tmp_path: Path) -> None:
    """Pages committed after the beginning are not in it, though it reads the journal's folder
    twice; nor are those before a restart that was there, and those before a later one are.
    """
    out, target = tmp_path / "out", tmp_path / f"o{ending}"
    [partition] = harvest_of(out, {"orders": [[{"n": 1}], [{"n": 2}]]}, done=False)
    folder = out / partition.folder
    # The chain of cursors begins again, with a page behind that.
    header = read_header(folder)
    assert header is not None
    with Journal.open(folder, header, fsync=False) as journal:
        journal.append(entry(3, reason="restarted", cursor=None, next=None))
        commit(journal, 4, 3, {"n": 3, "x": {"a": 1}})

        def on_step(step: Step) -> None:
            if step.records == 0 and journal.checkpoint.seq == 4:
                journal.append(entry(5, reason="restarted", cursor=None, next=None))
                commit(journal, 6, 4, {"n": "other", "y": 1})

        done = export(out, target, on_step=on_step)
        assert journal.checkpoint.seq == 6
    assert done.records == {"orders": 1}
    assert numbers_in(target) == [3]


def commit(journal: Journal, seq: int, number: int, record: Any) -> None:
    """Append a page of one record."""
    with Part(journal.folder, number, fsync=False) as part:
        part.write(gzip.compress(json.dumps({"data": [record]}).encode()))
        stored = part.store()
    journal.append(entry(seq, part=stored.name, stored_bytes=stored.stored_bytes, records=1))


# --- From the command line -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Harvests of 4,000 and 32,000 records, by their number of pages."""
    text = "lorem ipsum dolor sit amet " * 4
    found = {}
    for pages in (4, 32):
        found[pages] = tmp_path_factory.mktemp("large") / "out"
        harvest_of(
            found[pages],
            {"orders": [[{"id": page * 1000 + n, "user": {"name": f"{page}/{n}", "n": [n, 1.5]},
                          "text": text} for n in range(1000)] for page in range(pages)]},
        )  # fmt: skip
    return found


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", "export", *map(str, arguments)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


#: The command line, which sends itself a signal when it has written 20,000 records.
_SIGNALLED = """
import os, signal, sys
from harvester.cli import main
from harvester.terminal.steps import Steps

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
number = int(sys.argv.pop())

def take(self, step):
    if step.phase == "writing" and step.records == 20_000:
        os.kill(os.getpid(), number)

Steps.take = take
main()
"""


def signalled(number: int, out: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """An export that gets a signal in the middle."""
    return subprocess.run(
        [sys.executable, "-c", _SIGNALLED, "export", str(out), str(target), str(number)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("ending", WRITERS)
def test_a_killed_export_leaves_no_target(
    ending: str, large: Mapping[int, Path], tmp_path: Path
) -> None:
    """SIGKILL in the middle of writing; the same command then puts the whole file there."""
    target = tmp_path / f"o{ending}"
    assert signalled(signal.SIGKILL, large[32], target).returncode == -signal.SIGKILL
    [left] = names_in(tmp_path)
    assert left.startswith(f".o{ending}.")
    assert left.endswith(".exporting")
    assert (tmp_path / left / "growing" / target.name).exists()
    done = run(large[32], target)
    assert (done.returncode, done.stdout) == (0, "")
    assert "32,000 records of orders" in done.stderr
    assert names_in(tmp_path) == [target.name]
    if ending == ".duckdb":
        assert len(table_in(target)[2]) == 32_000
    elif ending == ".parquet":
        assert len(rows_of(target)) == 32_000
    elif ending == ".feather":
        assert feather.read_table(target).num_rows == 32_000
    elif ending == ".xlsx":
        assert len(pd.read_excel(target)) == 32_000
    else:
        data = target.read_bytes()
        lines = gzip.decompress(data) if ending.endswith(".gz") else data
        assert lines.count(b"\n") == 32_000 + (ending == ".csv")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_export_leaves_nothing(
    number: int, large: Mapping[int, Path], tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM take away what was written, and exit with 130."""
    done = signalled(number, large[32], tmp_path / "o.csv")
    assert (done.returncode, done.stdout) == (130, "")
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == []


_PEAK = """
import resource, sys
from harvester.export import blocks, export, tables
tables.GROUP_BYTES = 1 << 18
blocks.BLOCK_BYTES = 1 << 16
export(sys.argv[1], sys.argv[2], dedupe=sys.argv[3:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow("memory")
@pytest.mark.parametrize(("ending", "keys"), [*((each, ()) for each in WRITERS), (".csv", ("id",))])
def test_memory_is_flat(
    ending: str, keys: Sequence[str], large: Mapping[int, Path], tmp_path: Path
) -> None:
    """Eight times the records, the same peak. Batches are made small, so that both fill some."""
    peaks = []
    for pages, out in large.items():
        found = subprocess.run(
            [sys.executable, "-c", _PEAK, out, tmp_path / f"{pages}{ending}", *keys],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        peaks.append(int(found.stdout.split()[-1]) / 1024)  # DuckDB may show a bar before
    # The records are 0.7 and 6 MB. DuckDB caches what it wrote, up to the limit it is given.
    assert peaks[1] - peaks[0] < (64 if ending == ".duckdb" else 4), peaks


@pytest.mark.parametrize("pages", [3, pytest.param(15, marks=pytest.mark.chore("20 s"))])
@pytest.mark.slow("memory")
def test_a_table_of_many_columns_is_written(pages: int, tmp_path: Path) -> None:
    """A database holds its rows until they make a group; what it may hold grows with the width."""
    page = [{f"k{i}": n * i for i in range(1500)} for n in range(1000)]
    harvest_of(tmp_path / "out", {"orders": [page] * pages})
    done = export(tmp_path / "out", tmp_path / "o.duckdb")
    assert done.records == {"orders": 1000 * pages}


_FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
from harvester.cli import main
main()
"""


@pytest.mark.parametrize(("ending", "keys"), [*((each, ()) for each in WRITERS), (".csv", ("id",))])
def test_a_full_disk_is_told(
    ending: str, keys: Sequence[str], large: Mapping[int, Path], tmp_path: Path
) -> None:
    """Here a limit to the size of files: exit code 4, and nothing is left."""
    arguments = ["export", str(large[32]), str(tmp_path / f"o{ending}")]
    arguments += [f"--dedupe={key}" for key in keys]
    done = subprocess.run(
        [sys.executable, "-c", _FULL, *arguments],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert f"error: {tmp_path / f'o{ending}'}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == []


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """Without pyarrow: what to install, before anything is read. CSV does without."""
    harvest_of(tmp_path / "out", {"orders": [[{"a": 1}]]})
    code = (
        "import sys; sys.modules['pyarrow'] = sys.modules['duckdb'] = None\n"
        "from harvester.cli import main; main()"
    )
    for ending, status in ((".parquet", 2), (".feather", 2), (".duckdb", 2), (".csv", 0)):
        found = subprocess.run(
            [sys.executable, "-c", code, "export", tmp_path / "out", tmp_path / f"o{ending}"],
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert found.returncode == status, found.stderr
        assert ("pip install 'api-harvester[export]'" in found.stderr) == bool(status)


def test_notes_and_errors_reach_stderr(tmp_path: Path) -> None:
    """A renamed column is told of, a person's mistake has exit code 2, and stdout stays empty."""
    harvest_of(tmp_path / "out", {"orders": [[{"id": 1, "ID": 2}]]})
    done = run(tmp_path / "out", tmp_path / "o.parquet", "--progress", "none")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "orders: the key 'ID' is the column 'ID_2'\n"
    wrong = run(tmp_path / "out", tmp_path / "o.parquet")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: ")
    assert run(tmp_path / "out", tmp_path / "x.csv", "--partition", "a").returncode == 2
    assert run(tmp_path, tmp_path / "x.csv").returncode == 5
