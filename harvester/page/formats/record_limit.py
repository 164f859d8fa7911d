"""Bounds what is held of one record, in the formats that hold one."""

from harvester.config import Limits
from harvester.errors import PageRefused


class RecordLimit:
    """The limit of a page that is new; a page that was kept has none."""

    def __init__(self, limits: Limits | None) -> None:
        self._most = limits.record_bytes if limits else None

    def check(self, size: int, what: str) -> None:
        """Raise `PageRefused` where `what` has more bytes than a record may."""
        if self._most is not None and size > self._most:
            raise PageRefused(f"{what} has more than {self._most:,} bytes (limits.record_bytes)")
