"""Shares a claimed local folder with the worker processes of one run, and with no other run's.

The lock of a run dies with its driver, and its workers may outlive that by seconds. So each worker
holds `.workers` by a shared flock for as long as it may write, and whoever claims the folder next
waits until nobody does. The file names the run, and is changed only under an exclusive flock: a
worker that comes late, of a run that is over, finds another name there and writes nothing.

Within a run each partition's journal is locked, too: a worker that was stopped and taken for dead,
and that goes on after another has its partition, still has its journal, and the other waits.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harvester.descriptors import lock, read_at, write_at
from harvester.errors import DataRefused, FolderLocked, FolderLost, PartitionFailed
from harvester.store.inside import alone, opened, reading
from harvester.store.lock import NAME as LOCK
from harvester.store.lock import Held, identity
from harvester.store.parts import disk_errors

WORKERS: Final = ".workers"
_PATIENCE_S: Final = 8.0  # workers of a run that was killed end within five
_LOOK_S: Final = 0.05
_MOST_BYTES: Final = 64


class PartitionBusy(PartitionFailed):
    """Another worker still has this partition."""


class Overtaken(PartitionFailed):
    """A writer that was believed dead has put the part that was to be this one's."""


class Fenced(PartitionFailed):
    """A newer writer has this partition."""


def share(out: Path, run: str, shard: str = "") -> None:
    """Let workers of `run` in, once none of another run is there; its lock is held, or that of its
    share of the harvest.
    """
    _renamed(out, out / (f"{WORKERS}-{shard}" if shard else WORKERS), run)


def refuse_former(out: Path, shard: str = "") -> None:
    """Raise `FolderLocked` while workers of another run are there; from now on none comes."""
    with disk_errors(out):
        paths = sorted(out.glob(f"{WORKERS}-{shard}" if shard else f"{WORKERS}*"))
    for path in paths:
        _renamed(out, path, "")


def _renamed(out: Path, path: Path, run: str) -> None:
    with disk_errors(path):
        file = alone(path, os.O_CREAT | os.O_RDWR)
        try:
            if not _locked(file, _PATIENCE_S):
                raise FolderLocked(
                    f"{out}: worker processes of a run that was killed are still at work here; "
                    "they end by themselves within seconds. If one was stopped (SIGSTOP), let it "
                    "go on or kill it"
                )
            said = read_at(file, _MOST_BYTES, 0)
            if said.strip(b"0123456789abcdef\n"):
                raise DataRefused(
                    f"{path}: is not a harvest's, and was left as it is; move it away"
                )
            os.ftruncate(file, 0)
            write_at(file, run.encode(), 0)
        finally:
            os.close(file)


@contextlib.contextmanager
def joined(out: Path, run: str) -> Iterator[Held]:
    """Be a worker of `run` in the folder `out`. Raises `FolderLost` where that run is over."""
    with disk_errors(out):
        paths = list(out.glob(f"{WORKERS}-*"))
    path = next((each for each in paths if _names(each, run)), out / WORKERS)
    try:
        file = opened(path)
    except (OSError, DataRefused) as error:
        raise FolderLost(f"{path}: cannot be opened ({error}), so this is not the run's") from error
    try:
        there = _locked(file, _PATIENCE_S, shared=True)
        if not there or read_at(file, _MOST_BYTES, 0) != run.encode():
            raise FolderLost(f"{out}: the run that this worker belongs to is over")
        with disk_errors(out):
            held = Held(out, identity(out / LOCK))
        yield held
    finally:
        os.close(file)


def _names(path: Path, run: str) -> bool:
    """Whether workers of `run` may come in by this file."""
    with contextlib.suppress(OSError, DataRefused), reading(path) as file:
        return file.read(_MOST_BYTES) == run.encode()
    return False


def hold_journal(file: int, folder: Path) -> None:
    """Keep a partition's journal for one writer; `PartitionBusy` where another has it."""
    if not _locked(file, 0.0):
        raise PartitionBusy(
            f"{folder}: another worker still has this partition, and may be stopped; run again"
        )


def _locked(file: int, patience_s: float, *, shared: bool = False) -> bool:
    end = time.monotonic() + patience_s
    while True:
        try:
            lock(file, shared=shared)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
        else:
            return True
        time.sleep(_LOOK_S)
