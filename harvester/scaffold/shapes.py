"""Recognizes a secret by its looks where no name gives it away: in a path, in any header. Pure.

Vendors' tokens begin in ways of their own. Others are long and random: letters of both cases and
digits change places more often than in any words. Ids look random too (`/databases/9f8e…/query`)
and are kept where the path says what they are ids of; in the first place, behind a version, or
behind a word such as `key` they are somebody's key.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final
from urllib.parse import unquote, urlsplit

from harvester.patterns import pattern

#: How vendors' tokens begin. Short ones would be found in words.
SHAPES: Final = pattern(
    r"\b(?:gh[pousr]_\w{8,}|github_pat_\w{8,}|glpat-[\w-]{8,}|[sr]k_(?:live|test)_\w{8,}"
    r"|xox[abeoprs]-[\w-]{8,}|AIza[\w-]{20,}|AKIA[0-9A-Z]{12,}|shp(?:at|ca|pa|ss)_\w{8,}"
    r"|pat-[a-z]{2,3}\d-[\w-]{6,}|(?:ntn|secret)_\w{16,}|hf_\w{16,}|sk-[\w-]{20,}|npm_\w{20,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{4,}\.[\w-]{4,}|key[A-Za-z0-9]{14}"
    r")(?![\w-])"
    r"|(?<![0-9])\d{6,12}(?::|%3[Aa])[\w-]{30,}(?![\w-])"
)
_SHORTEST: Final = 20
_UUID: Final = r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
_ID: Final = pattern(rf"{_UUID}|[0-9a-f]{{32,}}", re.IGNORECASE)
_KEYED: Final = pattern(
    r"(?:.*[-_.])?(?:api[-_]?key|access[-_]?key|key|token|secret|auth|password|pass|signature"
    r"|session|webhooks?|hooks?|bot|feed|private)",
    re.IGNORECASE,
)
_ROOT: Final = pattern(r"v?[0-9]{1,2}(?:\.[0-9]{1,2})*|api|rest|rpc|", re.IGNORECASE)
_PLAIN: Final = pattern(r"[\w~.+=-]+", re.ASCII)
_NAMED_PART: Final = pattern(r"([A-Za-z][\w-]*)[=:](.{4,})", re.DOTALL)


def is_random(text: str) -> bool:
    """Whether a text of one piece can only be made by chance: no words, no date, no UUID."""
    if len(text) < _SHORTEST or not _PLAIN.fullmatch(text) or _ID.fullmatch(text):
        return False
    kinds = [_kind(character) for character in text if character.isalnum()]
    if len(kinds) < _SHORTEST or "0" not in kinds or not {"a", "A"} & set(kinds):
        return False
    changes = sum(one != other for one, other in pairwise(kinds)) / len(kinds)
    # Chance gives 0.6 with both cases and 0.4 with one; words in CamelCase 0.3, slugs 0.1.
    return changes > (0.42 if {"a", "A"} <= set(kinds) else 0.28)


def without_secrets(path: str, variable: Callable[[str, str], str], named: "Named") -> str:
    """A URL's path where `variable(text, kind)` stands for each secret; `named` knows names."""
    before, kept = "", []
    for segment in path.split("/"):
        pieces = [_piece(piece, before, variable, named) for piece in segment.split(";")]
        kept.append(";".join(pieces))
        before = unquote(segment)
    return "/".join(kept)


def in_url(url: str, named: "Named") -> bool:
    """Whether a URL that is only named (a Referer) holds what must not be written down: a login, a
    query, or a secret in its path.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return True
    found: list[str] = []

    def note(text: str, kind: str) -> str:
        found.append(text)
        return kind

    without_secrets(parts.path, note, named)
    return bool(found or parts.query or parts.fragment or "@" in parts.netloc)


Named = Callable[[str], bool]


def _piece(segment: str, before: str, variable: Callable[[str, str], str], named: Named) -> str:
    plain = unquote(segment)
    pair = _NAMED_PART.fullmatch(segment)
    if pair and named(pair[1]):
        return f"{pair[1]}{segment[len(pair[1])]}{variable(pair[2], _kind_of(pair[1]))}"
    if SHAPES.search(segment):
        return SHAPES.sub(lambda found: variable(found[0], "TOKEN"), segment)
    keyed = _KEYED.fullmatch(before) is not None
    if is_random(plain) or (keyed and _may_be_key(plain)):
        return variable(segment, "KEY" if "key" in before.lower() else "TOKEN")
    if _ID.fullmatch(plain) and _ROOT.fullmatch(before):
        return variable(segment, "KEY")
    return segment


def _may_be_key(text: str) -> bool:
    return len(text) >= 8 and any(map(str.isdigit, text)) and _PLAIN.fullmatch(text) is not None


def _kind_of(name: str) -> str:
    return "TOKEN" if "token" in name.lower() else "KEY"


def _kind(character: str) -> str:
    return "0" if character.isdigit() else "A" if character.isupper() else "a"


def cookie_parts(cookie: str) -> Iterator[str]:
    """The values of a Cookie header, each of which gives it away."""
    for part in cookie.split(";"):
        value = part.partition("=")[2].strip()
        if len(value) >= 8:
            yield value
