"""Writes `harvester report`: a harvest as one HTML file that needs no network.

In the order of the data: `bins` (numbers in bounded memory), `coverage` and `facts` (journals to
numbers, one pass), `specs`, `figures` and `timeline`
(numbers to charts), `drawing` (charts to SVG), `page`.
"""

import os
from pathlib import Path
from typing import Final

from harvester.errors import ConfigError
from harvester.model import Address, place_of_text
from harvester.report.facts import gather
from harvester.report.page import MARK, render
from harvester.store import DurableFile, disk_errors, is_file, reading, remove_temporary

NAME: Final = "report.html"


def write_report(out: str | os.PathLike[str], file: str | os.PathLike[str] | None = None) -> Path:
    """Write the report of the harvest in `out`, whole or not at all; where it lies.

    A report that is there is replaced, any other file is refused. Reads only, besides; beside a
    run too. Raises `ConfigError`, `DataRefused` or `DiskError`.
    """
    out = place_of_text(out)
    if file is None:  # beside nothing, where the harvest has no folder of its own
        file = Path(f"{out.name}-{NAME}") if isinstance(out, Address) else out / NAME
    file = Path(file)
    _check(file)
    pieces = render(gather(out))
    own = file.parent == out
    if own:  # a report that was killed may have left one behind; elsewhere it would be somebody's
        remove_temporary(file)
    with DurableFile(file, beside=not own) as page:
        for piece in pieces:
            page.write(piece.encode(errors="replace"))
        page.commit()
    return file


def _check(file: Path) -> None:
    """Refuse, before any work, what must not be overwritten or cannot be written."""
    if file.is_dir():
        raise ConfigError(f"{file}: is a folder; name a file, as in --out {file / NAME}")
    if not file.parent.is_dir():
        raise ConfigError(f"{file}: there is no folder {file.parent}")
    if os.path.lexists(file):
        if not is_file(file):
            raise ConfigError(f"{file}: exists, and is no file; name another with --out")
        with disk_errors(file), reading(file) as found:
            if found.read(len(MARK)) != MARK.encode():
                raise ConfigError(
                    f"{file}: exists, and is no report; remove it, or name another with --out"
                )
