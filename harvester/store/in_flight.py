"""In-flight marker of a partition: how many of its pages may be under way.

A crash leaves at most one part that the journal does not name, and whatever lies beyond it is
refused: where a journal was put back from an older copy, say, no page is deleted. A run
that commits pages in groups may leave more. So before it names the parts of its first group, it
*must* have written down how many there may be, durably, in `.under_way` beside the journal; it
takes the mark away when it ends with every page committed. No mark says one.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from harvester.store.inside import reading
from harvester.store.parts import TEMPORARY, DurableFile, disk_errors

NAME: Final = ".under_way"
_MOST: Final = 64  # as the configuration has it; nothing may say more


def read_mark(folder: Path) -> int:
    """How many parts may lie beyond the journal in `folder`. Raises `DiskError`."""
    path = folder / NAME
    with disk_errors(path):
        try:
            with reading(path) as file:
                text = file.read(len(b"64\n")).strip()
        except FileNotFoundError:
            return 1
    return min(max(1, int(text)), _MOST) if text.isdigit() else 1


def write_mark(folder: Path, pages: int, *, fsync: bool = True) -> None:
    """Let `pages` parts lie beyond the journal from now on. Raises `DiskError`."""
    with DurableFile(folder / NAME, fsync=fsync) as file:
        file.write(b"%d\n" % pages)
        file.commit()


def remove_mark(folder: Path) -> None:
    """Take the mark away, if there is one, or the beginning of one. That it is gone need not be
    durable.
    """
    for name in (NAME, NAME + TEMPORARY):
        with contextlib.suppress(OSError):  # what it allows is not there, so it does no harm
            os.unlink(folder / name)  # noqa: PTH108  # as everywhere beside the journal
