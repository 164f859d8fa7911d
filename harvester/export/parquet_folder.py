"""Writes a folder of Parquet files, which later exports add to.

    TARGET/[COLUMN=VALUE/…/]export-000001-000001.parquet    of the first export, its first file
    TARGET/_harvester/ledger.jsonl                          which pages are in it (`ledger`)

A first export, or one that writes all anew, grows in a folder of its own and is given its name as
a whole. One that adds moves a folder `pending`, with its files, where they go and the new ledger,
into `_harvester` by one rename: from then on it counts, and whoever opens the target next moves
the files to their places, again and again until all are there. Their names do not end in .parquet
before, so that readers pass over them, and one after the other they appear. A file of before some
of whose rows were replaced by newer ones (`--dedupe`) is written anew, and moved over the old one.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final

from harvester.errors import ConfigError
from harvester.export.divided import Divided
from harvester.export.growing import GrowingTarget
from harvester.export.ledger import Ledger, ledger_of
from harvester.export.superseded import KeyColumn, OlderRows, key_columns, without
from harvester.export.writer import Rows
from harvester.store import sync_folder

OWN: Final = "_harvester"
LEDGER: Final = "ledger.jsonl"
_PENDING: Final = "pending"
_MOVES: Final = "files.jsonl"


class ParquetFolder(GrowingTarget):
    """The folder `target`. `scratch` is an empty folder on the same disk."""

    def __init__(self, target: Path, scratch: Path, partition_by: Sequence[str]) -> None:
        self._target, self._scratch, self._by = target, scratch, tuple(partition_by)
        self._grown = scratch / _PENDING
        self._grown.mkdir()
        self._moves: list[tuple[str, str]] = []
        if (target / OWN / _PENDING).is_dir():
            self._move()
            self.mended = "an export that was interrupted has been completed"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is held open; the scratch folder goes with the export."""

    def ledger(self, name: str, *, force: bool) -> Ledger | None:
        """The ledger that lies in the folder; see `GrowingTarget`."""
        if not os.path.lexists(self._target):
            return None
        if not self._target.is_dir():
            raise ConfigError(
                f"{self._target}: is a file, and a folder is to be written; name another"
            )
        path = self._target / OWN / LEDGER
        if not path.is_file():
            if any(self._target.iterdir()):
                raise ConfigError(
                    f"{self._target}: is a folder that no export has made, and was left as it is; "
                    "name another"
                )
            return None
        if force:
            return None
        with path.open(encoding="utf-8") as lines:
            return ledger_of(lines, self._target)

    def add(
        self,
        name: str,
        rows: Rows,
        ledger: Ledger,
        added: Sequence[str] = (),
        dedupe: Sequence[str] = (),
    ) -> int:
        """Write the rows, in one file, or one for each value of the columns to divide by; and
        those files anew of whose rows some are replaced.
        """
        files = Divided(rows.table(), self._by, rows.resource, self._scratch)
        for folder, file in files.write(rows.blocks(), self._grown):
            _sync(file)
            final = f"export-{ledger.appends:06d}-{file.name}.parquet"
            self._moves.append((file.name, f"{folder}/{final}" if folder else final))
        keys = key_columns(rows.table(), dedupe) if dedupe and ledger.appends > 1 else None
        return self._replace(keys) if keys and self._moves else 0

    def _replace(self, keys: Sequence[KeyColumn]) -> int:
        """Write files of before anew without the rows whose keys came again; how many these are."""
        newer = [self._grown / source for source, _ in self._moves]
        with closing(OlderRows(newer, keys, self._scratch)) as older:
            count = 0
            for number, file in enumerate(sorted(self._target.rglob("export-*.parquet"))):
                if places := older.places_in(file):
                    count += len(places)
                    anew = self._grown / f"anew-{number:06d}"
                    without(file, places, anew)
                    _sync(anew)
                    self._moves.append((anew.name, str(file.relative_to(self._target).as_posix())))
        return count

    def commit(self, ledgers: Sequence[tuple[str, Ledger]]) -> None:
        """Let the files and the ledger count, by one rename."""
        [(_, ledger)] = ledgers
        _write(self._grown / LEDGER, (f"{line}\n" for line in ledger.lines()))
        if ledger.appends > 1:
            _write(self._grown / _MOVES, (json.dumps(move) + "\n" for move in self._moves))
            sync_folder(self._grown)
            self._grown.rename(self._target / OWN / _PENDING)
            sync_folder(self._target / OWN)
            self._move()
            return
        whole = self._scratch / "whole"
        (whole / OWN).mkdir(parents=True)
        for source, final in self._moves:
            (whole / final).parent.mkdir(parents=True, exist_ok=True)
            (self._grown / source).rename(whole / final)
        (self._grown / LEDGER).rename(whole / OWN / LEDGER)
        for folder, _, _ in os.walk(whole):
            sync_folder(Path(folder))
        if self._target.is_dir() and any(self._target.iterdir()):
            _refuse_strangers(self._target)
            self._target.rename(self._scratch / "replaced")
        whole.rename(self._target)
        sync_folder(self._target.parent)

    def _move(self) -> None:
        """Move what is pending to its places; what has been moved already stays."""
        pending = self._target / OWN / _PENDING
        folders = set()
        if (pending / _MOVES).is_file():
            for line in (pending / _MOVES).read_text(encoding="utf-8").splitlines():
                source, final = json.loads(line)
                place = self._target / final
                if (pending / source).exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    (pending / source).replace(place)
                folders |= {place.parent, *place.parent.parents} - {*self._target.parents}
        for folder in folders:
            sync_folder(folder)
        if (pending / LEDGER).exists():
            (pending / LEDGER).replace(self._target / OWN / LEDGER)
            sync_folder(self._target / OWN)
        shutil.rmtree(pending)


def _refuse_strangers(target: Path) -> None:
    """Raise `ConfigError` where the folder holds what no export has made."""
    for folder, _, names in os.walk(target):
        for name in names:
            ours = name.startswith("export-") and name.endswith(".parquet")
            if not ours and Path(folder) != target / OWN:
                raise ConfigError(
                    f"{Path(folder, name)}: is not of an export, which is to be written anew here; "
                    "move it away, and try again"
                )


def _write(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
