"""Names the fields of a page that paging goes by, and that the journal keeps."""

from typing import Final

CURSOR: Final = "cursor"
HAS_MORE: Final = "has_more"
LAST_PAGE: Final = "last_page"
TOTAL: Final = "total"
LARGEST: Final = "largest"  # of a page, where a resource is incremental
SMALLEST: Final = "smallest"  # of a page, where a resource is incremental
BEYOND: Final = "beyond"  # the largest of a page's values that lie in the server's future
REACHED: Final = "reached"  # of a page, where a resource has a progress_path
#: The total by which a partition is split, where its window names a path of its own.
SPLIT_TOTAL: Final = "split_total"
#: What a run starts at, among what its partition includes: no name that a reference can have.
RUN_START: Final = "run.start"
#: When a partition was begun, likewise.
RUN_NOW: Final = "run.now"
#: What is held against `stop_before`; the journal has no need of it.
STOP: Final = "stop"
RESTART: Final = "restart"  # the value at which a list may be begun anew
DELTA: Final = "delta"  # what the next incremental run begins with
#: All that the journal keeps of a page.
FIELDS: Final[tuple[str, ...]] = (
    CURSOR, HAS_MORE, LAST_PAGE, TOTAL, LARGEST, SMALLEST, BEYOND, REACHED,
    SPLIT_TOTAL, DELTA,
)  # fmt: skip
