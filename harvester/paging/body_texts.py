"""Searches the body of an answer, while it streams by, for the texts of `body_matches`. Pure.

Of the text only so much is kept that a match of the longest length is seen wherever the body was
cut into chunks.
"""

import codecs
import re
from collections.abc import Sequence
from typing import Final

from harvester.config import ResponseAction
from harvester.paging.response_rules import concerns

LONGEST_MATCH: Final = 4096  # characters


class BodyTexts:
    """The rules that the body of one answer has met so far, by their index."""

    def __init__(self, rules: Sequence[ResponseAction], status: int) -> None:
        self.found: set[int] = set()
        self._sought = {
            index: re.compile(rule.body_matches)
            for index, rule in enumerate(rules)
            if rule.body_matches is not None and concerns(rule, status)
        }
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""  # what may hold the beginning of a match

    def feed(self, chunk: bytes) -> None:
        """Take in one more chunk of the decoded body."""
        if not self._sought:
            return
        # A sign before it, so that `^` is the beginning of the body and not of what is kept.
        begins = min(len(self._text), 1)
        text = self._text + self._decoder.decode(chunk)
        met = {at for at, sought in self._sought.items() if sought.search(text, begins)}
        self.found |= met
        for index in met:
            del self._sought[index]
        self._text = text[-LONGEST_MATCH - 1 :]
