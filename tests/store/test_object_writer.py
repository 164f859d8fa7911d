"""The protocol of an object store: every page once, whoever is killed, and whenever.

All moments of a small harvest are tried here, and a sample of pairs and of two writers at once;
`python -m tests.slow.object_kills` tries all of those, and says how many.
"""

import gzip
import random
from collections.abc import Callable, Mapping
from functools import partial
from unittest.mock import patch

import pytest

from harvester.errors import DataRefused, DiskError, HarvesterError
from harvester.store import Entry, Fenced, ObjectStore, Overtaken
from harvester.store.bucket import Bucket
from harvester.store.object_lines import committed
from tests.store.object_kills import (
    FOLDER,
    Case,
    Killed,
    Repeated,
    Watched,
    kill,
    killed_at,
    moments,
    random_race,
    small,
)
from tests.store.planted_object_bugs import BUGS
from tests.store.test_conformance import HEADER, add
from tests.support import entry

#: Shapes of a partition: segments are of two parts and of twenty here.
SHAPES = {
    "pages": partial(Case, 5),
    "a bare end": partial(Case, 3, bare_end=True),
    "the next one fetched meanwhile": partial(Case, 3, ahead=True),
    "taken for new": partial(Case, 3, guessing=(0, 1)),
    "no page, taken for new": partial(Case, 0, bare_end=True, guessing=(0, 1)),
}
FAULTS = (Killed, DiskError, Repeated)


def every_single_fault() -> None:
    """A kill, a lost answer, and a put that is repeated, at each moment."""
    with small():
        for shape in SHAPES.values():
            for moment in range(1, moments(shape) + 1):
                for fault in FAULTS:
                    kill(shape(), [(moment, fault)])


def every_single_fault_of_large_parts() -> None:
    """The same where each part is staged and copied."""
    with small(large_bytes=0):
        for moment in range(1, moments(partial(Case, 3)) + 1):
            for fault in FAULTS:
                kill(Case(3), [(moment, fault)])


def every_single_fault_of_files() -> None:
    """The same where each page is a file that is kept as it is, with and without a bare end."""
    with small():
        for shape in (partial(Case, 3, files=True), partial(Case, 2, files=True, bare_end=True)):
            for moment in range(1, moments(shape) + 1):
                for fault in FAULTS:
                    kill(shape(), [(moment, fault)])


def two_with_files() -> None:
    """Two writers of files, each of which begins with a sweep, too."""
    dice = random.Random(13)
    shape = partial(Case, 3, files=True)
    with small():
        steps = 2 * moments(shape)
        for _ in range(120):
            random_race(shape(), dice, steps)


def some_pairs() -> None:
    """Whoever goes on is ended, too."""
    dice = random.Random(7)
    with small():
        last = moments(partial(Case, 4))
        for _ in range(80):
            faults = [(dice.randint(1, last), dice.choice(FAULTS)) for _ in range(2)]
            kill(Case(4), faults)


def two_at_once() -> None:
    """Two writers that know nothing of each other, by turns as chance has it."""
    dice = random.Random(11)
    for large in (None, 0):
        with small(large_bytes=large):
            steps = 2 * moments(partial(Case, 3))
            for number in range(120):
                random_race(Case(3, ahead=number % 3 == 0), dice, steps)


def two_at_once_on_a_guess() -> None:
    """Both take the partition for one that nobody has begun, or one of them does."""
    dice = random.Random(5)
    with small():
        for guessing in ((0, 1), (0,), (1,)):
            for shape in (partial(Case, 3), partial(Case, 0, bare_end=True)):
                steps = 2 * moments(shape)
                for _ in range(40):
                    random_race(shape(guessing=guessing), dice, steps)


def a_page_of_another_name() -> None:
    """Who guesses, and puts a line without a page, finds the part that has another name for it."""
    with small():
        case = Case(0, bare_end=True)
        bucket = Bucket(case.url)
        first = case.opened(bucket)
        late = case.opened(bucket, is_new=True)
        with first.part(1, ".csv.gz") as part:
            part.write(gzip.compress(b"id"))
            part.hand_over()
        line = entry(1, part="part-000001.csv.gz", done=True)
        first.commit(line, part)
        with pytest.raises(Overtaken):
            case.page(late)
        late.close()
        assert [*ObjectStore(case.url).lines(FOLDER)][1:] == [line]
        case.remove()


def a_part_that_is_gone() -> None:
    """Nothing is read as whole that has a gap."""
    with small():
        case = Case(3)
        case.write(lambda *_: None)
        bucket = Bucket(case.url)
        bucket.delete(f"{FOLDER}/part-000003.json.gz")
        bucket.delete(f"{FOLDER}/part-000001.json.gz")
        bucket.delete(f"{FOLDER}/journal/000000001-000000002.jsonl.gz")
        with pytest.raises(DataRefused, match="gap"):
            case.check_whole()
        case.remove()


