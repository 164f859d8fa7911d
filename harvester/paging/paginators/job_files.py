"""Goes through the files of a job: each is one page, in the order in which the API named them."""

from collections.abc import Mapping
from typing import Any

from harvester.config import JobFiles
from harvester.page import Field
from harvester.paging.paginator import Done, Page, Paginator
from harvester.store import Checkpoint


class FilesOfJob(Paginator[JobFiles], options=JobFiles):
    """`type: job_files`. A cursor is the number of a file and how many there are, since their URLs
    may hold what lets one in, and be others when a harvest is resumed.
    """

    has_one_page = True  # no page leads to the next one: the job names them all

    def first_cursor(self) -> Any:
        """None, until the job's result is ready; then what `file_cursor` gives."""
        return None

    def cursor_fields(self) -> list[Field]:
        """None: no file leads to the next one."""
        return []

    def following(self, cursor: Any, page: Page, more: bool | None, at: Checkpoint) -> Any | Done:
        """The next file; the end behind the last one."""
        number, of = numbered(cursor)
        return Done("last_file") if number >= of else file_cursor(number + 1, of)

    def own_end(self) -> str | None:
        """The last file."""
        return "the last of the job's files"

    def ignored(self) -> str:
        """Nothing was sent: two URLs lead to the same."""
        return "two of the job's URLs lead to the same file"


def file_cursor(number: int, of: int) -> dict[str, int]:
    """The cursor of a file, counted from 1, of so many."""
    return {"file": number, "of": of}


def numbered(cursor: Any) -> tuple[int, int]:
    """The number of the file that a cursor names, and how many there are."""
    if isinstance(cursor, Mapping) and {"file", "of"} <= cursor.keys():
        return int(cursor["file"]), int(cursor["of"])
    return 1, 1
