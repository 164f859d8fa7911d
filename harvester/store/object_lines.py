"""Reads the lines of a partition from an object store: those behind each page, and segments.

Part n is what commits its lines: it *must* have been put where there was none, so that the names of
the parts are the order of the lines, and a part behind a gap is damage. Segments,
`journal/FIRST-LAST.jsonl.gz`, repeat the lines of 100, 1,000, 10,000 or 100,000 committed parts.
They save requests and are no truth: none is needed, and each can be built from the parts again.
"""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from harvester.errors import DataRefused
from harvester.store.bucket import Bucket, Found
from harvester.store.entries import FORMAT, Entry, Header, parsed, sound, unpacked_lines
from harvester.store.object_recap import Seal, repeated
from harvester.store.parts import is_raw, part_number
from harvester.store.trailer import text_at_end, trailer
from harvester.values import dataclass

#: So many parts a segment has at first, and at most.
EACH: Final = 100
HIGHEST: Final = 100_000
SEGMENTS: Final = "journal"
#: The most that a listing says at once.
ANSWER: Final = 1000
_TAIL_BYTES: Final = 16_384
_LONG_TAIL_BYTES: Final = 16 << 20  # no lines of one part are longer
_AT_ONCE: Final = 8
_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Committed:
    """Lines of a part, or of all parts up to `number`; `epoch` is that of who put a part, `found`
    the part itself, and `before` what was read of it that lies before its lines.
    """

    number: int
    lines: tuple[bytes, ...]
    epoch: str | None = None
    found: Found | None = None
    before: bytes = b""


def committed(bucket: Bucket, folder: str) -> Iterator[Committed]:
    """The lines of all committed parts, in order, by as few requests as can be.

    Raises `DataRefused` for a gap or for a part without lines, `DiskError`.
    """
    yield from _read(bucket, folder, *_laid_out(bucket, folder))


def all_lines(bucket: Bucket, folder: str) -> Iterator[bytes]:
    """The lines alone: by one read where the last part repeats those of the others, or of those
    behind the segments.
    """
    segments, tail = _laid_out(bucket, folder)
    if not 1 < len(tail) < EACH:
        for found in _read(bucket, folder, segments, tail):
            yield from found.lines
        return
    last, seal = part_lines(bucket, tail[-1]), Seal()
    for part in tail[:-1]:
        seal.add(part)
    before = repeated(last.before, str(seal))
    if before is not None and segments:
        for found in _read(bucket, folder, segments, []):
            yield from found.lines
    if before is None:
        for found in _read(bucket, folder, segments, tail[:-1]):
            yield from found.lines
    yield from before or ()
    yield from last.lines


def _laid_out(bucket: Bucket, folder: str) -> tuple[list[tuple[int, int]], list[Found]]:
    """The segments that are to be read, and the parts behind them."""
    first = next(bucket.listing(folder), [])
    is_all = len(first) < ANSWER
    segments, at = covering(
        first if is_all else _flat(bucket.listing(f"{folder}/{SEGMENTS}")), folder
    )
    parts = first
    if not is_all:
        parts = list(_flat(bucket.listing(folder, after=f"{folder}/part-{at:06d}~")))
    return segments, in_order(bucket, folder, parts, at)


def _read(
    bucket: Bucket, folder: str, segments: list[tuple[int, int]], tail: list[Found]
) -> Iterator[Committed]:
    jobs = len(segments) + len(tail)
    if jobs <= _FEW:
        for each in segments:
            yield from _said_by(bucket, folder, each, _segment(bucket, folder, each))
        yield from (part_lines(bucket, found) for found in tail)
        return
    with ThreadPoolExecutor(min(_AT_ONCE, jobs), thread_name_prefix="lines") as pool:
        for start in range(0, len(segments), _AT_ONCE):
            some = segments[start : start + _AT_ONCE]
            read = pool.map(lambda each: _segment(bucket, folder, each), some)
            for each, packed_lines in zip(some, read, strict=True):
                yield from _said_by(bucket, folder, each, packed_lines)
        for start in range(0, len(tail), EACH):
            yield from pool.map(lambda found: part_lines(bucket, found), tail[start : start + EACH])


def in_sequence(bucket: Bucket, folder: str, lines: Iterable[bytes]) -> Iterator[Header | Entry]:
    """What lines say, the header first, then each entry in its place; else `DataRefused`."""
    place = f"{bucket.place}/{folder}"
    for seq, line in enumerate(lines):
        said = line_of(bucket, folder, line)
        here = said.seq if isinstance(said, Entry) else 0
        if here != seq:
            what = f"page {here}" if here else "the beginning of a journal"
            belongs = f"{seq} belongs" if seq else "its journal begins"
            raise DataRefused(f"{place}: {what} stands where {belongs}")
        yield said


def last_committed(bucket: Bucket, folder: str) -> Committed | None:
    """The last of them; None where there is none. Reads one part."""
    last: tuple[int, Found] | None = None
    for answer in bucket.listing(folder):
        for found in answer:
            number = own_number(found.key, folder)
            if number is not None and (last is None or number > last[0]):
                last = number, found
    return part_lines(bucket, last[1]) if last else None


