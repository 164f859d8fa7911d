"""In-flight marker of an older harvest: how many of a partition's pages may have been under way.

Before lines said up to which one all is safe, a run that committed pages in groups wrote the most
parts that might lie beyond the journal into `.under_way`. No run writes it any more. Who opens a
harvest that such a run left *must* still go by it, since its parts are as safe as it says. No mark
says one: the page that was on its way.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from harvester.store.inside import reading
from harvester.store.parts import TEMPORARY, disk_errors

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


def remove_mark(folder: Path) -> None:
    """Take the mark away, if there is one, or the beginning of one. That it is gone need not be
    durable.
    """
    for name in (NAME, NAME + TEMPORARY):
        with contextlib.suppress(OSError):  # what it allows is not there, so it does no harm
            os.unlink(folder / name)  # noqa: PTH108  # as everywhere beside the journal