def a_clock_that_goes_back() -> None:
    """The writer that was opened later has the partition, though its clock is behind: the earlier
    one yields, and what that had put meanwhile is gone on with.
    """
    clock = iter(range(10**15, 0, -1))
    with small(), patch("time.time_ns", lambda: next(clock) * 1000):
        case = Case(5)
        bucket = Bucket(case.url)
        earlier = case.opened(bucket)
        case.page(earlier)
        later = case.opened(bucket)
        case.page(earlier)
        with pytest.raises(Overtaken):
            case.page(later)
        later = case.opened(bucket)
        case.page(later)
        with pytest.raises(Fenced):
            case.page(earlier)
        while not later.checkpoint.done:
            case.page(later)
        case.check_whole()
        case.remove()


CHECKS: Mapping[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        every_single_fault, every_single_fault_of_large_parts, some_pairs, two_at_once,
        every_single_fault_of_files, two_with_files, a_part_that_is_gone, a_clock_that_goes_back,
        two_at_once_on_a_guess, a_page_of_another_name,
    )
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_killed_anywhere(check: str) -> None:
    """Each page once, in one chain, with the bytes that its line says."""
    CHECKS[check]()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_seen(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is above has teeth: with each of these bugs the check that it names fails."""
    bug(monkeypatch)
    with pytest.raises((AssertionError, HarvesterError, OSError, pytest.fail.Exception)):
        CHECKS[BUGS[bug]]()


def test_a_put_that_failed_is_not_made_good_without_its_page() -> None:
    """The store is away for one put, and there again when the writer is closed."""
    with small():
        case = Case(2)
        puts = iter(range(100))

        def away(what: str, name: str, is_after: bool) -> None:
            if what == "_put" and "part-" in name and not is_after and next(puts) == 1:
                raise DiskError("away for a moment")

        with pytest.raises(DiskError, match="away"):
            case.write(away)
        assert case.check_whole(to_the_end=False) == 1
        assert case.write(lambda *_: None) == "done"
        case.check_whole()
        case.remove()


@pytest.mark.parametrize("first_is_file", [True, False])
def test_a_file_and_no_page_have_one_name_to_fence(first_is_file: bool) -> None:
    """One writer gets a file, the other is told that there is none: the second has to yield."""
    with small():
        file, nothing = Case(1, files=True), Case(0, bare_end=True)
        nothing.url = file.url
        cases = (file, nothing) if first_is_file else (nothing, file)
        writers = [case.opened(Bucket(file.url)) for case in cases]
        cases[0].page(writers[0])
        with pytest.raises((Overtaken, Fenced)):
            cases[1].page(writers[1])
        there = [found.key for answer in Bucket(file.url).listing("") for found in answer]
        wanted = [f"{FOLDER}/part-000001.bin"] * first_is_file
        assert there == [*wanted, f"{FOLDER}/part-000001.json.gz"]
        for case in (file, nothing):
            case.remove()


def test_a_file_that_no_store_copies_goes_through_this_machine() -> None:
    """Above what a store copies by itself."""
    with small(), patch("harvester.store.bucket.MOST_COPIED_BYTES", 3):
        kill(Case(2, files=True), [])


def test_a_fault_is_where_it_is_said() -> None:
    """The harness itself: moments are counted from one on."""
    with small():
        case = Case(1)
        with pytest.raises(Killed, match="at listing"):
            case.write(killed_at(1))
        case.remove()


def test_segments_of_segments_are_read_a_little_at_a_time() -> None:
    """They are those of a tenth, one behind another, as gzip may be; a reader never has them whole,
    and finds what the parts say.
    """
    store = ObjectStore("memory://segments/of/segments")
    with (
        small(),
        patch("harvester.store.entries._BLOCK_BYTES", 500),
    ):
        with store.journal(FOLDER, HEADER) as writer:
            for seq in range(1, 44):
                add(writer, seq)
        segments = [
            each.key.rsplit("/", 1)[-1]
            for answer in store._bucket.listing(f"{FOLDER}/journal")
            for each in answer
            if each.key.endswith("20.jsonl.gz") or each.key.endswith("40.jsonl.gz")
        ]
        spans = [*committed(store._bucket, FOLDER)]
        found = [*store.lines(FOLDER)]
        with store.journal(FOLDER, HEADER) as writer:
            assert writer.checkpoint.pages == 43
    assert "000000001-000000020.jsonl.gz" in segments
    assert [each.seq for each in found[1:] if isinstance(each, Entry)] == [*range(1, 44)]
    assert max(len(each.lines) for each in spans) < 20
    assert [each.number for each in spans][-1] == 43


def test_a_page_fetched_while_a_segment_is_put_has_its_own_number() -> None:
    """Pages are fetched ahead while the one before, and the segment behind it, are on their way."""
    with small():
        case = Case(6)
        ahead: list[str] = []

        def fetching(what: str, name: str, is_after: bool) -> None:
            if what == "_put" and "/journal/" in name and not is_after and not ahead:
                with writer.part(5) as part:
                    ahead.append(part.path.name)

        writer = case.opened(Watched(case.url, fetching))
        while not writer.checkpoint.done:
            case.page(writer)
        writer.close()
        assert ahead == ["part-000005.json.gz"]
        case.check_whole()
        case.remove()