def part_lines(bucket: Bucket, found: Found) -> Committed:
    """The lines at the end of a part."""
    end = bucket.get(found.key, max(0, found.size - _TAIL_BYTES), found.size) or b""
    text = text_at_end(end)
    if text is None and found.size > _TAIL_BYTES:
        end = bucket.get(found.key, max(0, found.size - _LONG_TAIL_BYTES), found.size) or b""
        text = text_at_end(end)
    if text is None:
        raise DataRefused(
            f"{bucket.place}/{found.key}: holds no line of a journal: no part of a harvest, or "
            "damaged; `harvester verify` tells what else is"
        )
    epoch, *lines = text.splitlines(keepends=True)
    number = part_number(found.key.rsplit("/", 1)[-1]) or 0
    before = end[-_TAIL_BYTES : -len(trailer(text))]
    return Committed(number, tuple(lines), epoch.decode().strip(), found, before)


def segment_name(folder: str, first: int, last: int) -> str:
    """The name of the segment with the lines of parts `first` to `last`."""
    return f"{folder}/{SEGMENTS}/{first:09d}-{last:09d}.jsonl.gz"


def own_number(key: str, folder: str) -> int | None:
    """The number of a part that lies in `folder` itself; None for anything else, and for a file
    that a part commits.
    """
    name = key[len(folder) + 1 :]
    is_own = key.startswith(f"{folder}/") and "/" not in name
    return part_number(name) if is_own and not is_raw(name) else None


def line_of(bucket: Bucket, folder: str, line: bytes) -> Header | Entry:
    """What a line says; `DataRefused` where it is damaged or of a later version."""
    place = f"{bucket.place}/{folder}"
    text = sound(line)
    if text is None:
        raise DataRefused(f"{place}: a line of its journal is damaged; see `harvester verify`")
    try:
        if not text.startswith(b'{"format"'):
            return parsed(text)
        value = json.loads(text)
        if value.get("format") != FORMAT:
            raise DataRefused(
                f"{place}: written by a later version of harvester, in format "
                f"{value.get('format')}; this one reads format {FORMAT}"
            )
        return Header(**value)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataRefused(f"{place}: {error}") from error


def _flat(answers: Iterator[list[Found]]) -> Iterator[Found]:
    for answer in answers:
        yield from answer


def covering(
    there: list[Found] | Iterator[Found], folder: str
) -> tuple[list[tuple[int, int]], int]:
    """The fewest segments that follow one another from the first part on, and where they end."""
    covers: dict[int, int] = {}
    begins = f"{folder}/{SEGMENTS}/"
    for found in there:
        first, _, last = found.key.removeprefix(begins).partition(".")[0].partition("-")
        if found.key.startswith(begins) and first.isdecimal() and last.isdecimal():
            covers[int(first)] = max(int(last), covers.get(int(first), 0))
    taken, at = [], 0
    while (last_one := covers.get(at + 1, 0)) > at:
        taken.append((at + 1, last_one))
        at = last_one
    return taken, at


def in_order(bucket: Bucket, folder: str, parts: list[Found], at: int) -> list[Found]:
    """The parts behind number `at`; `DataRefused` where one is missing or there twice."""
    tail = []
    numbered = ((own_number(found.key, folder), found.key, found) for found in parts)
    behind = [(number, key, found) for number, key, found in numbered if (number or 0) > at]
    for number, _, found in sorted(behind, key=lambda each: each[:2]):
        if number != at + 1:
            what = "is there twice"
            if number != at:
                what = f"lies behind a gap: part {at + 1} is missing"
            raise DataRefused(
                f"{bucket.place}/{found.key}: {what}; something has removed or added objects "
                "(a lifecycle rule, another program); nothing was changed"
            )
        at = number
        tail.append(found)
    return tail


def segment_lines(bucket: Bucket, folder: str, first: int, last: int) -> Committed:
    """The lines of a segment, which has not many."""
    span = first, last
    said = _said_by(bucket, folder, span, _segment(bucket, folder, span))
    return Committed(last, tuple(line for some in said for line in some.lines))


def _segment(bucket: Bucket, folder: str, span: tuple[int, int]) -> bytes:
    """What is there of a segment."""
    name = segment_name(folder, *span)
    data = bucket.get(name)
    if data is None:
        raise DataRefused(f"{bucket.place}/{name}: was there and is gone; run again")
    return data


def _said_by(
    bucket: Bucket, folder: str, span: tuple[int, int], data: bytes
) -> Iterator[Committed]:
    """The lines of a segment, some at a time: those of 100,000 parts take 60 MB."""
    try:
        for lines in unpacked_lines(data):
            yield Committed(span[1], lines)
    except (OSError, ValueError, EOFError) as error:
        raise DataRefused(
            f"{bucket.place}/{segment_name(folder, *span)}: damaged: {error}; remove this object, "
            "it is built again"
        ) from error
