"""Ledger of an export that can be appended to: which pages are in it, and what it was made with.

It lies in the target itself and changes in the same step as the rows, so that each page is in the
target once, however often an append was killed. Lines of JSON: a header, then one a partition with
how many of its pages are in, and a digest of which. A partition harvested again, a page that was
repaired or lost: the digest no longer fits, and what was written is not what the harvest holds.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from harvester.errors import ConfigError, DataRefused
from harvester.export.known import Known, known_from
from harvester.store import Entry
from harvester.values import dataclass

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Held:
    """So many pages of a partition, the first ones that count, and a digest of which they are."""

    pages: int = 0
    digest: str = ""

    def then(self, entry: Entry) -> "Held":
        """With one page more."""
        text = f"{self.digest} {entry.part} {entry.sha256}"
        return Held(self.pages + 1, hashlib.sha256(text.encode()).hexdigest()[:32])


@dataclass(slots=True)
class Ledger:
    """What a target holds of one resource. `options` are those that shape its rows, `columns` the
    type of each as DuckDB calls it, `appends` how often rows were written.
    """

    harvest: str
    resource: str
    options: Mapping[str, Any]
    columns: Mapping[str, str] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    records: int = 0
    appends: int = 0
    held: dict[str, Held] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """As it is written down."""
        header = {
            "format": FORMAT, "harvest": self.harvest, "resource": self.resource,
            "options": self.options, "columns": self.columns, "known": self.known.as_dict(),
            "records": self.records, "appends": self.appends,
        }  # fmt: skip
        yield json.dumps(header)
        for folder, held in self.held.items():
            yield json.dumps([folder, held.pages, held.digest])

    def refuse_others(self, target: object, harvest: str, options: Mapping[str, Any]) -> None:
        """Raise `ConfigError` where rows of another harvest or of other options would follow."""
        if harvest != self.harvest:
            raise ConfigError(
                f"{target}: holds {self.resource} of the harvest {self.harvest!r}, and this is "
                f"{harvest!r}; name another target, or write it anew with --force"
            )
        for name, value in options.items():
            if value != self.options.get(name):
                raise ConfigError(
                    f"{target}: was made with {_shown(name, self.options.get(name))}, and now it "
                    f"is {_shown(name, value)}; give what it was made with, or write it anew with "
                    "--force"
                )


def ledger_of(lines: Iterable[str], target: object) -> Ledger:
    """The ledger that was written down so. Raises `DataRefused` for anything else."""
    try:
        header, *rest = map(json.loads, lines)
        if header.pop("format") != FORMAT:
            raise ValueError("it is of another version of harvester")
        header["known"] = known_from(header["known"])
        held = {folder: Held(pages, digest) for folder, pages, digest in rest}
        return Ledger(**header, held=held)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataRefused(
            f"{target}: what it says of its rows cannot be read ({error}); nothing was written; "
            "write it anew with --force"
        ) from None


def changes(
    before: Mapping[str, str], now: Mapping[str, str]
) -> tuple[Sequence[str], Sequence[str]]:
    """The columns that are new, and those of another type, each in words."""
    added = [name for name in now if name not in before]
    changed = [
        f"{name} was {_brief(kind)} and is {_brief(now[name])}"
        if name in now
        else f"{name} is no column any more"
        for name, kind in before.items()
        if now.get(name) != kind
    ]
    return added, changed


def _brief(kind: str) -> str:
    return kind if len(kind) <= 60 else f"{kind[:57]}…"


_FLAGS: Final = {"cast": "--cast", "dedupe": "--dedupe", "drop": "--drop", "hashed": "--hash",
                 "columns": "--columns", "prefix": "--prefix", "partition": "--partition",
                 "partition_by": "--partition-by", "hash_key": "HARVESTER_HASH_KEY"}  # fmt: skip


def _shown(name: str, value: Any) -> str:
    flag = _FLAGS.get(name, name)
    if name == "hash_key":
        return f"another {flag}" if value else f"no {flag}"
    if not value:
        return f"no {flag}"
    if value is True:
        return flag
    if isinstance(value, dict):
        return " ".join(f"{flag} {key}={each}" for key, each in value.items())
    return " ".join(f"{flag} {each}" for each in ([value] if isinstance(value, str) else value))
