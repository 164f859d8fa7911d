"""Holds an object store for one run: an object that is renewed while the run lives.

It is a courtesy, so that a second run ends at once with a clear word. Nothing rests on it: what is
kept is safe without, by the names of the parts. A lease that nobody renewed while it was watched is
a dead run's; so is one of a process of this machine that is gone, and no time is lost then.
"""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harvester.errors import ConfigError, FolderLocked, FolderLost, HarvesterError
from harvester.store.bucket import Bucket, Found, Taken

LOCK: Final = ".lock"
PATIENCE_S: Final = 10.0


class Lease:
    """The lease of one run, renewed by a thread of its own."""

    def __init__(self, bucket: Bucket, name: str, tag: str, patience_s: float) -> None:
        self._bucket, self._name, self._tag = bucket, name, tag
        self._pause_s = patience_s / 3
        self._over = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Raise `FolderLost` where another run has taken the lease."""
        if self._lost:
            raise FolderLost(
                f"{self._bucket.place}/{self._name}: another run has taken this place over; every "
                "page committed so far is safe"
            )

    def _renew(self) -> None:
        number = 0
        while not self._over.wait(self._pause_s):
            number += 1
            try:
                self._tag = self._bucket.replace(self._name, _mine(number), self._tag).tag
            except Taken:
                self._lost = True
                return
            except HarvesterError:  # the next page says so, if it is no moment's affair
                continue

    def end(self) -> None:
        """Let the place go."""
        self._over.set()
        self._thread.join()
        if not self._lost:
            with contextlib.suppress(HarvesterError):
                self._bucket.delete(self._name)


@contextlib.contextmanager
def leased(bucket: Bucket, name: str = LOCK, patience_s: float = PATIENCE_S) -> Iterator[Lease]:
    """Hold the place; raises `FolderLocked`, and `ConfigError` for a store that overwrites what a
    put was to create.
    """
    try:
        held = bucket.create(name, _mine(0))
    except Taken:
        held = _taken_over(bucket, name, patience_s)
    lease = Lease(bucket, name, held.tag, patience_s)
    try:
        _refuse_overwriting(bucket)
        yield lease
    finally:
        lease.end()


def _refuse_overwriting(bucket: Bucket) -> None:
    probe = f".probe-{os.urandom(6).hex()}"
    try:
        bucket.create(probe, b"")
        try:
            bucket.create(probe, b"")
        except Taken:
            return
        raise ConfigError(
            f"{bucket.place}: this store overwrites objects that a put was only to create "
            "(If-None-Match: *), so that no page would be safe there; take one that has such puts"
        )
    finally:
        with contextlib.suppress(HarvesterError):  # what was found counts more
            bucket.delete(probe)


def _taken_over(bucket: Bucket, name: str, patience_s: float) -> Found:
    """The lease of a dead run, as ours; `FolderLocked` where it lives."""
    was = bucket.head(name)
    try:
        if was is None:
            return bucket.create(name, _mine(0))
        if not _is_gone(bucket.get(name) or b""):
            end = time.monotonic() + patience_s
            while time.monotonic() < end:
                time.sleep(min(0.5, patience_s))
                found = bucket.head(name)
                if found is None:
                    return bucket.create(name, _mine(0))
                if found.tag != was.tag:
                    raise Taken(name)
        return bucket.replace(name, _mine(0), was.tag)
    except Taken:
        raise FolderLocked(f"{bucket.place}: another run is harvesting into this") from None


def _mine(number: int) -> bytes:
    return json.dumps(
        {"host": socket.gethostname(), "pid": os.getpid(), "renewed": number, "at": time.time()}
    ).encode()


def _is_gone(text: bytes) -> bool:
    """Whether the run that wrote this was a process of this machine, and is no more."""
    try:
        said = json.loads(text)
        pid = int(said["pid"])
        here = said["host"] == socket.gethostname()
    except (ValueError, TypeError, KeyError):
        return False
    return (
        here and pid != os.getpid() and Path("/proc").is_dir() and not Path(f"/proc/{pid}").exists()
    )
