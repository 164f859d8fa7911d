"""What a person sees of a run: the numbers, the live lines, the plain lines, the last screen."""

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

from harvester import harvest
from harvester.config import Config
from harvester.config.load import load_config, parse_config
from harvester.emulator import UNLIMITED, Emulator
from harvester.errors import DiskError, Interrupted, RunStopped
from harvester.events import (
    AttemptLost,
    BytesArrived,
    Event,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    PartitionStarted,
    RunStarted,
    Waiting,
    Warned,
)
from harvester.journal import Checkpoint
from harvester.partitions import Partition
from harvester.summary import Failure, PartitionCounts, ResourceSummary, Summary
from harvester.templates import Window
from harvester.terminal.closing import closing, standing
from harvester.terminal.frame import Columns, frame
from harvester.terminal.live import LiveDisplay
from harvester.terminal.phrases import (
    duration,
    fit,
    fit_ends,
    number,
    printable,
    size,
    table,
    width,
)
from harvester.terminal.plain import PlainDisplay
from harvester.terminal.progress import Progress
from tests.support import ENVIRONMENT, ITEMS, SEARCH, Scripted, chain, entry, write_config


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def config(total_path: str | None = None) -> Config:
    """One resource; with `total_path`, one of numbered pages."""
    text = ITEMS
    if total_path:
        text = re.sub(
            r"paginator: .*", f"paginator: {{type: page_number, total_path: {total_path}}}", text
        )
    return parse_config(text, "items.yaml", env={})


class Story:
    """Tells a `Progress` of partitions that are worked on."""

    def __init__(self, partitions: int = 4, configuration: Config | None = None) -> None:
        self.clock = Clock()
        self.progress = Progress(configuration or config(), self.clock)
        self.checkpoints: dict[int, Checkpoint] = {}
        self.tell(RunStarted("items", "out", partitions))

    def tell(self, *events: Event) -> None:
        """Let these happen."""
        for event in events:
            self.progress.take(event)

    def start(self, shard: str, checkpoint: Checkpoint | None = None) -> Partition:
        """A worker takes up a partition."""
        partition = Partition("items", {"shard": shard})
        self.checkpoints[id(partition)] = at = checkpoint or Checkpoint()
        self.tell(PartitionStarted(partition, at))
        return partition

    def commit(self, partition: Partition, pages: int = 1, *, done: bool = False) -> None:
        """Pages of three records, 100 bytes of JSON and 10 on disk are committed."""
        at = self.checkpoints[id(partition)]
        for _ in range(pages):
            page = entry(at.seq + 1, part="p", stored_bytes=10)
            at.add(page)
            self.tell(PageCommitted(partition, page, at))
        if done:
            self.tell(PartitionDone(partition, at))

    def lines(self, columns: int = 110, rows: int = 30) -> list[str]:
        """A frame as text."""
        return [line.plain for line in frame(self.progress, Columns(), columns, rows)]


