"""Compares two stored pages whose envelopes may differ: are their records the same?

This reads both pages, so it is done only where their keys, as far as they were seen, are the same.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from harvester.model import Key, Path
from harvester.page import Keys, PageFormat, Record
from harvester.patterns import pattern

_LOOKED_AT: Final = 50  # records of each page, for what else they have in common
_LEAST_TEXTS: Final = 2
_TEXT: Final = pattern(r"(?!\d{4}-\d\d-\d\d)(?=.*[^\W\d])", re.DOTALL)
_objects = msgspec.json.Decoder(list[dict[str, Any]]).decode


Stream = Callable[[], Iterator[bytes]]
"""Opens what a page says, decoded, each time from its beginning."""


def same_records(one: Stream, other: Stream, pages: PageFormat[Any], keys: Keys) -> bool:
    """Whether two pages have the same keys in the same order. Raises OSError,
    `DataRefused`.
    """
    pairs = (
        (key for batch in pages.batches(page()) for key in keys.of(batch)) for page in (one, other)
    )
    try:
        return all(a == b for a, b in zip(*pairs, strict=True))
    except ValueError:  # one of them is longer
        return False


def are_other_records(one: Stream, other: Stream, pages: PageFormat[Any], key: Path) -> bool:
    """Whether records with the same value at `key` are others after all, since their texts are: ids
    may be mere numbers of rows, which begin anew on each page. A text that changes, such as
    "three minutes ago", does not make a record another. Raises OSError, `DataRefused`.
    """
    own = {segment.name for segment in key[:1] if isinstance(segment, Key)}
    compared = 0
    texts: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    for a, b in zip(_members(one, pages), _members(other, pages), strict=False):
        compared += 1
        for name in (_texts(a) & _texts(b)) - own:
            texts[name] += 1
            differing[name] += a[name] != b[name]
    changed = [name for name, times in texts.items() if 2 * differing[name] > times]
    return bool(compared) and len(changed) == len(texts) >= _LEAST_TEXTS


def _members(page: Stream, pages: PageFormat[Any]) -> Iterator[dict[str, Any]]:
    """The first records of a page that are objects."""
    records = (each for batch in pages.batches(page()) for each in batch)
    first: Sequence[Record] = [*islice(records, _LOOKED_AT)]
    try:
        yield from _objects(b"[%b]" % b",".join(first))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return


def _texts(record: dict[str, Any]) -> set[str]:
    return {name for name, value in record.items() if isinstance(value, str) and _TEXT.match(value)}
