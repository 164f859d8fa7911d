"""Stdout and stderr that are closed, full or without a reader: the work is done all the same."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import ENVIRONMENT, ITEMS, Scripted, chain, write_config

HARVESTER = (sys.executable, "-m", "harvester")
FULL = Path("/dev/full")


def harvester(
    *arguments: str | Path, closed: tuple[int, ...] = (), **streams: object
) -> subprocess.CompletedProcess[str]:
    """Run a command whose streams of those numbers are closed, and not only empty."""

    def close() -> None:
        for number in closed:
            os.close(number)

    options: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [*HARVESTER, *map(str, arguments)],
        env=ENVIRONMENT, text=True, timeout=60, check=False, preexec_fn=close,
        **options,
    )  # fmt: skip
    return done


@pytest.fixture(scope="module")
def harvested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete harvest of nine records."""
    folder = tmp_path_factory.mktemp("harvested")
    with Scripted(chain(3)) as server:
        done = harvester(
            "run", write_config(folder, ITEMS), "--out", folder / "out", "--base-url",
            server.base_url, "--progress", "none",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "out"


def parts(out: Path) -> list[bytes]:
    """Every file of a harvest but those that name a time or a process."""
    return [path.read_bytes() for path in sorted(out.rglob("part-*"))]


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("progress", ["plain", "none"])
def test_row_98_a_run_without_streams(
    closed: tuple[int, ...], progress: str, harvested: Path, tmp_path: Path
) -> None:
    """As a daemon starts it. No message is written into a file that got the number of a stream."""
    out = tmp_path / "out"
    with Scripted(chain(3)) as server:
        done = harvester(
            "run", write_config(tmp_path, ITEMS), "--out", out, "--base-url", server.base_url,
            "--progress", progress, closed=closed,
        )  # fmt: skip
    assert done.returncode == 0
    assert parts(out) == parts(harvested)
    assert harvester("verify", out, "--deep").returncode == 0


ANSWERING = [
    ["status"], ["status", "--json"], ["verify"], ["verify", "--json"], ["records"],
]  # fmt: skip


@pytest.mark.parametrize("words", ANSWERING, ids=" ".join)
def test_row_98_an_answer_into_a_closed_stdout(words: list[str], harvested: Path) -> None:
    """It is lost, and that is said: exit code 4, as for any want of the machine's."""
    done = harvester(words[0], harvested, *words[1:], closed=(1,))
    assert done.returncode == 4
    assert done.stderr.startswith("error: stdout: it is closed; the answer is not whole there")


@pytest.mark.parametrize("words", [*ANSWERING, ["check"], ["plan", "--json"], ["schema"], ["help"]],
                         ids=" ".join)  # fmt: skip
def test_row_98_an_answer_onto_a_full_disk(
    words: list[str], harvested: Path, tmp_path: Path
) -> None:
    """As `records > file` where the disk is full: never half a file and exit code 0."""
    of_yaml = words[0] in ("check", "plan")
    given = write_config(tmp_path, ITEMS) if of_yaml else harvested
    named = [given] if words[0] not in ("schema", "help") else []
    with FULL.open("w") as full:
        done = harvester(words[0], *named, *words[1:], stdout=full)
    assert done.returncode == 4
    assert os.strerror(errno.ENOSPC) in done.stderr
    assert "Traceback" not in done.stderr


def test_row_98_a_run_whose_json_is_lost(tmp_path: Path) -> None:
    """The harvest is complete; that its summary did not come through is told by the exit code."""
    with Scripted(chain(3)) as server, FULL.open("w") as full:
        done = harvester(
            "run", write_config(tmp_path, ITEMS), "--out", tmp_path / "out", "--base-url",
            server.base_url, "--progress", "none", "--json", stdout=full,
        )  # fmt: skip
    assert done.returncode == 4
    state = json.loads(harvester("status", tmp_path / "out", "--json").stdout)
    assert state["complete"]


def nobody() -> int:
    """The write end of a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("words", [*ANSWERING, ["help"]], ids=" ".join)
def test_row_98_a_reader_that_is_gone(words: list[str], harvested: Path) -> None:
    """As `… | head` leaves it: quiet, and nothing is wrong."""
    writer = nobody()
    named = [harvested] if words[0] != "help" else []
    done = harvester(words[0], *named, *words[1:], stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_row_98_a_reader_that_is_gone_hides_no_damage(harvested: Path, tmp_path: Path) -> None:
    """`verify … | head -n 0` of a damaged harvest still ends with 5."""
    out = tmp_path / "out"
    subprocess.run(["cp", "-r", harvested, out], check=True)
    next(out.rglob("part-000002*")).unlink()
    writer = nobody()
    done = harvester("verify", out, stdout=writer)
    os.close(writer)
    assert done.returncode == 5


@pytest.mark.parametrize(
    "stderr", [lambda: os.open(FULL, os.O_WRONLY), nobody], ids=["full", "gone"]
)
@pytest.mark.parametrize("progress", ["plain", "none"])
def test_row_98_messages_that_cannot_be_told(
    stderr: Callable[[], int], progress: str, tmp_path: Path
) -> None:
    """The harvest goes on without them, to the exit code that it earns."""
    number = stderr()
    with Scripted(chain(3)) as server:
        done = harvester(
            "run", write_config(tmp_path, ITEMS), "--out", tmp_path / "out", "--base-url",
            server.base_url, "--progress", progress, stderr=number,
        )  # fmt: skip
    os.close(number)
    assert done.returncode == 0
    assert len(harvester("records", tmp_path / "out").stdout.splitlines()) == 9


def test_records_stop_where_nobody_reads(harvested: Path) -> None:
    """A reader that is gone ends the reading of the parts, too: nothing is read for nobody."""
    code = (
        "import os, sys\n"
        "from harvester.terminal import rendering, streams\n"
        "streams.open_missing()\n"
        "taken = []\n"
        "blocks = (taken.append(n) or b'x' * 100_000 for n in range(1000))\n"
        "rendering.write_blocks(blocks)\n"
        "print(len(taken), file=sys.stderr)"
    )
    writer = nobody()
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert int(done.stderr) == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8:strict"])
def test_a_stream_of_another_charset(encoding: str, tmp_path: Path) -> None:
    """What it cannot show is escaped, never an error; JSON stays JSON."""
    path = write_config(tmp_path, ITEMS.replace("[a]", '["caf\\u00e9 \\u2603"]'))
    env = {**ENVIRONMENT, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for words in (["plan"], ["plan", "--json"]):
        done = subprocess.run(
            [*HARVESTER, *words, str(path)], env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.decode(encoding.partition(":")[0]))
    assert told["partitions"][0]["partition"] == {"shard": "café ☃"}