# --- Phrases -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (83, "1 min 23 s"), (7500, "2 h 5 min"),
     (93_600, "1 d 2 h"), (-3, "0 s")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    """The two largest units."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_499, "999 kB"),
     (999_500, "1.0 MB"), (3_200_000, "3.2 MB"), (5e21, "5000000 PB")],
)  # fmt: skip
def test_size(count: float, text: str) -> None:
    """Powers of ten, never more digits than are worth reading."""
    assert size(count) == text


def test_number_has_its_noun() -> None:
    """One page, two pages, no pages."""
    assert [number(count, "page") for count in (0, 1, 2000)] == ["0 pages", "1 page", "2,000 pages"]


def test_printable_takes_out_what_a_terminal_obeys() -> None:
    """Escape sequences, bells, and text that turns the reading direction around."""
    assert printable("a\x1b[2Jb\x07c\u202ed\ne") == "a\ufffd[2Jb\ufffdc\ufffdd\ne"


@given(
    st.text(alphabet=st.characters(exclude_categories=("C", "M")), max_size=40), st.integers(0, 30)
)
def test_cut_text_is_never_too_wide(text: str, cells: int) -> None:
    """At the end or in the middle, also of text whose characters take two cells."""
    for cut in (fit(text, cells), fit_ends(text, cells)):
        assert width(cut) <= cells
        assert cut == text or width(text) > cells


def test_cut_in_the_middle_keeps_both_ends() -> None:
    """What tells partitions apart is the query at one end and the window at the other."""
    assert fit_ends("from:nasa 2021-01-01_2021-02-01", 17) == "from:nas…21-02-01"


def test_a_table_becomes_blocks_where_it_does_not_fit() -> None:
    """Numbers stand to the right; on a narrow terminal each row is a block."""
    header, rows = ("name", "pages"), [("a", "5"), ("long-name", "1,200")]
    assert table(header, rows).splitlines() == [
        "name       pages",
        "a              5",
        "long-name  1,200",
    ]
    assert table(header, rows, 10).splitlines() == [
        "a",
        "  pages  5",
        "long-name",
        "  pages  1,200",
    ]


# --- Numbers -------------------------------------------------------------------------------------


def test_pages_of_earlier_runs_are_told_apart_from_new_ones() -> None:
    """The totals are the folder's, the new ones are this run's."""
    story = Story()
    earlier = Checkpoint()
    earlier.add(entry(1, part="p"))
    story.commit(story.start("a", earlier), 2)
    progress = story.progress
    assert (progress.pages, progress.records) == (3, 9)
    assert (progress.new_pages, progress.new_records) == (2, 6)


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    """Bytes on their way count as they come, and not a second time when the page is committed."""
    story = Story()
    partition = story.start("a")
    story.clock.now += 10
    story.tell(BytesArrived(partition, 10, 60))
    story.commit(partition)  # its page has 100 bytes
    assert story.progress.rate() == pytest.approx(10)
    story.clock.now += 11
    assert story.progress.rate() == 0


def test_only_time_in_which_all_wait_is_waiting_time() -> None:
    """One partition that goes on is enough for the run not to be waiting."""
    story = Story()
    first, second = story.start("a"), story.start("b")
    story.tell(Waiting(first, 30, "the budget"))
    story.clock.now += 10
    story.tell(Waiting(second, 30, "the budget"))
    story.clock.now += 50
    assert story.progress.waiting_s() == pytest.approx(20)  # until the first of them goes on
    assert story.progress.waited_s == {"the budget": pytest.approx(20)}


def test_no_estimate_before_partitions_have_ended() -> None:
    """One partition that ended tells nothing yet, and partitions done before tell nothing ever."""
    story = Story(partitions=5)
    complete = Checkpoint(done=True, started=True)
    story.tell(PartitionDone(story.start("a", complete), complete))
    story.clock.now += 10
    story.commit(story.start("b"), 5, done=True)
    assert story.progress.left_s() is None
    story.clock.now += 10
    story.commit(story.start("c"), 5, done=True)
    assert story.progress.left_s() == pytest.approx(20)  # two in 20 s, two are left


def test_partitions_at_work_count_by_the_pages_of_those_that_ended() -> None:
    """Half of the usual pages are half a partition; never a whole one before it has ended."""
    story = Story(partitions=4)
    for shard in "ab":
        story.commit(story.start(shard), 10, done=True)
    third = story.start("c")
    story.commit(third, 5)
    assert story.progress.share() == pytest.approx(2.5 / 4)
    story.commit(third, 50)
    assert story.progress.share() == pytest.approx(2.9 / 4)


def test_a_resumed_partition_is_not_taken_for_work_of_this_run() -> None:
    """Half of it was there before: the other half in ten seconds needs no further ten."""
    story = Story(partitions=1, configuration=config("total"))
    at = Checkpoint(first_total=100, seq=50, pages=50, started=True)
    partition = story.start("a", at)
    story.clock.now += 10
    story.commit(partition, 25)
    assert story.progress.share() == pytest.approx(0.75)
    assert story.progress.left_s() == pytest.approx(10)


def test_a_wrong_total_gives_no_share() -> None:
    """More came than the server claimed: nobody knows how much there is."""
    story = Story(partitions=1, configuration=config("total"))
    story.start("a", Checkpoint(first_total=8, seq=9, pages=9, started=True))
    (active,) = story.progress.active()
    assert active.share is None
    assert story.progress.share() is None


def test_pages_of_a_window_tell_how_far_they_have_come(tmp_path: Path) -> None:
    """The emulator's search, newest first, by the ids that it names: the share only grows, comes
    near to the end, and gives an estimate before any partition has ended.
    """
    text = SEARCH.replace(
        "    data_selector:", "    progress_path: meta.oldest_id\n    data_selector:"
    )
    with Emulator(tweets=4000, bearer="demo", rate_limit=UNLIMITED) as emulator:
        loaded = load_config(write_config(tmp_path, text), base_url=emulator.base_url, env={})
        progress = Progress(loaded)
        shares: dict[str, list[float]] = {}
        estimates = []

        def take(event: Event) -> None:
            progress.take(event)
            if isinstance(event, PageCommitted):
                for active in progress.active():
                    if active.share is not None:
                        shares.setdefault(active.title, []).append(active.share)
                if not progress.ended_now:
                    estimates.append(progress.left_s())

        harvest(loaded, out=tmp_path / "out", on_event=take)
    assert len(shares) == 4
    for told in shares.values():
        assert told == sorted(told)
        assert told[0] < 0.5 < 0.8 < told[-1] <= 0.99
    assert any(estimates)


def test_a_total_of_the_server_gives_a_share() -> None:
    """For numbered pages it is a total of pages."""
    story = Story(configuration=config("total"))
    at = Checkpoint(first_total=8, seq=2, pages=2, started=True)
    story.start("a", at)
    (active,) = story.progress.active()
    assert active.share == 0.25
    assert " 25%" in "\n".join(story.lines())


def test_an_empty_plan_has_no_share() -> None:
    """Nothing of nothing is not zero percent."""
    assert Story(partitions=0).progress.share() is None


def test_notices_come_once_and_not_without_end() -> None:
    """Each failure and warning once; after fifty, that there are more."""
    story = Story()
    failure = PartitionLost(Partition("items", {"shard": "a"}), "page 1:\n\x1b[31mgone")
    assert story.progress.notice(failure) == "failed: page 1: \ufffd[31mgone"
    assert story.progress.notice(failure) is None
    told = [
        story.progress.notice(Warned(Partition("items", {"shard": str(place)}), "odd"))
        for place in range(100)
    ]
    assert told[0] == "warning: items shard=0: odd"
    assert [line for line in told if line][
        -1
    ] == "more failures and warnings are counted, not shown"
    assert sum(line is not None for line in told) == 50


def test_a_partition_that_failed_before_it_began_is_counted() -> None:
    """Its journal could not be opened, so nothing told of its start."""
    story = Story()
    story.tell(PartitionLost(Partition("items", {"shard": "a"}), "damaged"))
    assert story.progress.lost == 1


# --- Live lines ----------------------------------------------------------------------------------


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
    story = Story()
    window = Window(datetime(2021, 5, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC))
    partition = Partition("items", {"shard": "from:nasa", "window": window})
    story.tell(PartitionStarted(partition, Checkpoint(first_total=20, records=5, started=True)))
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
    process = subprocess.Popen(
        [sys.executable, "-m", "harvester", *arguments],
        env={**ENVIRONMENT, "TERM": "xterm-256color", **env},
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


# --- Plain lines ---------------------------------------------------------------------------------


class PlainStory(Story):
    """A story told by a `PlainDisplay`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.file = io.StringIO()
        self.display: PlainDisplay | None = None
        self.quiet = quiet
        super().__init__(partitions=10_000)

    def tell(self, *events: Event) -> None:
        """Let these happen."""
        if self.display is None:
            self.display = PlainDisplay(
                self.progress,
                quiet=self.quiet,
                file=self.file,
                clock=self.clock,
                now=lambda: datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC),
            )
        for event in events:
            self.display.take(event)

    @property
    def told(self) -> list[str]:
        """The lines written so far."""
        return self.file.getvalue().splitlines()


