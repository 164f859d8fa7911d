"""The last screen of a run, and what `status` shows."""

from dataclasses import replace

import pytest

from harvester.engine.events import Waiting
from harvester.errors import DiskError, Interrupted, RunStopped
from harvester.model.phrases import width
from harvester.results.summary import Failure, PartitionCounts, ResourceSummary, Summary
from harvester.terminal.closing import last_screen, missing, standing
from tests.story import Story


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
    text = last_screen(summary(), Story().progress, None)
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
    text = last_screen(summary(), story.progress, None)
    assert "Of these 1 min 5 s waiting: 1 min the window; 5 s the budget." in text


def test_failures_are_listed_up_to_ten() -> None:
    """The rest is counted, and where to find it is said."""
    state = summary(failed=12, pending=1)
    state.failures = [
        replace(failure, error=failure.error + "!" * number)
        for number, failure in enumerate(state.failures)
    ]  # no two alike
    text = last_screen(state, Story().progress, None)
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
    lines = last_screen(state, story.progress, 80).splitlines()
    place = lines.index("Not finished:")
    assert lines[place + 1] == "  items shard=a: 1 page, 3 records"
    assert lines[place + 6] == "  … and 4 more partitions"


def test_the_last_screen_breaks_between_words() -> None:
    """On a terminal of forty columns no word is cut in two."""
    text = last_screen(summary(failed=1), Story().progress, 40)
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
    text = last_screen(state, Story().progress, None)
    assert told in text.splitlines()
    assert "everything committed is kept" in text.splitlines()[0]


def test_other_resources_may_be_left() -> None:
    """A run of one resource does not claim to have done all."""
    text = last_screen(summary(pending=3), Story().progress, None)
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


def test_failures_alike_take_one_line() -> None:
    """A thousand partitions that failed for one reason are told once, with a count and an example;
    what is different has lines of its own.
    """
    alike = [
        Failure(
            "items", {"shard": f"s{n}"},
            f"items shard=s{n}, page {n} (cursor c{n}): the server answered 500; {n} pages kept", n,
        )
        for n in range(1000)
    ]  # fmt: skip
    other = Failure("users", {}, "users, page 1: no page", None)
    lines = missing([other, *alike], None).splitlines()
    assert lines[0] == "Failed:"
    assert lines[1].startswith("  1,000 partitions of items alike, such as items shard=s0, page 0")
    assert lines[2:] == ["  users, page 1: no page"]
