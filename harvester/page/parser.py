"""Pushes text into the incremental JSON parser (ijson on yajl), and maps its failures to verdicts.

`basic_parse_coro` and a stack of our own (see `matcher`), not `parse_coro` or `items_coro`: those
take 10.8 GB for 65 KB of `[`, and their dotted prefixes mistake a key "paging.next" for a path.
"""

from typing import Any, NoReturn

import ijson  # type: ignore[import-untyped]  # it ships no types

from harvester.errors import AttemptFailed, NotJSON


class Parser:
    """Sends the events of one JSON text to a coroutine. Raises `NotJSON`, and what that raises."""

    def __init__(self, events: Any) -> None:
        self._push = ijson.basic_parse_coro(events)

    def send(self, text: bytes) -> None:
        """Parse a portion that is not empty."""
        try:
            self._push.send(text)
        except Exception as error:
            _reject(error)

    def close(self) -> None:
        """The text is complete."""
        try:
            self._push.close()
        except Exception as error:
            _reject(error)


def check_deep(text: bytes) -> None:
    """Raise `NotJSON` where a whole JSON text, however deep, is none."""
    parser = Parser(ijson.sendable_list())
    parser.send(text)
    parser.close()


def _reject(error: Exception) -> NoReturn:
    """Map whatever the parser lets through to a verdict.

    Measured: JSONError, UnicodeDecodeError, decimal.InvalidOperation, ValueError, SystemError.
    """
    if isinstance(error, AttemptFailed | MemoryError):
        raise error
    if isinstance(error, ArithmeticError):  # its own words are "[<class 'decimal.…'>]"
        raise NotJSON(
            "the body is not complete, valid JSON: a number's exponent is beyond all range"
        ) from error
    told = error.args[0] if error.args else ""
    # The parser's own words hold bytes of the page: those that are no UTF-8 come as bytes.
    words = told.decode(errors="replace") if isinstance(told, bytes) else str(error)
    reason = words.strip().splitlines()
    raise NotJSON(
        f"the body is not complete, valid JSON: {reason[0] if reason else type(error).__name__}"
    ) from error
