"""Finds the segments of a partition that say something else than its parts, while these are mended.

A segment is no truth, and who mends a part may be killed before all that repeats its lines is gone.
So each is held against the parts that it is of, whoever has changed them, and *must* go where it
differs or cannot be read; whoever writes next builds it again. Until then it stays, as it may say
the lines of a part that is lost.
"""

import hashlib

from harvester.store.bucket import Bucket, Found
from harvester.store.entries import unpacked


class StaleSegments:
    """The segments of one partition; its parts are passed in order."""

    def __init__(self, bucket: Bucket, segments: list[Found]) -> None:
        self._bucket = bucket
        self._begin: dict[int, list[_Segment]] = {}
        for found in segments:
            first, _, last = found.key.rsplit("/", 1)[-1].partition(".")[0].partition("-")
            if first.isdecimal() and last.isdecimal():
                segment = _Segment(found.key, int(last))
                self._begin.setdefault(int(first), []).append(segment)
        self._passed: list[_Segment] = []
        self._open: list[_Segment] = []

    def passed(self, number: int, text: bytes, *, is_put: bool) -> None:
        """The next part has these lines, which were put just now if `is_put`."""
        self._open += self._begin.pop(number, [])
        for segment in self._open:
            segment.digest.update(text)
            if is_put:
                segment.put.append(text)
        self._passed += (each for each in self._open if each.last <= number)
        self._open = [each for each in self._open if each.last > number]

    def agrees(self) -> bool:
        """Whether those whose parts were all passed say the same as these."""
        return all(self._digest(each) == each.digest.digest() for each in self._passed)

    def remove(self) -> None:
        """Remove those that differ; of the last ones, whose parts were not all passed, those that
        lack what was put.
        """
        for segment in self._passed:
            if self._digest(segment) != segment.digest.digest():
                self._bucket.delete(segment.key)
        for segment in self._open:
            if segment.put and not self._has(segment):
                self._bucket.delete(segment.key)

    def _text(self, segment: "_Segment") -> bytes | None:
        try:
            return unpacked(self._bucket.get(segment.key) or b"")
        except (OSError, ValueError, EOFError):
            return None

    def _digest(self, segment: "_Segment") -> bytes:
        text = self._text(segment)
        return b"" if text is None else hashlib.blake2b(text).digest()

    def _has(self, segment: "_Segment") -> bool:
        text = self._text(segment)
        return text is not None and all(each in text for each in segment.put)


class _Segment:
    """One of them: what the parts that it is of say."""

    def __init__(self, key: str, last: int) -> None:
        self.key, self.last = key, last
        self.digest = hashlib.blake2b()
        self.put: list[bytes] = []
