"""What the live display says, and how it behaves on terminals of every kind."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harvester.engine.events import (
    AttemptLost,
    BytesArrived,
    PageCommitted,
    PartitionStarted,
    Waiting,
)
from harvester.model.partitions import Partition
from harvester.model.phrases import width
from harvester.model.window import Window
from harvester.store.checkpoint import Checkpoint
from harvester.terminal.frame import Columns, frame
from harvester.terminal.live import LiveDisplay
from tests.story import Story, config
from tests.support import ENVIRONMENT, ITEMS, Scripted, chain, entry, write_config


def test_what_each_partition_does_is_said() -> None:
    """Receiving, waiting and why, retrying and why, asking."""
    story = Story()
    for shard in "abcd":
        story.start(shard)
    a, b, c, d = (active.partition for active in story.progress.active())
    story.tell(
        BytesArrived(a, 1_000_000, 3_200_000),
        Waiting(b, 42, "the server's rate limit is used up"),
        AttemptLost(c, 1, "the gzip body was cut", 3),
    )
    story.commit(d)
    lines = story.lines()
    assert lines[0] == "items → out"
    assert lines[1].split() == ["partition", "pages", "records", "stored"]
    doing = [re.split(r"bytes  ", line)[1] for line in lines[2:6]]
    assert doing == [
        "receiving 3.2 MB",
        "waiting 42 s: the server's rate limit is used up",
        "retrying in 3 s: the gzip body was cut",
        "asking for page 2",
    ]
    assert lines[6] == "0 of 4 partitions"


def test_short_waits_are_not_shown() -> None:
    """A pace of one request a second would otherwise flicker."""
    story = Story()
    story.tell(Waiting(story.start("a"), 0.9, "rate_limit of 1 per 1 s"))
    assert story.lines()[2].endswith("asking for page 1")


def test_a_line_keeps_its_place() -> None:
    """The partition that follows one that ended takes its line; the others do not move."""
    story = Story()
    first = story.start("a")
    story.start("b")
    story.commit(first, done=True)
    story.start("c")
    assert [line.split()[0] for line in story.lines()[2:4]] == ["c", "b"]


def test_more_partitions_than_lines_are_summed_up() -> None:
    """A terminal of ten rows and thirty workers."""
    story = Story(partitions=30)
    for shard in range(30):
        story.start(str(shard))
    lines = story.lines(rows=10)
    assert len(lines) < 10
    assert "and 27 more at work: 27 asking" in lines


def test_no_more_than_sixteen_lines_however_large_the_terminal() -> None:
    """A hundred workers do not push away what was on the screen."""
    story = Story(partitions=100)
    for shard in range(100):
        partition = story.start(str(shard))
        if shard >= 70:
            story.tell(Waiting(partition, 30, "the server's rate limit is used up"))
    lines = story.lines(rows=60)
    assert len(lines) < 22
    assert "and 85 more at work: 55 asking, 30 waiting" in lines


def test_what_does_not_fit_is_said_briefly() -> None:
    """Forty columns: the share instead of the bar, windows by their beginning."""
    story = Story(configuration=config("total"))
    window = Window(datetime(2021, 5, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC))
    partition = Partition("items", {"shard": "from:nasa", "window": window})
    story.tell(PartitionStarted(partition, Checkpoint(total=20, records=5, started=True)))
    story.tell(Waiting(partition, 42, "the server's rate limit is used up"))
    assert story.lines(39)[1:3] == [
        "partition",
        "from:nasa 2021-05-01   25%  wait 42 s",
    ]
    assert story.lines(79)[2].startswith(
        "from:nasa 2021-05-01  ━━╸───────   25%      0  waiting 42 s: "
    )
    assert story.lines(120)[2].startswith("from:nasa 2021-05-01_2021-06-01  ━")


def test_the_display_costs_less_than_three_percent_of_a_processor() -> None:
    """Five seconds of a hundred partitions with 2,000 pages a second between them, in frames of
    a real console; the best of a few tries, as others use the machine as well.
    """
    story = Story(partitions=100)
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=40)
    display = LiveDisplay(story.progress, console)
    partitions = [story.start(str(shard)) for shard in range(100)]
    commits = []
    for partition in partitions:
        at = story.checkpoints[id(partition)]
        at.add(entry(1, part="p"))
        commits.append(PageCommitted(partition, entry(1, part="p"), at))

    def five_seconds() -> float:
        began = time.thread_time()
        for _ in range(5 * 4):
            for commit in commits * 5:
                display.take(commit)
            story.clock.now += 0.25
            console.print(display.lines())
        return time.thread_time() - began

    assert min(five_seconds() for _ in range(5)) < 5 * 0.03


def test_the_wish_to_end_is_shown() -> None:
    """Ctrl-C was seen; nobody need press it again, but may."""
    story = Story()
    story.progress.ending = True
    assert story.lines()[0].startswith("ending after the current chunk; Ctrl-C again")


@given(
    columns=st.integers(20, 200),
    rows=st.integers(5, 60),
    shards=st.lists(st.text(max_size=50), max_size=40),
)
def test_no_line_is_wider_than_the_terminal(columns: int, rows: int, shards: list[str]) -> None:
    """Whatever partitions are called, however small the terminal: nothing wraps or scrolls."""
    story = Story(partitions=len(shards))
    for place, shard in enumerate(shards):
        partition = story.start(shard)
        story.commit(partition, place % 3)
        story.tell(AttemptLost(partition, 1, shard, 5))
    lines = frame(story.progress, Columns(), columns, rows)
    assert all(line.cell_len <= columns for line in lines)
    assert all("\n" not in line.plain for line in lines)
    assert len(lines) < max(rows, 13)


@pytest.mark.parametrize("language", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_a_locale_without_unicode_gets_ascii(language: str, tmp_path: Path) -> None:
    """No byte above 127 reaches the terminal, neither live nor on the last screen."""
    with Scripted(chain(3)) as server:
        code, written = _on_terminal(
            ["run", str(write_config(tmp_path, ITEMS)), "--out", str(tmp_path / "o"),
             "--base-url", server.base_url, "--set", "resources.items.partitions.shard=[köln]"],
            60,
            {"LANG": language, "LC_ALL": "", "LC_CTYPE": "", "PYTHONUTF8": ""},
        )  # fmt: skip
    assert code == 0
    assert written.isascii()
    assert "items\x1b[0m\x1b[2m > " in written
    assert "Complete: 1 partition" in written


def _on_terminal(arguments: Sequence[str], columns: int, env: dict[str, str]) -> tuple[int, str]:
    """Run a command whose stderr is a terminal of that width; its exit code and what it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    # Where tests run side by side, these say how wide another terminal is.
    sized = {key: each for key, each in ENVIRONMENT.items() if key not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "harvester", *arguments],
        env={**sized, "TERM": "xterm-256color", **env},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux's way of saying that the other end is closed
            break
        if not chunk:
            break
        written += chunk
    os.close(ours)
    return process.wait(30), written.decode()


