"""Validates whole items of an array at once, so that the parser need not see them.

From a place that is known to be the beginning of an item, text that is a whole array of values once
it stands in brackets can only end where an item ends. msgspec reads it at 1,250 MB/s and gives the
items as they stand. What it cannot vouch for is not proven wrong: somebody else must look closer.
"""

from typing import Final

import msgspec

from harvester.patterns import pattern

#: What msgspec raises for what it cannot vouch for.
UNPROVEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TRAILING: Final = pattern(r"trailing characters \(byte (\d+)\)")
_WHITE_SPACE: Final = b" \t\r\n"
_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_skip = msgspec.json.Decoder(msgspec.Raw).decode


def check(text: bytes) -> None:
    """Raise one of `UNPROVEN` where `text` is no JSON, but for its encoding: that is not looked at,
    and lone surrogates are refused.
    """
    _skip(text)


def proven(text: bytes) -> tuple[bytes, list[msgspec.Raw]]:
    """The array that `text` is, or begins with where something else follows, and its items; nothing
    of both where it is no array, or not whole.
    """
    array = text
    for _ in range(2):
        try:
            return array, _decode(array)
        except UNPROVEN as error:
            # A hint, which saves the search; nothing is lost if it should be worded differently.
            hint = _TRAILING.search(str(error))
            if hint is None:
                break
            array = text[: int(hint[1]) - 1].rstrip(_WHITE_SPACE)
    return b"", []
