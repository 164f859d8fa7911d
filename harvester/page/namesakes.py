"""Counts the members of a name in the text of records, by which a key that stands twice shows.

The text may hold more of them than there are on a path, in objects below; never fewer. Where it
does, arrays are opened once more, by a type of records that takes note of each.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from harvester.patterns import pattern

#: In the names that lead to a member: each item of an array.
EACH: Final = None
ABSENT: Final = msgspec.UNSET
Names = tuple[str | None, ...]

_SURROGATES: Final = 0x10000
_UNSAFE: Final = pattern(r'["\\/\x00-\x1f\x7f\ud800-\udfff]')
_SPACE: Final = rb"[ \t\r\n]*+"


def is_unsafe(name: str) -> bool:
    """Whether a name may be spelled in other ways than by numbers of letters, or in none."""
    return bool(_UNSAFE.search(name))


def sayings(name: str | None, text: bytes, *, no_object: bool = False) -> int:
    """How many members have the name; -1 where it may be spelled otherwise."""
    plain, of_no_object, escaped = _patterns(str(name))
    if b"\\" in text and escaped.search(text):
        return -1
    return len((of_no_object if no_object else plain).findall(text))


def is_said_once(name: str | None, text: bytes, members: int) -> bool:
    """Whether no more members have the name than are known of; False where that cannot be told."""
    # So many quoted names may be members or texts; twice as fast as to look for a colon.
    is_plain = text.count(b'"%b"' % str(name).encode()) == members
    if is_plain and not (b"\\" in text and _patterns(str(name))[2].search(text)):
        return True
    return sayings(name, text) == members


@cache
def _patterns(name: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """What finds members of a name; those that are no objects; and the name's escaped letters."""
    member = b'"' + re.escape(name.encode()) + b'"' + _SPACE + b":"
    points = [ord(letter) for letter in set(name)]
    units = {
        point if point < _SURROGATES else 0xD800 + (point - _SURROGATES >> 10) for point in points
    }
    spelled = ["".join(map(_either_case, f"{unit:04x}")) for unit in sorted(units)]
    start = "00" if max(points, default=0) < 0x100 else ""  # what is the same is found soonest
    letters = "|".join(each.removeprefix(start) for each in spelled)
    return (
        re.compile(member),
        re.compile(member + _SPACE + rb"(?!\{)"),
        re.compile(rf"\\u{start}(?:{letters})".encode()),
    )


def _either_case(digit: str) -> str:
    return f"[{digit}{digit.upper()}]" if digit.isalpha() else digit


def openings_type(paths: Sequence[Names]) -> tuple[Any, list[list[None]]]:
    """A type of records that takes note of each array that is opened where one of `paths` leads."""
    opened: list[list[None]] = [[] for _ in paths]
    return _opening([*zip(paths, opened, strict=True)]), opened


def _opening(below: Sequence[tuple[Names, list[None]]]) -> Any:
    if not below[0][0]:
        note: Callable[[Any], None] = lambda _: below[0][1].append(None)  # noqa: E731
        return msgspec.defstruct(
            "Array", [], namespace={"__post_init__": note}, array_like=True, gc=False
        )
    groups: dict[str, list[tuple[Names, list[None]]]] = {}
    for names, opened in below:
        groups.setdefault(str(names[0]), []).append((names[1:], opened))
    fields = [(f"f{at}", _opening(rest), ABSENT) for at, rest in enumerate(groups.values())]
    rename = {f"f{at}": name for at, name in enumerate(groups)}
    return msgspec.defstruct("Record", fields, rename=rename, gc=False)