@pytest.mark.parametrize("columns", [40, 100])
def test_a_run_on_a_terminal_is_live_and_leaves_only_the_last_screen(
    columns: int, tmp_path: Path
) -> None:
    """No line of a frame wraps, the frames are gone in the end, and the cursor is never hidden:
    SIGKILL would leave the terminal without one.
    """
    config_file = write_config(tmp_path, ITEMS)
    with Scripted(chain(20)) as server:
        code, written = _on_terminal(
            ["run", str(config_file), "--out", str(tmp_path / "o"), "--base-url", server.base_url],
            columns,
            {},
        )
    assert code == 0
    assert "\x1b[?25l" not in written
    live, mark, last = written.partition("\x1b[1;32m")
    last = mark + last
    frames = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", live)
    assert "of 1 partition" in frames
    assert all(width(line) < columns for line in re.split(r"[\r\n]+", frames))
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", last)
    assert "Complete: 1 partition, 20 pages, 60 records." in " ".join(told.split())
    assert "\x1b[1;32mComplete" in last


def test_no_color_is_heeded(tmp_path: Path) -> None:
    """NO_COLOR takes the colours away and leaves the display."""
    with Scripted(lambda path, parameters: chain(1)("", {})) as server:
        _, written = _on_terminal(
            ["run", str(write_config(tmp_path, ITEMS)), "--out", str(tmp_path / "o"),
             "--base-url", server.base_url],
            80,
            {"NO_COLOR": "1"},
        )  # fmt: skip
    assert "\x1b[2K" in written
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", written)


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    """TERM=dumb, as in an editor's shell, cannot redraw."""
    with Scripted(chain(1)) as server:
        _, written = _on_terminal(
            ["run", str(write_config(tmp_path, ITEMS)), "--out", str(tmp_path / "o"),
             "--base-url", server.base_url],
            80,
            {"TERM": "dumb"},
        )  # fmt: skip
    assert "\x1b" not in written
    assert "items: harvesting 1 partition into" in written
