"""Formats numbers and durations for people, and quotes what servers wrote. Pure text.

What servers and files say may hold anything; `printable` must come between that and a terminal,
which would obey escape sequences in it.
"""

import textwrap
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_SIZES: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")
ELLIPSIS: Final = "…"


def size(count: float) -> str:
    """A number of bytes: `812 bytes`, `3.2 MB`, in powers of ten as disks and networks count."""
    power = 0
    while count >= 999.5 and power < len(_SIZES) - 1:
        count /= 1000
        power += 1
    digits = 1 if power and count < 99.95 else 0
    return f"{count:.{digits}f} {_SIZES[power]}"


def duration(seconds: float) -> str:
    """A length of time by its two largest units: `8 s`, `1 min 23 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    for (unit, length), (smaller, part) in pairwise(_UNITS):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    raise AssertionError(seconds)


_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def roughly(seconds: float) -> str:
    """An estimate of time, only as fine as anybody would believe it: it must not flicker."""
    for least, grain in ((36_000, 1800), (3600, 300), (600, 60), (60, 10), (20, 5)):
        if seconds >= least:
            return duration(round(seconds / grain) * grain)
    return duration(seconds)


def per_second(requests: float) -> str:
    """How often something is asked: `17 requests/s`, `1.25 requests/s`, `20 requests/min`."""
    if requests >= 1:
        return f"{requests:.3g} requests/s" if requests < 1000 else f"{requests:,.0f} requests/s"
    return f"{requests * 60:.3g} requests/min"


def number(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 page`, `12,345 pages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """`text` without anything that a terminal might obey; line breaks stay."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def one_line(text: str) -> str:
    """`text` printable and on one line."""
    return printable(" ".join(text.split()))


def width(text: str) -> int:
    """How many cells of a terminal a line of printable text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, cells: int) -> str:
    """`text` cut at its end to so many cells."""
    if width(text) <= cells:
        return text
    kept = text[: max(0, cells - 1)]
    while width(kept) > cells - 1 and kept:
        kept = kept[:-1]
    return kept + ELLIPSIS if cells > 0 else ""


def fit_ends(text: str, cells: int) -> str:
    """`text` cut in its middle: what tells partitions apart stands at both ends."""
    if width(text) <= cells:
        return text
    tail = text[len(text) - max(0, (cells - 1) // 2) :]
    while width(tail) > (cells - 1) // 2 and tail:
        tail = tail[1:]
    return fit(text, cells - width(tail)) + tail if cells > 2 else fit(text, cells)


def wrap(text: str, columns: int | None, indent: str = "") -> str:
    """Prose on lines of at most `columns` cells (None: as it is), broken between words only."""
    if columns is None:
        return indent + text
    lines = textwrap.wrap(
        text,
        max(20, columns),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def percent(share: float) -> str:
    """A share in at most four letters; a decimal while it is small."""
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """`text` filled up with blanks, behind it or (`right`) before it."""
    blanks = " " * (cells - width(text))
    return blanks + text if right else text + blanks


def table(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int | None = None) -> str:
    """Rows under a header, in aligned columns; all but the first are set to the right if every
    value in them begins with a digit. Wider than `columns`, each row becomes a block of its own.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(header, *cells, strict=True)]
    if columns is not None and sum(widths) + 2 * (len(widths) - 1) > columns:
        return _blocks(header, cells)
    right = [
        place > 0 and all(not row[place] or row[place][0].isdigit() for row in cells)
        for place in range(len(header))
    ]
    return "\n".join(
        "  ".join(
            pad(cell, wide, right=to_right)
            for cell, wide, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [list(header), *cells]
    )


def _blocks(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widest = max(map(width, header[1:]), default=0)
    lines = []
    for first, *rest in rows:
        lines.append(first)
        lines += [
            f"  {pad(name, widest)}  {cell}"
            for name, cell in zip(header[1:], rest, strict=True)
            if cell
        ]
    return "\n".join(lines)