def test_plain_lines_have_their_time_and_come_at_the_start_and_at_ends() -> None:
    """What a log wants to know."""
    story = PlainStory()
    story.clock.now += 2
    story.commit(story.start("a"), 2, done=True)
    first, second = story.told
    assert first == "2021-05-06T07:08:09Z items: harvesting 10,000 partitions into out"
    assert second.startswith(
        "2021-05-06T07:08:09Z done (None): items shard=a, 2 pages, 6 records; 1 of 10,000"
    )


def test_thousands_of_partitions_that_end_make_few_lines() -> None:
    """At most one a second, whatever happens."""
    story = PlainStory()
    for place in range(5000):
        story.clock.now += 0.001
        story.commit(story.start(str(place)), done=True)
    assert len(story.told) <= 1 + 6


def test_partitions_that_were_complete_before_make_no_line() -> None:
    """A resumed run tells of what it does, not of what was done."""
    story = PlainStory()
    for place in range(100):
        story.clock.now += 0.01
        complete = Checkpoint(done=True, started=True)
        story.tell(PartitionDone(story.start(str(place), complete), complete))
    assert len(story.told) == 1


def test_a_page_that_takes_minutes_makes_a_line_every_ten_seconds() -> None:
    """So that a log shows that it is alive."""
    story = PlainStory()
    partition = story.start("a")
    for tenth in range(600):
        story.clock.now += 0.1
        story.tell(BytesArrived(partition, tenth, tenth * 1000))
    assert 1 + 5 <= len(story.told) <= 1 + 6


def test_a_long_wait_makes_one_line_for_all_who_wait() -> None:
    """With its reason; short ones make none."""
    story = PlainStory()
    for shard in "abcd":
        story.tell(Waiting(story.start(shard), 800, "the server's rate limit is used up"))
        story.tell(Waiting(story.start(shard + shard), 2, "rate_limit of 1 per 1 s"))
    assert [line[21:] for line in story.told[1:]] == [
        "waiting 13 min 20 s: the server's rate limit is used up"
    ]


