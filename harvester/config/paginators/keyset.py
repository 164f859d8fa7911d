"""Options of `keyset`."""

from typing import Literal

from harvester.config.options import PagePath
from harvester.config.paginators.cursors import CursorOptions


class Keyset(CursorOptions):
    """The next page begins after a value of this page's records (`since_id`, `max_id`). Ends on
    an empty page, or as `has_more_path` says.
    """

    type: Literal["keyset"]
    cursor_path: PagePath
    """Path to the records' values, such as `data[*].id`."""
    take: Literal["last", "min", "max"] = "last"
    """Which of the values is the cursor."""
    step: int | None = None
    """What is added to it: `-1` where the API includes the record that the cursor names."""
