"""Says what it costs to keep pages in an object store: its requests, and their price.

A part is put once and is its commit; segments repeat the lines of a hundred parts, and of ten
segments, and so on. A file as it came is staged, committed by its part, and copied to its name.
Nothing is listed or read while pages come.
"""

import os
from typing import Any, Final

from harvester.model import url_of
from harvester.values import dataclass

#: Puts for each page of a long partition: its part, and its share of the segments.
PUTS_PER_PAGE: Final = 1 + 1 / 100 + 1 / 1_000 + 1 / 10_000 + 1 / 100_000
#: The same for each file as it came: put twice more, the second time by a copy.
PUTS_PER_FILE: Final = PUTS_PER_PAGE + 2
#: What S3 Standard asks for a million PUT or LIST; other stores are near that.
DOLLARS_PER_MILLION: Final = 5.0
_EACH_RUN: Final = 8  # the lease, the probe, harvest.json, last_run.json


@dataclass(frozen=True, slots=True)
class StoreCost:
    """What the pages of a plan cost at least, where each partition has one. `files`: some of them
    are files as they came.
    """

    place: str
    least_puts: int
    files: bool = False

    @property
    def least_dollars(self) -> float:
        """Their price."""
        return self.least_puts * DOLLARS_PER_MILLION / 1e6

    @property
    def dollars_per_million_pages(self) -> float:
        """The price of a million pages, however many there are."""
        return PUTS_PER_PAGE * DOLLARS_PER_MILLION

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, `store` of `plan --json`."""
        value = {
            "place": self.place,
            "puts_per_page": round(PUTS_PER_PAGE, 4),
            "dollars_per_million_pages": round(self.dollars_per_million_pages, 2),
            "least_puts": self.least_puts,
            "least_dollars": round(self.least_dollars, 6),
        }
        return {**value, "puts_per_file": round(PUTS_PER_FILE, 4)} if self.files else value


def store_cost(
    place: str | os.PathLike[str], partitions: int, files: int | None = None
) -> StoreCost | None:
    """What so many partitions cost at least, of a page each; `files` of them have files as they
    came, None where there are no such resources. None where all go into a folder.
    """
    url = url_of(place)
    puts = partitions + 2 * (files or 0) + _EACH_RUN
    return None if url is None else StoreCost(url, puts, files is not None)
