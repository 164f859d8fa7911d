"""Keeps the refresh token that the server has replaced in a file (RFC 6749 section 6).

A server that rotates refresh tokens takes each of them once: the new one *must* be durable here
before the access token that came with it is used. Several runs may share a file: whoever asks for
a token *must* hold its lock from before the file is read until the new one is written, or two runs
send the same one, and the server revokes both. Nobody but the owner *may* read the file, from its
first byte on.
"""

import contextlib
import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from harvester.config import SecretText
from harvester.descriptors import lock as lock_file
from harvester.descriptors import open_file
from harvester.errors import DataRefused, DiskError, Interrupted, PageRejected
from harvester.store import TOKENS_LOCK as LOCK
from harvester.store import DurableFile, disk_errors, make_folder, reading, remove_temporary
from harvester.values import dataclass

_PRIVATE: Final = 0o600
_MOST_OTHERS: Final = 7
_PATIENCE_S: Final = 120.0  # a token endpoint gets half of it
_SLICE_S: Final = 0.1
_CANNOT_WRITE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The refresh token in use, together with the digest of the configured one that it began as:
    once another one is configured, that one counts.
    """

    path: Path

    def current(self, configured: SecretText) -> SecretText:
        """The refresh token to use: the stored one if it descends from `configured`.

        Raises `DataRefused` where the file cannot be read.
        """
        return self._stored().get(_digest(configured), configured)

    def write(self, configured: SecretText, token: SecretText) -> None:
        """Keep `token`, which descends from `configured`, durably; raises `DiskError`.

        What descends from another one is kept too: it may be that of another run.
        """
        self._make_folder()
        digest = _digest(configured)
        others = {name: kept for name, kept in self._stored().items() if name != digest}
        value: dict[str, Any] = {"began_as": digest, "refresh_token": token}
        if others:
            value["others"] = dict([*others.items()][-_MOST_OTHERS:])
        remove_temporary(self.path)
        with DurableFile(self.path, mode=_PRIVATE) as file:
            file.write(json.dumps(value).encode() + b"\n")
            file.commit()

    @contextlib.contextmanager
    def locked(self, stopping: Callable[[], bool]) -> Iterator[None]:
        """Keep every other process from asking for a token meanwhile.

        Raises `Interrupted`, `PageRejected` where another process holds the lock for too long,
        and `DiskError`. Where no lock can be had (a folder that is read-only, a file system that
        has none) there is none: a server that rotates tokens fails there in any case.
        """
        lock = self._lock_file()
        try:
            if lock is not None:
                _take(lock, self.path, stopping)
            yield
        finally:
            if lock is not None:
                os.close(lock)  # and lets go of it, as the death of the process does

    def _lock_file(self) -> int | None:
        try:
            self._make_folder()
        except DiskError:
            return None
        path = self.path.with_name(self.path.name + LOCK)
        try:
            return open_file(path, os.O_CREAT | os.O_RDWR, _PRIVATE)
        except OSError as error:
            if error.errno in _CANNOT_WRITE:
                return None
            with disk_errors(path):
                raise

    def _make_folder(self) -> None:
        folder = self.path.parent
        if not folder.exists():
            make_folder(folder, within=next(filter(Path.is_dir, folder.parents)))

    def _stored(self) -> dict[str, SecretText]:
        """The tokens in use, by the digest of the one that each began as."""
        try:
            with reading(self.path) as file:
                value = json.loads(file.read())
            found = {
                str(began): SecretText(token) for began, token in value.get("others", {}).items()
            }
            return {**found, str(value["began_as"]): SecretText(value["refresh_token"])}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataRefused(
                f"{self.path}: cannot be read ({type(error).__name__}); it held the refresh token "
                "in use: restore it, or remove it and configure a new refresh token"
            ) from None


def _take(lock: int, path: Path, stopping: Callable[[], bool]) -> None:
    for _ in range(int(_PATIENCE_S / _SLICE_S)):
        try:
            lock_file(lock)
        except BlockingIOError:
            pass
        except OSError:
            return  # NFS without a lock daemon, say
        else:
            return
        if stopping():
            raise Interrupted("interrupted")
        time.sleep(_SLICE_S)
    raise PageRejected(
        f"{path}: another process has been asking for a token for {_PATIENCE_S:g} s, and this one "
        "would be refused if both did"
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