def test_quiet_tells_only_what_goes_wrong() -> None:
    """`--progress none`."""
    story = PlainStory(quiet=True)
    partition = story.start("a")
    story.tell(PartitionPaused(partition, Checkpoint()), PartitionLost(partition, "gone"))
    assert [line[21:] for line in story.told] == ["failed: gone"]


def test_a_log_that_is_gone_does_no_harm() -> None:
    """A harvest does not end because nobody listens."""
    story = PlainStory()
    story.file.close()
    with pytest.raises(ValueError, match="closed file"):
        story.file.write("x")

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    display = PlainDisplay(story.progress, file=Gone())
    display.take(PartitionLost(Partition("items", {"shard": "a"}), "gone"))


# --- The last screen -----------------------------------------------------------------------------


def summary(*, complete: int = 2, failed: int = 0, pending: int = 0) -> Summary:
    """The state of one resource."""
    counts = PartitionCounts(complete + failed + pending, complete, failed, pending)
    item = ResourceSummary("items", counts, 5, 1500, 2_000_000, 500_000, 7, 2)
    failures = [
        Failure("items", {"shard": str(place)}, f"items shard={place}: gone", None)
        for place in range(failed)
    ]
    return Summary("items", [item], failures)


def test_the_last_screen_of_a_complete_run() -> None:
    """What came, and what it took."""
    text = closing(summary(), Story().progress, None)
    assert text.splitlines() == [
        "Complete: 2 partitions, 5 pages, 1,500 records.",
        "",
        "resource  partitions  pages  records    JSON  on disk",
        "items         2 of 2      5    1,500  2.0 MB   500 kB",
        "",
        "This run: 0 pages, 0 records, 7 requests (2 attempts failed), 0 s.",
    ]


def test_the_last_screen_tells_of_waiting_by_reason() -> None:
    """The longest wait first."""
    story = Story()
    partition = story.start("a")
    story.tell(Waiting(partition, 5, "the budget"))
    story.clock.now += 5
    story.tell(Waiting(partition, 60, "the window"))
    story.clock.now += 60
    text = closing(summary(), story.progress, None)
    assert "Of these 1 min 5 s waiting: 1 min the window; 5 s the budget." in text


def test_failures_are_listed_up_to_ten() -> None:
    """The rest is counted, and where to find it is said."""
    text = closing(summary(failed=12, pending=1), Story().progress, None)
    assert text.startswith("12 of 15 partitions failed, 1 pending; every page committed is kept.")
    assert text.count(": gone") == 10
    assert "… and 2 more: see `harvester status --json`" in text


def test_what_was_not_finished_is_named() -> None:
    """With what is there of it; the rest is counted."""
    story = Story(partitions=9)
    for shard in "abcdefg":
        story.commit(story.start(shard))
    state = summary(complete=0, pending=9)
    state.ended_by = Interrupted("interrupted")
    lines = closing(state, story.progress, 80).splitlines()
    place = lines.index("Not finished:")
    assert lines[place + 1] == "  items shard=a: 1 page, 3 records"
    assert lines[place + 6] == "  … and 4 more partitions"


def test_the_last_screen_breaks_between_words() -> None:
    """On a terminal of forty columns no word is cut in two."""
    text = closing(summary(failed=1), Story().progress, 40)
    assert all(width(line) <= 40 for line in text.splitlines())
    assert "This run: 0 pages, 0 records, 7 requests\n  (2 attempts failed), 0 s." in text


@pytest.mark.parametrize(
    ("ended_by", "told"),
    [
        (Interrupted("interrupted"), "Interrupted; everything committed is kept."),
        (RunStopped("429 UsageCapExceeded"), "  429 UsageCapExceeded"),
        (DiskError("out: No space left on device"), "  out: No space left on device"),
    ],
    ids=["interrupted", "stopped", "disk"],
)
def test_what_ended_a_run_early_is_said(
    ended_by: Interrupted | RunStopped | DiskError, told: str
) -> None:
    """First of all, with what is kept."""
    state = summary(complete=1, pending=1)
    state.ended_by = ended_by
    text = closing(state, Story().progress, None)
    assert told in text.splitlines()
    assert "everything committed is kept" in text.splitlines()[0]


def test_other_resources_may_be_left() -> None:
    """A run of one resource does not claim to have done all."""
    text = closing(summary(pending=3), Story().progress, None)
    assert text.startswith("Done with what was asked for; 3 other partitions are pending.")


def test_standing_tells_what_is_pending_and_failed() -> None:
    """For `status`."""
    text = standing(summary(failed=1, pending=2), None)
    assert text.startswith("items: not complete: 2 partitions pending, 1 failed.")
    assert text.endswith("Failed:\n  items shard=0: gone")


def test_standing_of_an_empty_plan() -> None:
    """Complete, and why."""
    text = standing(Summary("items", [ResourceSummary("items")]), None)
    assert "complete, with nothing to harvest" in text
