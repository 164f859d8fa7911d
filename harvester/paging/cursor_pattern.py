"""Cuts a cursor out of a longer text, by `cursor_pattern`. Pure.

Most such texts are URLs, in which a token is percent-encoded. It will be encoded again where it is
sent, so it is decoded here; else a server that gave `k%3A5` would be asked for `k%253A5`. What
comes out is what following the URL would have sent: in its query a `+` is a blank.
"""

import re
from typing import Final
from urllib.parse import unquote, unquote_plus

from harvester.patterns import pattern

# What a URL, or the rest of one, cannot hold: where it begins and ends within a text.
_BORDERS: Final = "\t\n\r \"'<>"
_URL: Final = pattern(r"[A-Za-z][A-Za-z0-9+.-]*://|\.{0,2}/|[?&]|[\w.~-]+/[^?]*\?")
_SCHEME: Final = pattern(r"[A-Za-z][A-Za-z0-9+.-]*://")
_QUERY: Final = pattern(r"[\w.~$%\[\]-]+=")


def cut_out(pattern: str, text: str, *, encoded: bool) -> str | None:
    """What the pattern's group matches, or None; decoded where it is part of a URL, unless
    `encoded` tokens are to be kept as they are.
    """
    found = re.search(pattern, text)
    if found is None or found[1] is None:
        return None
    token = found[1]
    if encoded or not ("%" in token or "+" in token):
        return token
    start = found.start(1)
    before = text[_last_border(text, start) : start]
    if not (_URL.match(before) or _QUERY.match(before)):
        return token
    in_query = "?" in before or before.startswith("&") or not _URL.match(before)
    if _is_followed(token, in_query):
        return token
    try:
        return (unquote_plus if in_query else unquote)(token, errors="strict")
    except UnicodeDecodeError:  # bytes in a charset of their own: no text gives them back
        return token


def _is_followed(token: str, in_query: bool) -> bool:
    """Whether it is a URL itself, or the end of one with several parameters: that is put into a
    request as it is, and not sent as one value.
    """
    whole = _SCHEME.match(token) or "?" in token or "&" in token
    return bool(whole) or (token.startswith("/") and not in_query)


def _last_border(text: str, end: int) -> int:
    return max(text.rfind(border, 0, end) for border in _BORDERS) + 1
