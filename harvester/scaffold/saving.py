"""Saves a new configuration: whole or not at all, and over another only with --force."""

import os
from pathlib import Path

from harvester.errors import ConfigError
from harvester.store import name_anew


def refuse_existing(path: Path, *, force: bool) -> None:
    """ConfigError where `path` may not be written; said before anything is asked."""
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; --out names a file")
    if not path.parent.is_dir():
        there = "is no folder" if path.parent.exists() else "there is no such folder"
        raise ConfigError(f"{path}: cannot be written: {path.parent}: {there}")
    if not os.access(path.parent, os.W_OK):
        raise ConfigError(f"{path}: cannot be written: no file may be made in {path.parent}")
    if not force and os.path.lexists(path):
        raise ConfigError(f"{path}: exists already; --force overwrites it, --out names another")


def save(path: Path, text: str, *, force: bool) -> None:
    """Write the file beside its place and put it there in one step.

    ConfigError where another is there by now, unless `force`. OSError as it comes.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            beside.replace(path)
            return
        if not name_anew(beside, path):
            refuse_existing(path, force=False)
    finally:
        beside.unlink(missing_ok=True)
