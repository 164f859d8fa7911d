"""Options of `job_files`."""

from typing import Literal

from harvester.config.paginators.paging_options import SizedOptions


class JobFiles(SizedOptions):
    """The pages are the files of a job, in the order of `job.download.urls_path`. It stands by
    itself where that is given.
    """

    type: Literal["job_files"]
    repeated_page: Literal["fail", "end", "keep"] = "keep"
    """What a file means that has the same records as the one before it. Nothing, since each was
    named by the server."""
