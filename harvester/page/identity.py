"""Identifies the records of a page while it streams by: hashes of their keys, its `Sight`.

With a `key` all records are looked at, cut out of the page a window at a time. Without one, those
in the first 64 KiB, once the page is known to be sound: nearly every page is no longer, and the
cost of a larger one does not grow with it. What is kept of a page is small whatever its size: a
hash of the first record's key, one of all of them in any order, and the smallest hashes
(`sketch`). Hashes are xxh3's: 60 ns a record, and they must be the same in the next process.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from xxhash import xxh3_64_intdigest, xxh3_128_digest

from harvester.errors import DataRefused
from harvester.model import JSONPathError, Path, parse
from harvester.page.keys import Keys, Record, guess
from harvester.page.records import iter_batches
from harvester.page.sketch import ALL, Sketch
from harvester.values import dataclass

_HEAD_BYTES: Final = 64 * 1024
#: So much of a page may pass without a record's end before it is no longer looked for: memory holds
#: a whole record.
_MOST_BETWEEN: Final = 16 << 20
_BLOCK_BYTES: Final = 64 * 1024
#: How many hashes are sampled where there is a key, and where there is none.
SAMPLED: Final = 1024
SAMPLED_UNKEYED: Final = 256
_BOM: Final = b"\xef\xbb\xbf"
_64_BITS: Final = (1 << 64) - 1


def _none(_: int) -> Sequence[Record]:
    return ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of the records of a page. `by` is the path of the key, "" where a record is
    its own; `records` how many were looked at, `unkeyed` of which have no key: they stand for
    themselves in `page`, of all keys in any order, and are not in the sample. `first` is a hash
    of the first one's.
    """

    by: str
    records: int
    unkeyed: int
    first: int
    page: int
    sample: Sequence[int]
    repeats: bool  # a record stands twice in the page


class Identity:
    """How the records of a resource are told apart. `paths` are those of its `key`, or none."""

    def __init__(self, selector: Path, paths: Sequence[Path]) -> None:
        self.selector = selector
        self.declared = bool(paths)
        self.size = SAMPLED if paths else SAMPLED_UNKEYED
        self._keys = Keys(paths)
        self._guessed: dict[str, Keys] = {"": Keys(())}

    def look(self, by: str | None, below: int) -> "Look":
        """Look at a page. `by` is what its partition's records are told apart by (None: not known
        yet); only hashes below `below` are of interest.
        """
        return Look(self, by, below)

    def named(self, by: str) -> Keys:
        """The keys by a path that was guessed before."""
        if self.declared:
            return self._keys
        if by not in self._guessed:
            try:
                self._guessed[by] = Keys([parse(by)])
            except JSONPathError:  # a key of several paths, which was taken out of the YAML
                return self._guessed[""]
        return self._guessed[by]

    def guessed(self, records: Sequence[Record]) -> str:
        """The path by which these records can be told apart; "" where they are their own keys."""
        keys = Keys([guess(records)])
        self._guessed.setdefault(str(keys), keys)
        return str(keys)


