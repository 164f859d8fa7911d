"""Encodings in which a value leaves a process and comes back: URLs, JSON, HTML, base64. Pure.

Servers echo what they were sent as their own library writes it, and no two encode the same signs:
`urlencode`, `encodeURIComponent`, browsers, Go and Java all differ. So a value is looked for sign
by sign, each of which may be plain or encoded in any way.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, quote_plus

#: From this length on, a value's base64 is looked for inside other base64, at each of the three
#: places that it can have there. Of shorter values it would be too few letters to be no accident.
_EMBEDDED: Final = 8
_CUT: Final = "…"  # what every text that is cut ends in
_SHORTEST_CUT: Final = 4


def lower(percent_encoded: str) -> str:
    """Percent-encoding with small letters, `%2f`, as some servers write it."""
    return re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), percent_encoded)


def _base64(value: str, before: int = 0) -> str:
    """Its base64; or that of its middle where so many bytes stand before it and others behind."""
    text = base64.b64encode(b"\0" * before + value.encode()).decode().rstrip("=")
    return text[before + 1 : -1] if before else text


def _url_safe(text: str) -> str:
    return text.translate(str.maketrans("+/", "-_"))


_BY_RULE: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    (":plus_lower", lambda value: lower(quote_plus(value))),
    (":quoted_lower", lambda value: lower(quote(value, safe=""))),
    (":path", quote),
    (":plus", quote_plus),
    (":quoted", lambda value: quote(value, safe="")),
)
# The first and last letters of an embedded one hold bits of what is beside it, and stay.
_IN_BASE64: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    (":base64.2", lambda value: _base64(value, 2)),
    (":base64.1", lambda value: _base64(value, 1)),
    (":base64.0", lambda value: _base64(value)[:-1]),
    (":base64url.2", lambda value: _url_safe(_base64(value, 2))),
    (":base64url.1", lambda value: _url_safe(_base64(value, 1))),
    (":base64url.0", lambda value: _url_safe(_base64(value)[:-1])),
    (":base64url", lambda value: _url_safe(_base64(value))),
    (":base64", _base64),
)


def reversible(value: str) -> dict[str, str]:
    """Its spellings that follow a rule, by the rule's name: it tells how another value would be
    spelled. Plain (no name) comes last, to win where spellings are the same.
    """
    embedded = _IN_BASE64 if len(value) >= _EMBEDDED else ()
    found = {kind: spell(value) for kind, spell in (*embedded, *_BY_RULE)}
    return {**found, "": value}


# --- Any mixture of them, sign by sign -----------------------------------------------------------

_SIGNS: Final[dict[str, Callable[[str], str]]] = {
    "r": str,  # raw
    "u": lambda sign: "".join(f"%{byte:02X}" for byte in sign.encode()),
    "l": lambda sign: "".join(f"%{byte:02x}" for byte in sign.encode()),
    "p": lambda sign: "+" if sign == " " else sign,
    "j": lambda sign: json.dumps(sign)[1:-1] if sign != "/" else "\\/",
}
_MIXED: Final = "mixed."


def _is_plain(sign: str) -> bool:
    """Whether nobody encodes it: letters, digits, and `_`. Some encode `~`, `-` and `.`."""
    return sign.isascii() and (sign.isalnum() or sign == "_")


def _spelled(sign: str) -> list[str]:
    """The ways to write a sign that is not plain, the longest first: none hides another."""
    return sorted({spell(sign) for spell in _SIGNS.values()}, key=lambda text: (-len(text), text))


def mixtures(value: str) -> str:
    """A regular expression for `value` with each sign plain or encoded, in ways that `mixed` can
    make again.
    """
    return "".join(
        sign if _is_plain(sign) else f"(?:{'|'.join(map(re.escape, _spelled(sign)))})"
        for sign in value
    )


def mixture(value: str, text: str) -> str:
    """What `mixed` needs to write `value` as `text`, which `mixtures(value)` matched: a letter for
    each of its signs that is not plain. It says no more about the value.
    """
    signs = [sign for sign in value if not _is_plain(sign)]
    # The same expression with a group for each of them: what matched may not be the longest.
    found = re.fullmatch(mixtures(value).replace("(?:", "("), text)
    assert found is not None  # noqa: S101  # narrows for the type checker
    letters = (
        next(letter for letter, spell in _SIGNS.items() if spell(sign) == spelling)
        for sign, spelling in zip(signs, found.groups(), strict=True)
    )
    return _MIXED + "".join(letters)


def mixed(value: str, kind: str) -> str | None:
    """`value` written as a `mixture` says; None where that is none. Of another value than it was
    made from, signs beyond the letters are percent-encoded.
    """
    letters = kind.removeprefix(_MIXED)
    if letters == kind or not set(letters) <= set(_SIGNS):
        return None
    left = iter(letters)
    return "".join(sign if _is_plain(sign) else _SIGNS[next(left, "u")](sign) for sign in value)


# --- For looking only ----------------------------------------------------------------------------


def one_way(texts: Iterable[str]) -> re.Pattern[str]:
    """Whatever gives one of the texts away, the longest first."""
    longest_first = sorted(set(texts), key=lambda text: (-len(text), text))
    encoded = {form for text in longest_first for form in in_base64(text)}
    return any_of(
        [*map(_any_spelling, longest_first), *map(re.escape, sorted(encoded, key=len)[::-1])]
    )


def _any_spelling(value: str) -> str:
    r"""A regular expression for `value` with each sign as anybody may write it: `mixtures`, and
    percent signs encoded again, JSON inside JSON, `\u0026`, and HTML's `&amp;`.

    It *must* be linear in the text, which a server may have made: 64 KB of backslashes in one
    header. So what may repeat without end is taken whole and never given back, and at the value's
    beginning it is looked at from its own beginning only.
    """
    runs = re.findall(r" +|\\+|.", value, re.DOTALL)
    behind = [r"(?<!\\)", *[""] * len(runs)]
    return "".join(map(_any_sign, runs, [*runs[1:], ""], behind))


_MORE_BLANKS: Final = 3


def _any_sign(run: str, following: str, behind: str) -> str:
    """A sign, or a run of blanks or backslashes, in all its spellings; `behind` is what keeps it
    from beginning inside of a run of backslashes.
    """
    sign = run[0]
    if _is_plain(sign):
        return sign
    # A percent sign may be encoded any number of times: `%25253a`.
    hexadecimal = "".join(
        "%(?:25)++" if byte == ord("%") else f"%(?:25)*+{byte:02x}" for byte in sign.encode()
    )
    if sign == "\\":  # in a run, JSON doubles each
        ways = rf"{behind}\\++(?i:u005c)?+|(?i:{hexadecimal})|&#(?:0*+92|[xX]0*+5[cC]);"
        return rf"(?:{ways}){{1,{len(run)}}}+"
    units = sign.encode("utf-16-be").hex(" ", 2).split()
    escaped = r"\\++u".join(["u" + units[0], *units[1:]])
    if sign == " ":  # a run of them may have been made one, and one a few
        blank = rf"(?:[ +]|(?i:{behind}\\*+{escaped}|{hexadecimal}))"
        most = f"{len(run)}}}" if following == "+" else f"{len(run) + _MORE_BLANKS}}}+"
        return f"{blank}{{1,{most}"
    ways = f"(?i:{escaped}|{hexadecimal})|{re.escape(sign)}"
    from html import escape  # its table of entities takes a millisecond to import

    if (entity := escape(sign)) != sign:
        ways = f"{re.escape(entity)}|&#0*+{ord(sign)};|(?i:&#x0*+{ord(sign):x};)|{ways}"
    return rf"{behind}\\*+(?:{ways})"


def in_base64(value: str) -> list[str]:
    """What of its base64 can be found, the longest first."""
    forms = {spell(value) for _, spell in _IN_BASE64} if len(value) >= _EMBEDDED else set()
    forms |= {_base64(value), _url_safe(_base64(value))}
    return sorted(forms, key=lambda form: (-len(form), form))


def without_cut(text: str, values: Iterable[str], mask: str) -> str:
    """`text` without the beginning of a value that stands before an ellipsis: what is cut there
    matches no whole one.
    """
    if _CUT not in text:
        return text
    forms = {form for value in values for form in (*reversible(value).values(), *in_base64(value))}
    pieces = text.split(_CUT)
    for place, piece in enumerate(pieces[:-1]):
        shown = max((_begun(piece, form) for form in forms), default=0)
        if shown:
            pieces[place] = piece[:-shown] + mask
    return _CUT.join(pieces)


def _begun(text: str, form: str) -> int:
    """How many letters of `form`, from its first one on, `text` ends in."""
    at = text.find(form[:_SHORTEST_CUT], max(0, len(text) - len(form)))
    while at >= 0:
        if form.startswith(text[at:]):
            return len(text) - at
        at = text.find(form[:_SHORTEST_CUT], at + 1)
    return 0


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Any of the patterns, the first that fits; never matches where there are none."""
    return re.compile("|".join(patterns) or r"(?!)")
