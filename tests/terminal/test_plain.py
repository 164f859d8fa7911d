"""Plain lines for logs and cron."""

import io
from datetime import UTC, datetime

import pytest

from harvester.engine.events import (
    BytesArrived,
    Event,
    PartitionDone,
    PartitionLost,
    PartitionPaused,
    Waiting,
)
from harvester.model.partitions import Partition
from harvester.store.checkpoint import Checkpoint
from harvester.terminal.plain import PlainDisplay
from tests.story import Story


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
