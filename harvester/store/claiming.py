"""Claims the local folder of a harvest for one run, and refuses a folder that is none.

One run at a time *must* hold the lock, from before anything is read until all is written.
"""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from harvester.config import Config
from harvester.errors import ConfigError, DataRefused, DiskError, FolderLocked
from harvester.store.inside import TOKENS, TOKENS_LOCK, is_file
from harvester.store.lock import NAME as LOCK
from harvester.store.lock import Held, held, held_by_shard
from harvester.store.parts import TEMPORARY, disk_errors, make_folder
from harvester.store.sharing import WORKERS

MANIFEST: Final = "harvest.json"
_LONGEST_S: Final = 30.0
_PAUSE_S: Final = 0.1
#: What the system says of a place where this user can have no folder.
_WRONG_PLACE: Final = (
    errno.EACCES, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS,
)  # fmt: skip


@contextlib.contextmanager
def locked(out: Path, *, fsync: bool, lost: bool = False, shard: str = "") -> Iterator[Held]:
    """Hold `out` for one run, creating it. `lost`: its harvest.json may be gone. `shard` holds one
    share of it.

    Raises `FolderLocked` when another run has it, `DataRefused` when it holds something else, and
    `ConfigError` where no folder can be.
    """
    with disk_errors(out):
        _refuse_wrong_place(out)
        if os.path.lexists(out):
            _refuse_strangers(out, lost=lost)
        else:
            _make(out, fsync=fsync)
    with held_by_shard(out, shard) if shard else held(out) as mine:
        yield mine


@contextlib.contextmanager
def waiting_for(lock: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    """Hold a lock that others hold for moments only; raises `FolderLocked` after half a minute."""
    end = time.monotonic() + _LONGEST_S
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock())
            except FolderLocked:
                if time.monotonic() > end:
                    raise
                time.sleep(_PAUSE_S)
                continue
            yield
            return


def beside(config: Config) -> Path | None:
    """The harvest that lies beside the YAML, where a run would go into another folder, in which
    there is none yet; None elsewhere. A relative folder is that of where the run is called.
    """
    here, there = config.folder.absolute(), config.home / config.folder
    with contextlib.suppress(OSError):
        if here != there and not (here / MANIFEST).exists() and (there / MANIFEST).exists():
            return there.resolve()
    return None


def _refuse_wrong_place(out: Path) -> None:
    there = next(place for place in (out, *out.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        what = "is" if there == out else f"cannot be made: {there} is"
        raise ConfigError(f"{out}: {what} not a folder; give another one with --out or output.path")


def _make(out: Path, *, fsync: bool) -> None:
    try:
        make_folder(out, within=next(filter(Path.is_dir, out.parents)), fsync=fsync)
    except (DiskError, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in _WRONG_PLACE:
            raise ConfigError(
                f"{out}: cannot be made: {cause.strerror}; give another folder with --out or "
                "output.path"
            ) from error
        raise


def _refuse_strangers(out: Path, *, lost: bool) -> None:
    """Refuse a folder that is no harvest's and not empty, before anything is put into it.

    A run killed in its first instant leaves the lock and a temporary file, and a look at the API
    (`check --live`) a refresh token. Partitions are looked
    at before harvest.json, which is there before they are: another run may be beginning just now.
    """
    with os.scandir(out) as listing:
        ours = {MANIFEST + TEMPORARY, TOKENS, TOKENS + TOKENS_LOCK}
        names = {item.name for item in listing if not item.name.startswith((LOCK, WORKERS))}
        strangers = names - ours
    if strangers and not lost and not is_file(out / MANIFEST):
        raise DataRefused(
            f"{out}: holds {min(strangers)!r} but no {MANIFEST}, so this is not the folder of a "
            "harvest; give an empty or a new one with --out. If it was one, and that file is lost: "
            f"harvester repair CONFIG --out {out}"
        )
