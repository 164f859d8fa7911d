"""Regular expressions over JSON text: whole items, containers, an object with one key of interest.

Two things make them fast: possessive quantifiers, which never go back (greedy ones half the
speed), and strings that are first tried as "up to a quote with no backslash before it", a tight
loop in C; only those that hold an escaped quote are matched with more care.
"""

import re
from functools import cache
from typing import Final

from harvester.patterns import pattern

_DEPTH: Final = 12
"""How many levels of brackets an expression sees, an item's own included (a level takes about
1 ms at import). Small items that go deeper are cut one by one, at a sixth of the speed."""

_BLANK: Final = rb"[ \t\r\n]*+"
_THEN_COMMA: Final = _BLANK + rb"," + _BLANK + rb"(?=.)"  # with something after it
_THEN_COLON: Final = _BLANK + rb":" + _BLANK + rb"(?=.)"
_GAP: Final = rb'[^"{}\[\]]*+'  # between strings and brackets
_PLAIN: Final = rb'"[^"]*+(?<!\\)"'  # a string that holds no quote
_STRING: Final = (
    rb'"(?:'
    rb'[^"]*+(?:(?<=[^\\]\\)"[^"]*+)*+(?<!\\)"'  # before each quote inside, one backslash
    rb'|[^"\\]*+(?:\\.[^"\\]*+)*+"'  # any string
    rb")"
)
_SCALAR: Final = rb"[-+.0-9A-Za-z]"


def _inside(levels: int) -> bytes:
    """What may stand between brackets, with so many levels of brackets within, each closed."""
    strings = _GAP + rb"(?:" + _PLAIN + _GAP + rb")*+"
    nested = rb"|[{\[]" + _inside(levels - 1) + rb"[}\]]" if levels else b""
    return strings + rb"(?:(?:" + _STRING + nested + rb")" + strings + rb")*+"


_VALUE: Final = (
    rb"(?:[{\[]" + _inside(_DEPTH - 1) + rb"[}\]]|" + _STRING + rb"|" + _SCALAR + rb"++)"
)

TEXT: Final = pattern(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
BLANKS: Final = pattern(_BLANK)
SCALARS: Final = pattern(_SCALAR + rb"*+")


@cache
def containers() -> re.Pattern[bytes]:
    """What stands between brackets, down to `_DEPTH` levels. Compiled when it is first needed."""
    return re.compile(_inside(_DEPTH), re.DOTALL)


@cache
def items() -> re.Pattern[bytes]:
    """An item and the comma after it, or else all that is left. No group: each would cost 8 %."""
    return re.compile(_VALUE + _THEN_COMMA + rb"|.++", re.DOTALL)


@cache
def only(name: str) -> re.Pattern[bytes]:
    """A whole object in which one key is `name` and no key has an escape; group 1 is its value."""
    wanted = re.escape(name.encode(errors="surrogatepass"))
    other = rb'"(?!' + wanted + rb'")[^"\\]*+"' + _THEN_COLON + _VALUE
    before = rb"(?:" + other + _THEN_COMMA + rb")*+"
    after = rb"(?:" + _THEN_COMMA + other + rb")*+"
    member = before + rb'"' + wanted + rb'"' + _THEN_COLON + rb"(" + _VALUE + rb")" + after
    return re.compile(rb"\{" + _BLANK + member + _BLANK + rb"\}", re.DOTALL)