class Look:
    """One page being looked at."""

    def __init__(self, identity: Identity, by: str | None, below: int) -> None:
        self._identity = identity
        self._by = by
        self._below = below
        self._head = b""
        self._is_cut = False
        self._count: _Count | None = None
        self._known: Sequence[Record] = ()

    def over(self, chunks: Iterable[bytes]) -> None:
        """Draw all chunks of the page, and look at them on the way; raises what they raise."""
        chunks = iter(chunks)
        head = []
        size = 0
        for chunk in chunks:
            head.append(chunk)
            size += len(chunk)
            if size > _HEAD_BYTES:
                break
        self._head = b"".join(head)
        self._is_cut = size > _HEAD_BYTES
        if self._is_cut and self._identity.declared:
            self._count_all(chunks)
        for _ in chunks:
            pass

    def _count_all(self, chunks: Iterator[bytes]) -> None:
        """Look at all records of a large page with a key."""
        count = _Count(str(self._identity.named("")), self._identity.size, self._below)
        keys = self._identity.named("")
        blocks = _Blocks(chain([self._head], chunks))
        self._head = b""
        # What is no page is found by others, and a record that is too long for us is none.
        with contextlib.suppress(DataRefused, _TooLong):
            for batch in iter_batches(blocks, self._identity.selector):
                blocks.since = 0
                count.add(keys.of(batch), batch)
        self._count = count

    def sight(self, first: Callable[[int], Sequence[Record]] = _none) -> Sight | None:
        """What was seen, once the page is known to be sound; None where there are no records.

        `first` gives the records that end within so many bytes of the page, if somebody who has
        read it knows them.
        """
        if self._count is not None:
            return self._count.sight()
        text = self._head.removeprefix(_BOM)
        self._head = b""
        if b"\n" in text or b"\r" in text:  # as `elements` does: they are no part of a record
            text = text.translate(None, b"\r\n")
        elif self._is_cut:
            self._known = first(_HEAD_BYTES)
        keys = self._keys(text)
        found = None if self._is_cut else keys.in_page(text, self._identity.selector)
        records: Sequence[Record] = ()
        if found is None or None in found:
            records = self._records(text)
            found = keys.of(records)
        count = _Count(str(keys), self._identity.size, self._below)
        count.add(found, records)
        return count.sight()

    def _keys(self, text: bytes) -> Keys:
        identity = self._identity
        if identity.declared:
            return identity.named("")
        if self._by is None:
            self._by = identity.guessed(self._records(text))
        return identity.named(self._by)

    def _records(self, text: bytes) -> Sequence[Record]:
        """The records in the head of the page, as far as they are whole."""
        if len(self._known) > 1:  # a single one may say that there is none
            return self._known
        found: list[Record] = []
        with contextlib.suppress(DataRefused):
            for batch in iter_batches((text[:_HEAD_BYTES],), self._identity.selector):
                found += batch
        return found


class _Count:
    """The keys of a page as they come."""

    def __init__(self, by: str, size: int, below: int) -> None:
        self._by = by
        self._sketch = Sketch(size)
        self._below = below
        self._records = self._unkeyed = self._first = 0
        self._all = 0  # the sum of all hashes: the same records in another order have the same

    def add(self, keys: Sequence[bytes | None], records: Sequence[Record]) -> None:
        """Take in the keys of more records; `records` may be left out where each has one."""
        hashes = every = [*map(xxh3_64_intdigest, filter(None, keys))]
        if len(hashes) != len(keys):
            self._unkeyed += len(keys) - len(hashes)
            pairs = zip(keys, records, strict=True)
            every = [xxh3_64_intdigest(key or bytes(record)) for key, record in pairs]
        if every and self._records == 0:
            self._first = every[0]
        self._records += len(keys)
        self._all = (self._all + sum(every)) & _64_BITS
        below = min(self._below, self._sketch.below)
        few = hashes if below == ALL else [each for each in hashes if each < below]
        self._sketch.add(few, len(hashes))

    def sight(self) -> Sight | None:
        if not self._records:
            return None
        return Sight(
            self._by,
            self._records,
            self._unkeyed,
            self._first,
            self._all,
            self._sketch.sample(),
            self._sketch.repeated > 0,
        )


def digest(key: bytes) -> bytes:
    """A key in 16 bytes, for who counts all of them exactly."""
    return xxh3_128_digest(key)


class _TooLong(Exception):
    """A record that would not fit into flat memory."""


class _Blocks:
    """Chunks put together to blocks that records are cut out of fast; `since` are the bytes that
    have been given since whoever takes them set it to 0.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.since = 0

    def __iter__(self) -> Iterator[bytes]:
        waiting: list[bytes] = []
        size = 0
        for chunk in self._chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size >= _BLOCK_BYTES:
                if self.since > _MOST_BETWEEN:
                    raise _TooLong
                self.since += size
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)
