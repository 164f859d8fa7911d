"""Finished partitions of an object store, known by one listing and one read each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from harvester.store import ObjectStore, entries_of
from harvester.store.bucket import Bucket
from tests.store.test_conformance import FOLDER, HEADER, add

FIRST = f"{FOLDER}/part-000001.json.gz"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A harvest in memory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return ObjectStore(f"memory://{os.urandom(6).hex()}/deep/er")


def finish(store: ObjectStore, pages: int) -> None:
    """Two runs harvest a partition to its end."""
    for first, last in ((1, pages // 2), (pages // 2 + 1, pages)):
        with store.journal(FOLDER, HEADER) as writer:
            for seq in range(first, last + 1):
                add(writer, seq, done=seq == pages)


@contextmanager
def reads() -> Iterator[list[str]]:
    """The names of objects that are read."""
    names: list[str] = []
    get = Bucket.get

    def noted(self: Bucket, name: str, *rest: int) -> bytes | None:
        names.append(name)
        return get(self, name, *rest)

    with patch.object(Bucket, "get", noted):
        yield names


@pytest.mark.parametrize("pages", [2, 5, 40])
def test_the_last_part_repeats_the_lines_of_the_others(store: ObjectStore, pages: int) -> None:
    """They are what a reader of all parts finds, and no other reader sees them twice."""
    finish(store, pages)
    lines = list(store.lines(FOLDER))
    assert [entry.seq for entry in entries_of(store, FOLDER)] == list(range(1, pages + 1))
    for whole in (False, True):
        with reads() as names, store.survey(whole=whole) as survey:
            assert survey.lines(FOLDER) == lines
            assert survey.ask(FOLDER)
            assert survey.lines(FOLDER) == lines
        assert names == [f"{FOLDER}/part-{pages:06d}.json.gz"]


@pytest.mark.parametrize("pages", [5, 40])
def test_a_repetition_is_not_believed_of_another_version(store: ObjectStore, pages: int) -> None:
    """Who has put another object in the place of a part has made the repetition void."""
    finish(store, pages)
    lines, sound = list(store.lines(FOLDER)), store._bucket.get(FIRST) or b""
    store._bucket.replace(FIRST, sound[:-1] + b"?")
    with store.survey() as survey:
        assert survey.lines(FOLDER) is None
    store._bucket.replace(FIRST, sound)
    with store.survey() as survey:  # another version still, which says the same
        assert survey.lines(FOLDER) == lines  # those of the parts themselves
    store._bucket.delete(FIRST)
    with store.survey() as survey:
        assert survey.lines(FOLDER) is None


def test_a_harvest_of_before_has_no_repetition(store: ObjectStore) -> None:
    """Its parts are read, if they are few."""
    with patch("harvester.store.object_writer.recap", lambda *_: b""):
        finish(store, 5)
    with reads() as names, store.survey() as survey:
        assert survey.lines(FOLDER) == list(store.lines(FOLDER))
    assert len(set(names)) == 5


@pytest.mark.parametrize("damage", [b"recap-1 ", b"\x1f\x8b", b"}"])
def test_a_damaged_repetition_is_none(store: ObjectStore, damage: bytes) -> None:
    """What cannot be read is not taken for less than there is."""
    finish(store, 3)
    last = f"{FOLDER}/part-000003.json.gz"
    data = store._bucket.get(last) or b""
    at = data.index(b"recap-1 ") + 48
    store._bucket.replace(last, data[:at] + damage + data[at + len(damage) :])
    with store.survey() as survey:
        assert survey.lines(FOLDER) in (None, list(store.lines(FOLDER)))


@pytest.mark.parametrize("pages", [100, 199, 200, 230, 1_012])
@pytest.mark.parametrize("answer", [3, 1000])
def test_long_partitions_and_others_beside_them(
    store: ObjectStore, pages: int, answer: int
) -> None:
    """Their segments are read, and the last part, which repeats the lines behind them; what comes
    behind them in the listing is found.
    """
    finish(store, pages)
    with store.journal("items/shard=b", HEADER) as writer:
        add(writer, 1, done=True)
    lines = list(store.lines(FOLDER))
    with patch("harvester.store.object_listing._ANSWER", answer), reads() as names:
        for whole in (False, True):
            with store.survey(whole=whole) as survey:
                assert survey.ask(FOLDER)
                assert survey.lines(FOLDER) == lines
                assert survey.lines("items/shard=b") == list(store.lines("items/shard=b"))
                assert not survey.ask("items/shard=c")
                assert survey.lines("items/shard=c") == ([] if whole else None)
    own = [name for name in names if name.startswith(FOLDER)]
    segments = pages // 1000 + pages % 1000 // 100
    assert len(own) == 2 * (segments + (pages % 100 > 0)), own


def test_a_long_partition_that_is_not_finished(store: ObjectStore) -> None:
    """Only who wants its lines reads more than its last part."""
    with store.journal(FOLDER, HEADER) as writer:
        for seq in range(1, 208):
            add(writer, seq)
    with reads() as names, store.survey() as survey:
        assert survey.lines(FOLDER) is None
    assert len(names) == 1
    with reads() as names, store.survey(whole=True) as survey:
        assert survey.lines(FOLDER) == list(store.lines(FOLDER))
    assert len({*names}) == 2 + 7


@pytest.mark.parametrize("gone", ["journal/000000101-000000200.jsonl.gz", "part-000205.json.gz"])
def test_what_is_gone_of_a_long_partition(store: ObjectStore, gone: str) -> None:
    """A segment that is missing, or a part behind them: whoever opens it finds the same."""
    finish(store, 230)
    store._bucket.delete(f"{FOLDER}/{gone}")
    with store.survey(whole=True) as survey:
        assert survey.ask(FOLDER)
        assert survey.lines(FOLDER) is None


def test_what_is_asked_ahead_is_bounded(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions are read in their turn that have more pages together."""
    monkeypatch.setattr("harvester.store.object_survey._MOST_AHEAD", 10)
    folders = [f"items/shard={name}" for name in "abc"]
    for folder in folders:
        with store.journal(folder, HEADER) as writer:
            for seq in range(1, 6):
                add(writer, seq, done=seq == 5)
    with reads() as names, store.survey() as survey:
        for folder in folders:
            assert survey.ask(folder)
        found = [survey.lines(folder) for folder in folders]
        assert [len(lines or ()) for lines in found] == [6, 6, 6]
    assert names[-1].startswith(folders[2])


def test_where_no_thread_is_to_be_had(store: ObjectStore) -> None:
    """Each is read in its turn."""
    finish(store, 2)
    error = RuntimeError("can't start new thread")
    with patch("threading.Thread.start", side_effect=error), store.survey() as survey:
        assert survey.ask(FOLDER)
        assert survey.lines(FOLDER) == list(store.lines(FOLDER))
