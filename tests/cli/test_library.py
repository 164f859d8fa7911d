"""The library as a program of somebody else's uses it: names, paths, errors, events that fail."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest

import harvester
from harvester import (
    AttemptLost,
    ConfigError,
    DataRefused,
    FolderLocked,
    HarvesterError,
    PageCommitted,
    PartitionFailed,
    PartitionStarted,
    RunStarted,
    harvest,
    iter_records,
    load_config,
    plan,
    status,
    verify,
)
from harvester.engine.events import Event
from tests.support import ENVIRONMENT, ITEMS, Reply, Scripted, chain, config, write_config


class Elsewhere(os.PathLike[str]):
    """A path of somebody else's making."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


def test_every_name_is_there_and_light() -> None:
    """All that `__all__` names can be imported; importing the package alone imports nothing."""
    for name in harvester.__all__:
        assert getattr(harvester, name) is not None
        assert name in dir(harvester)
    code = "import harvester, sys; print({'pydantic', 'requests', 'ijson'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = harvester.nonsense


def test_errors_can_be_caught_by_name(tmp_path: Path) -> None:
    """Each is a HarvesterError, and holds what a program needs."""
    path = write_config(tmp_path, ITEMS + "nonsense: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.problems[0].path == "nonsense"
    assert caught.value.exit_code == 2
    with pytest.raises(DataRefused):
        status(tmp_path)
    assert issubclass(FolderLocked, HarvesterError)


def test_every_error_and_what_events_hold_can_be_imported() -> None:
    """From the package itself: nobody has to know in which module a name is."""
    known = {HarvesterError}
    while more := {sub for each in known for sub in each.__subclasses__()} - known:
        known |= more
    errors = {each.__name__ for each in known if each.__module__ == "harvester.errors"}
    assert errors <= {*harvester.__all__}
    events = {each.__name__ for each in get_args(Event)}
    assert events | {"Checkpoint", "Doubt", "Entry", "Partition"} <= {*harvester.__all__}


@pytest.mark.parametrize("form", [str, Path, Elsewhere])
def test_a_path_is_text_or_anything_like_a_path(form: type, tmp_path: Path) -> None:
    """In every function that takes one."""
    from harvester import write_report
    from harvester.export import export

    with Scripted(chain(2)) as server:
        path = write_config(tmp_path, ITEMS)
        loaded = load_config(form(path), base_url=server.base_url, env={})
        out = form(tmp_path / "out")
        assert harvest(loaded, out=out).complete
    assert len(list(plan(loaded, out=out))) == 1
    assert status(out).complete
    assert verify(out, deep=True).ok
    assert len(list(iter_records(out))) == 6
    assert export(out, form(tmp_path / "t.jsonl")).records == {"items": 6}
    assert write_report(out, form(tmp_path / "t.html")) == tmp_path / "t.html"


KINDS = [
    ZeroDivisionError, KeyboardInterrupt, SystemExit, ConnectionResetError, PartitionFailed,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [RunStarted, PartitionStarted, AttemptLost, PageCommitted])
def test_row_104_a_callback_that_raises_ends_the_run(
    kind: type[BaseException], at: type[Event], tmp_path: Path
) -> None:
    """Whatever it raises comes out of `harvest` as it is, once; no worker goes on behind it, the
    folder is free, and the same call goes on from what was kept.
    """
    seen: list[Event] = []
    pages = chain(4)

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        return Reply({}, status=503) if len(server.asked) == 1 else pages(path, parameters)

    def on_event(event: Event) -> None:
        seen.append(event)
        if isinstance(event, at):
            raise kind("of the caller")

    with Scripted(respond) as server:
        loaded = config(
            tmp_path, ITEMS, server.base_url, "resources.items.partitions.shard=[a, b, c]"
        )
        with pytest.raises(kind, match="of the caller"):
            harvest(loaded, out=tmp_path / "out", on_event=on_event)
        assert not [one for one in threading.enumerate() if one.name.startswith("harvest")]
        ended = len(server.asked)
        assert harvest(loaded, out=tmp_path / "out").complete
    assert ended < 12
    assert isinstance(seen[-1], at)
    assert [type(event) for event in seen].count(at) == 1
    assert verify(tmp_path / "out", deep=True).ok
    assert len(list(iter_records(tmp_path / "out"))) == 36


@pytest.mark.parametrize("numbers", [{"concurrency": 0}, {"max_pages": 0}, {"concurrency": -1}])
def test_numbers_that_make_no_sense(numbers: dict[str, int], tmp_path: Path) -> None:
    """Are refused by name before anything is asked."""
    loaded = config(tmp_path, ITEMS, "http://127.0.0.1:1/")
    with pytest.raises(ConfigError, match=f"{next(iter(numbers))} must be 1 or more"):
        harvest(loaded, out=tmp_path / "out", **numbers)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
