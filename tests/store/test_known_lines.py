"""What a run has put or read of finished partitions is not read again, and never outlives it."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from harvester.store import ObjectStore, is_done
from harvester.store.bucket import Bucket
from harvester.store.known_lines import KnownLines
from tests.store.test_conformance import FOLDER, HEADER, add
from tests.store.test_object_survey import finish, reads


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A harvest in memory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return ObjectStore(f"memory://{os.urandom(6).hex()}/deep/er")


def test_what_a_run_has_put_or_read(store: ObjectStore) -> None:
    """Its own partition costs nothing more, one of before a single read; then all is forgotten."""
    with store.claim(lost=True):
        finish(store, 3)
        with reads() as names:
            for _ in range(2):
                assert len([*store.lines(FOLDER)]) == 4
                assert is_done(store, FOLDER)
                assert not store.begins_again(FOLDER)
        assert [name for name in names if FOLDER in name] == []
    with store.claim(lost=True):
        with reads() as names:
            for _ in range(3):
                assert len([*store.lines(FOLDER)]) == 4
        assert [name for name in names if FOLDER in name] == [f"{FOLDER}/part-000003.json.gz"]
    store._bucket.delete(f"{FOLDER}/part-000003.json.gz")
    assert len([*store.lines(FOLDER)]) == 3


def test_one_that_is_written_to_is_read(store: ObjectStore) -> None:
    """By this process or by another one: what was known before counts no more."""
    finish(store, 2)
    with store.claim(lost=True):
        assert is_done(store, FOLDER)
        with store.journal(FOLDER, HEADER) as writer:
            add(writer, 3)
            assert not is_done(store, FOLDER)
        assert not is_done(store, FOLDER)
        with store.journal(FOLDER, HEADER) as writer:
            add(writer, 4, done=True)
        assert len([*store.lines(FOLDER)]) == 5
        store._is_shared = True
        store.lent(FOLDER)
        other = ObjectStore(store.place)
        with other.journal(FOLDER, HEADER) as writer:
            add(writer, 5, done=True)
        store.lent(FOLDER, back=True)
        assert len([*store.lines(FOLDER)]) == 6


def test_a_bounded_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest ones stay."""
    monkeypatch.setattr("harvester.store.known_lines._MOST_BYTES", 100)
    known = KnownLines()
    known.add("early", [b"x"])
    assert known.of("early") is None
    known.begin()
    for name in "abcde":
        known.add(name, [b"x" * 30])
        assert known.of("a") is not None or name == "e"
    assert [name for name in "abcde" if known.of(name)] == ["a", "d", "e"]
    known.end()
    assert known.of("e") is None


def test_what_a_listing_has_nothing_of(store: ObjectStore) -> None:
    """It is not looked for, until somebody writes to it, here or elsewhere."""
    others = [f"items/shard={name}" for name in "xyz"]
    with store.claim(lost=True), store.survey() as survey:
        assert not survey.ask(others[0])
        for folder in others:
            with patch.object(Bucket, "listing", side_effect=AssertionError("looked for")):
                assert not is_done(store, folder)
                assert [*store.lines(folder)] == []
        with store.journal(others[0], HEADER) as writer:
            add(writer, 1, done=True)
        assert is_done(store, others[0])
        store.lent(others[1])  # no other process writes here
        store._is_shared = True
        store.lent(others[2])
        with ObjectStore(store.place).journal(others[2], HEADER) as writer:
            add(writer, 1, done=True)
        assert is_done(store, others[2])
    with ObjectStore(store.place).journal(others[1], HEADER) as writer:
        add(writer, 1, done=True)
    assert is_done(store, others[1])
