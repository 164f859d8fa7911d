"""Where pages go to an object store, the next one may be asked for while one is put."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from harvester import Summary, harvest, iter_records, verify
from harvester.engine.events import Event, PageCommitted
from harvester.errors import DiskError
from harvester.store import ObjectStore, clients
from harvester.store.bucket import Bucket, Found
from tests.support import ITEMS, Reply, Scripted, chain, config

PAGES = 5


class Put:
    """Notes, in order, what was asked of the API and what was put; `hold` may keep a put waiting,
    or fail it.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.asked = {number: threading.Event() for number in range(1, PAGES + 1)}
        self.wait_for_next = True
        self.fails = 0
        self._pages = chain(PAGES)
        self._create = Bucket.create

    def respond(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """A page."""
        number = int(parameters.get("cursor", "1"))
        self.seen.append(f"asked {number}")
        self.asked[number].set()
        return self._pages(path, parameters)

    def create(self, bucket: Bucket, name: str, data: bytes) -> Found:
        """Put a part, once the page behind it was asked for."""
        if "/part-" not in name:
            return self._create(bucket, name, data)
        number = int(name.rpartition("part-")[2][:6])
        if self.wait_for_next and number < PAGES:
            assert self.asked[number + 1].wait(60), f"page {number + 1} was not asked for"
        if number == self.fails:
            raise DiskError("the store is away")
        found = self._create(bucket, name, data)
        self.seen.append(f"put {number}")
        return found


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Put]:
    """The bucket of these tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = Put()
    with patch.object(Bucket, "create", lambda *given: found.create(*given)):
        yield found
    clients._MEMORY.pop("meanwhile", None)


def run(tmp_path: Path, put: Put, *changes: str, told: list[Event] | None = None) -> Summary:
    """Harvest, or go on."""
    with Scripted(put.respond) as server:
        asked = config(tmp_path, ITEMS, server.base_url, *changes)
        return harvest(asked, out=store(), on_event=(told if told is not None else []).append)


def store() -> ObjectStore:
    """Where it lies."""
    return ObjectStore("memory://meanwhile/x", patience_s=0.1)


def whole() -> bool:
    """Whether each record is there once, in order."""
    return [*iter_records(store())] == [
        b'{"id": "a-%d-%d"}' % (page, item) for page in range(1, PAGES + 1) for item in range(3)
    ] and verify(store(), deep=True).ok


def test_the_next_page_is_asked_for_meanwhile(tmp_path: Path, put: Put) -> None:
    """No page is put before the one behind it was asked for; events come in order."""
    told: list[Event] = []
    assert run(tmp_path, put, "concurrency.pages=2", told=told).complete
    assert whole()
    committed = [event.checkpoint.pages for event in told if isinstance(event, PageCommitted)]
    assert committed == [*range(1, PAGES + 1)]


@pytest.mark.parametrize(
    "change",
    [
        "concurrency.pages=1",
        "output.durability=page",
        "resources.0.idempotent=false",
        "resources.0.paginator.cursor_may_repeat=true",
    ],
)
def test_where_each_page_comes_first(tmp_path: Path, put: Put, change: str) -> None:
    """Without being told otherwise a kill costs one page, and some pages must be kept first."""
    put.wait_for_next = False
    assert run(tmp_path, put, "concurrency.pages=2", change).complete
    assert put.seen == [f"{what} {n}" for n in range(1, PAGES + 1) for what in ("asked", "put")]


def test_a_put_that_fails_meanwhile(tmp_path: Path, put: Put) -> None:
    """It ends the run, the page behind it is not put, and the next run asks for both."""
    put.fails = 3
    ended = run(tmp_path, put, "concurrency.pages=2")
    assert "the store is away" in str(ended.ended_by)
    assert put.seen[-3:] == ["asked 3", "put 2", "asked 4"]
    put.fails = 0
    put.asked = {number: threading.Event() for number in put.asked}
    assert run(tmp_path, put, "concurrency.pages=2").complete
    assert whole()
    assert max(put.seen.count(f"asked {n}") for n in range(1, PAGES + 1)) == 2


def test_a_put_that_fails_while_the_next_page_is_waited_for(tmp_path: Path, put: Put) -> None:
    """The run does not wait out what the server asks for."""
    put.fails = 3
    pages = put.respond

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        found = pages(path, parameters)
        return (
            Reply({}, status=503, headers={"Retry-After": "600"})
            if put.asked[4].is_set()
            else found
        )

    put.respond = respond  # type: ignore[method-assign]  # of this one server
    ended = run(tmp_path, put, "concurrency.pages=2", "client.retry.max_wait=900")
    assert "the store is away" in str(ended.ended_by)
