"""Errors: everything that can go wrong, as one tree; each class knows its exit code.

    HarvesterError                1  unexpected
    ├── ConfigError               2  the YAML or the command line is wrong; holds every Problem
    ├── PartitionFailed           3  this partition ends, the others go on; run again to resume
    ├── WindowOpen                   this partition waits for a later run; never leaves a run
    ├── RunStopped                4  the whole run ends, resumable: a quota, a rule
    │   ├── DiskError             4  … because the disk is full or an fsync failed
    │   └── FolderLost            4  … because its folder was moved, removed or un-locked
    ├── DataRefused               5  what lies on disk does not fit; nothing was deleted
    ├── FolderLocked              6  another run holds the folder
    ├── Interrupted             130  Ctrl-C or SIGTERM, resumable
    └── AttemptFailed                one try at one page; never leaves the page loop
        ├── PageRejected             the same cursor is worth another try
        │   ├── ConnectionDropped    … the connection died before an answer came
        │   ├── Unreached            … no connection could be made
        │   └── Malformed            … the body is not of the page's format, or not all of it
        │       └── NotJSON          … it is not JSON
        └── PageRefused              no other try will differ
            ├── CredentialsRefused   … with these credentials; new ones may help
            ├── ChainExpired         … at this cursor; the chain may be begun again
            └── PageLost             … since asking again would give another page

`AttemptFailed` is what the data path raises. The page loop turns it into a retry or a
`PartitionFailed`, which says where: resource, partition, cursor and URL, without secrets.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class HarvesterError(Exception):
    """The root of the tree. `exit_code` is what the command line returns for it.

    `asked` is the request that it came of, as method and URL without secrets; "" for none.
    """

    exit_code = 1
    asked = ""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a configuration.

    `line` counts from 1 (0: no line is known, as for an option of the command line); `path` is
    the key's place in the YAML, such as `resources[0].paginator.cursor_path`.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigError(HarvesterError):
    """Bad usage or configuration; `problems` holds all of them, sorted by line."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = () if isinstance(problems, str) else tuple(sorted(problems))
        super().__init__(
            problems if isinstance(problems, str) else "\n".join(map(str, self.problems))
        )


class PartitionFailed(HarvesterError):
    """A partition ended before its last page. What it has committed stays.

    `cursor` is that of the page which could not be had, without secrets.
    """

    exit_code = 3

    def __init__(self, message: str, *, cursor: object = None) -> None:
        super().__init__(message)
        self.cursor = cursor


class WindowOpen(HarvesterError):
    """The window of this partition has not closed, by the server's clock. Nothing of it is kept."""


class RunStopped(HarvesterError):
    """The whole run ends, resumable: a quota is spent, or a `stop` rule matched."""

    exit_code = 4


def is_want_of_threads(error: BaseException) -> bool:
    """Whether the machine gives no more threads; Python has no class for it."""
    return isinstance(error, RuntimeError) and "can't start new thread" in str(error)


def no_more_threads() -> RunStopped:
    """The same in words, with what to do."""
    return RunStopped(
        "the machine gives no more threads: raise the limit (ulimit -u), end other programs, or "
        "ask for less at once with --concurrency 1; the same command goes on"
    )


class DiskError(RunStopped):
    """A write, fsync or rename failed. Never retried: after a failed fsync the kernel may have
    dropped the dirty pages, and a second fsync would report success for lost data.
    """


class FolderLost(RunStopped):
    """The folder of the run, or its lock, is no longer the one that it began with: another run may
    be at work there. Nothing more is written.
    """


class DataRefused(HarvesterError):
    """What is on disk does not fit this run, or is damaged. Nothing has been deleted."""

    exit_code = 5


class FolderLocked(HarvesterError):
    """Another run holds the folder."""

    exit_code = 6


class Interrupted(HarvesterError):
    """The run was asked to end (Ctrl-C, SIGTERM). Resumable."""

    exit_code = 130


class AttemptFailed(HarvesterError):
    """One try at one page came to nothing.

    `status` is the HTTP status where one arrived; `hint_s` the seconds the server asked to wait;
    `by_rule` whether a rule of the YAML said so.
    """

    by_rule = False

    def __init__(
        self, message: str, *, status: int | None = None, hint_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.hint_s = hint_s


class PageRejected(AttemptFailed):
    """The attempt is thrown away and the same cursor is tried again.

    `same` is what the next answer must not say again, else there is no third: a body that is
    whole and no page was no accident of the network. None where there is no telling.
    """

    same: str | None = None


class ConnectionDropped(PageRejected):
    """The connection died before the first byte of an answer (a stale keep-alive, a restart)."""


class Unreached(PageRejected):
    """No connection could be made to `origin`. `patience_s` is for how long that is still worth
    trying; None: as long as any other failure.
    """

    origin = ""
    patience_s: float | None = None


class Malformed(PageRejected):
    """The body is not complete and well formed, by the format that its page has."""


class NotJSON(Malformed):
    """The body is not complete, valid JSON in UTF-8, as far as it was looked at."""


class PageRefused(AttemptFailed):
    """No other try will differ: an unsupported encoding, a limit, a rule, a client error."""


class CredentialsRefused(PageRefused):
    """The API does not take these credentials: a 401, or what a `reauth` rule says."""


class ChainExpired(PageRefused):
    """The API no longer knows this cursor, and a `restart` rule says to begin again."""


class PageLost(PageRefused):
    """The request was sent, no page came, and it may not be sent again (`idempotent: false`):
    the server may have moved on.
    """
