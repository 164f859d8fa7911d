"""Where a run stands, told by its events: the numbers that the displays show."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import harvest
from harvester.config.load import load_config, parse_config
from harvester.emulator import UNLIMITED, Emulator
from harvester.engine.events import (
    BytesArrived,
    Event,
    PageCommitted,
    PartitionDone,
    PartitionLost,
    PartitionStarted,
    Waiting,
    Warned,
)
from harvester.model.partitions import Partition
from harvester.model.window import Window
from harvester.paging.page_fields import CURSOR, LARGEST, RUN_START
from harvester.store.checkpoint import Checkpoint
from harvester.terminal.progress import Progress
from tests.story import Story, config
from tests.support import ITEMS, SEARCH, entry, write_config


def test_pages_of_earlier_runs_are_told_apart_from_new_ones() -> None:
    """The totals are the folder's, the new ones are this run's."""
    story = Story()
    earlier = Checkpoint()
    earlier.add(entry(1, part="p"))
    story.commit(story.start("a", earlier), 2)
    progress = story.progress
    assert (progress.pages, progress.records) == (3, 9)
    assert (progress.new_pages, progress.new_records) == (2, 6)


def test_a_partition_that_another_worker_takes_up_counts_once() -> None:
    """One worker died with two pages told and one untold; another goes on behind them."""
    story = Story()
    story.commit(story.start("a"), 2)
    kept = Checkpoint()
    for number in (1, 2, 3):
        kept.add(entry(number, part="p"))
    again = story.start("a", kept)
    progress = story.progress
    assert (progress.pages, progress.records, progress.new_pages) == (3, 9, 3)
    assert len(progress.active()) == 1
    story.commit(again, done=True)
    assert (progress.pages, progress.new_records, progress.active()) == (4, 12, [])


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
    story = Story(partitions=1, configuration=config("pages"))
    at = Checkpoint(total=100, seq=50, pages=50, started=True)
    partition = story.start("a", at)
    story.clock.now += 10
    story.commit(partition, 25)
    assert story.progress.share() == pytest.approx(0.75)
    assert story.progress.left_s() == pytest.approx(10)


def test_a_wrong_total_gives_no_share() -> None:
    """More came than the server claimed: nobody knows how much there is."""
    story = Story(partitions=1, configuration=config("pages"))
    story.start("a", Checkpoint(total=8, seq=9, pages=9, started=True))
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


def test_what_is_new_since_a_run_is_a_stretch_of_time() -> None:
    """An incremental resource that comes oldest first is as far as the largest value seen."""
    year = 365 * 86_400
    now = datetime.now(UTC).timestamp()
    loaded = parse_config(
        ITEMS.replace("    data_selector:", "    incremental:\n      cursor_path: data[*].at\n"
        "      param: since\n      initial_value: 2020-01-01\n    data_selector:"),
        "items.yaml", env={},
    )  # fmt: skip
    story = Story(configuration=loaded)
    partition = Partition("items", {"shard": "a"}, {RUN_START: int(now - year)})
    at = Checkpoint()
    story.tell(PartitionStarted(partition, at))
    for seq, largest in enumerate([now - year, now - year / 2, now - year / 4], 1):
        page = entry(seq, part="p", fields={LARGEST: int(largest)})
        at.add(page)
        story.tell(PageCommitted(partition, page, at))
    (active,) = story.progress.active()
    assert active.share == pytest.approx(0.75, abs=0.01)


def test_a_keyset_by_ids_that_hold_the_time_tells_how_far_it_is() -> None:
    """Twitter's v1.1 search, newest first: the cursor itself is enough."""
    keyset = "paginator: {type: keyset, cursor_path: 'data[*].id', take: min, cursor_param: max_id}"
    loaded = parse_config(re.sub(r"paginator: .*", keyset, ITEMS), "items.yaml", env={})
    story = Story(configuration=loaded)
    window = Window(datetime(2021, 5, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC))
    partition = Partition("items", {"window": window})
    at = Checkpoint()
    story.tell(PartitionStarted(partition, at))
    for seq, day in enumerate([31, 24, 16], 1):
        moment_ms = int(datetime(2021, 5, day, 12, tzinfo=UTC).timestamp() * 1000)
        page = entry(seq, part="p", fields={CURSOR: (moment_ms - 1_288_834_974_657) << 22})
        at.add(page)
        story.tell(PageCommitted(partition, page, at))
    (active,) = story.progress.active()
    assert active.share == pytest.approx(0.5)


def test_a_total_of_the_server_gives_a_share() -> None:
    """For numbered pages it is a total of pages."""
    story = Story(configuration=config("pages"))
    at = Checkpoint(total=8, seq=2, pages=2, started=True)
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
