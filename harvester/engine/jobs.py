"""Makes the job behind a partition's pages, waits for its result, and says where that is.

    line `job_asked` → create → line `job_made` → poll, again and again → line `job_ready` → pages

The id is in the journal, safe from a power cut, before anything is asked with it; so a run that was
killed at any step goes on with the same job. Killed between the request for one and the line that
says which was made, the next run makes another, and says so (`job_asking`). A job that fails, takes
too long or is gone begins the chain of the partition anew; how often, the page loop bounds.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from harvester.config import JOB, JobPoll
from harvester.engine.attempts import Attempts, Run
from harvester.engine.events import Warned
from harvester.engine.fetching import Wanted
from harvester.engine.job_answers import Heard, pause
from harvester.engine.job_asking import JobAsking
from harvester.engine.job_steps import Steps, digest, hide_query, with_values
from harvester.engine.page_result import PageResult
from harvester.engine.sources import Source
from harvester.engine.turns import Turns, short
from harvester.errors import AttemptFailed, ChainExpired, DataRefused, PageRefused, RunStopped
from harvester.http import Backoff, Request, Response
from harvester.model import Partition, as_text, duration
from harvester.paging import file_cursor, numbered
from harvester.store import JOB_EMPTY, JOB_MADE, JOB_READY, Checkpoint, Entry

_GONE: Final = (404, 410)
#: What a host answers to a URL of a file that was good for some minutes only.
_LAPSED: Final = (400, 403, *_GONE)
_WAITS: Final = "its job is not ready yet"
_ID_CHARS: Final = 60

NewAttempts = Callable[[], Attempts]
"""Makes the tries at one request."""


class Jobs:
    """The job of one partition, as the journal and the server say that it stands."""

    def __init__(
        self, run: Run, source: Source, partition: Partition, turns: Turns, attempts: NewAttempts
    ) -> None:
        self._run = run
        self._resource = source.endpoint.resource
        self._partition = partition
        self._secrets = source.endpoint.secrets
        self._turns = turns
        self._attempts = attempts
        self._steps = Steps(run.config, source.endpoint)
        self._asking = JobAsking(turns)
        self._made: Entry | None = None
        self._ready: Entry | None = None
        self._urls: tuple[str, ...] | None = None  # never written down: they may let one in
        self._named_by: dict[str, Any] | None = None  # the request whose answer named the files
        self._is_known = False  # the server has known the job: polled well, or made by a former run

    def remember(self, entry: Entry) -> None:
        """Take in a line of the journal."""
        self._asking.remember(entry)
        if entry.restarts:
            self._made = self._ready = self._urls = None
            self._is_known = False
        elif entry.reason == JOB_MADE:
            self._made = entry
        elif entry.reason == JOB_READY:
            self._ready = entry

    def opened(self) -> None:
        """Note that all lines of former runs have been taken in."""
        self._is_known = self._made is not None
        if told := self._asking.left_open():
            self._run.emit(Warned(self._partition, told))

    def recall(self, lines: Callable[[], Iterable[Entry]]) -> None:
        """Take in the lines of the journal where nobody has, as `harvester repair` asks for single
        pages. Raises `PageRefused` where no job is known.
        """
        if self._made is None:
            try:
                for entry in lines():
                    self.remember(entry)
            except DataRefused as error:
                raise PageRefused(f"the job of this page cannot be read: {error}") from error
            self.opened()
        if self._made is None:
            raise PageRefused("the job of this page is not known; `harvester redo` makes another")
        if self._resource.job and self._resource.job.has_files and self._urls is None:
            self._find_urls()

    def line(self, at: Checkpoint, cursor: Any) -> PageResult | None:
        """The line that must be written before a page after `at` is asked for; None where nothing
        is left to do. Raises `ChainExpired` where the job comes to nothing.
        """
        if self._made is None:
            return self._asking.line(at, cursor) or self._create(at, cursor)
        if self._ready is None:
            return self._result(at, cursor)
        if self._resource.job and self._resource.job.has_files and self._urls is None:
            self._find_urls()
        return None

    def partition(self, cursor: Any) -> Partition:
        """The partition with the values of its job, for the request of the page of `cursor`."""
        values = self._values()
        if self._urls is not None:
            number, _ = numbered(cursor)
            url = self._urls[number - 1]
            hide_query(self._secrets, url)
            values["file"] = url
        return with_values(self._partition, values)

    def lapsed(self, error: PageRefused) -> bool:
        """Whether the URL of a file may have been good for some time only; others are got then.

        Raises `ChainExpired` where the whole job seems to be gone.
        """
        if error.by_rule or isinstance(error, ChainExpired):
            return False
        if self._urls is not None and error.status in _LAPSED:
            self._find_urls()
            return True
        self._refuse_gone(error)
        return False

    # --- Steps -----------------------------------------------------------------------------------

    def _create(self, at: Checkpoint, cursor: Any) -> PageResult:
        try:
            heard, request, count = self._asked("create", self._partition)
        except (AttemptFailed, RunStopped) as error:
            if (line := self._asking.not_made(at, cursor, error)) is None:
                raise
            return line
        if heard.ended is not None:
            return self._ended(at, cursor, heard, request, count, "ignored")
        fields = {JOB: self._secrets.conceal(dict(heard.values))}
        return self._turns.line(
            at, JOB_MADE, cursor=cursor, following=cursor, request=self._described(request),
            status=heard.status, attempts=count, fields=fields, headers=heard.headers,
        )  # fmt: skip

    def _result(self, at: Checkpoint, cursor: Any) -> PageResult:
        heard, request, count = self._polled()
        if heard.ended is not None:
            return self._ended(at, cursor, heard, request, count, "ignored")
        if heard.is_empty or self._urls == ():
            return self._ended(at, cursor, heard, request, count, JOB_EMPTY)
        fields: dict[str, Any] = {JOB: self._secrets.conceal(dict(heard.values))}
        following = cursor
        if self._urls is not None:
            following = file_cursor(1, len(self._urls))
            fields["files"] = digest(self._urls)
            if self._named_by is not None:
                fields["named_by"] = self._named_by
        return self._turns.line(
            at, JOB_READY, cursor=cursor, following=following, request=self._described(request),
            status=heard.status, attempts=count, fields=fields, headers=heard.headers,
        )  # fmt: skip

    def _ended(
        self, at: Checkpoint, cursor: Any, heard: Heard, request: Request, count: int, reason: str
    ) -> PageResult:
        return self._turns.line(
            at, reason, cursor=cursor, request=self._described(request), status=heard.status,
            attempts=count, headers=heard.headers,
        )  # fmt: skip

    def _polled(self) -> tuple[Heard, Request, int]:
        """The answer that says that the result is ready, and that it has the URLs of files if it is
        to have any. Raises `ChainExpired`.
        """
        job = self._resource.job
        if job is None or self._made is None:
            raise AssertionError("there is no job to ask for")
        tries = 0
        while True:
            try:
                heard, request, count = self._asked("poll", self._partition_so_far())
            except PageRefused as error:
                self._refuse_gone(error)
                raise
            tries += count
            self._is_known = True
            if heard.has_failed:
                said = short(" ".join(heard.snippet.decode("utf-8", "replace").split()), 200)
                raise ChainExpired(f"{self._named} failed: {said}", status=heard.status)
            if heard.is_ready or heard.is_empty or heard.ended is not None:
                if heard.is_ready and job.has_files:
                    self._urls = self._urls_of(heard)
                return heard, request, tries
            self._wait(heard, job.poll)

    def _wait(self, heard: Heard, poll: JobPoll) -> None:
        """Wait until the job is asked for again. Raises `ChainExpired` where it takes too long."""
        now = self._run.now()
        left = poll.for_ - (now - self._made_at).total_seconds()
        if left <= 0:
            raise ChainExpired(
                f"{self._named} was not ready after {duration(poll.for_)} (poll.for)"
            )
        self._attempts().wait(min(pause(heard, poll, now.timestamp()), left), _WAITS)

    def _find_urls(self) -> None:
        """Get the URLs of the files again. Raises `ChainExpired` where they are others by now."""
        before = self._ready
        self._polled()
        if before is not None and self._urls is not None:
            found = digest(self._urls)
            if found != before.fields.get("files"):
                raise ChainExpired(f"{self._named} names other files than before")

    def _urls_of(self, heard: Heard) -> tuple[str, ...]:
        """The URLs of the files: in this answer, or in that of the request of `download`."""
        if heard.urls is not None:
            return heard.urls
        more = heard.values
        asking = with_values(self._partition, {**self._values(), **more})
        try:
            found, request, _ = self._asked("download", asking)
            self._named_by = self._described(request)
        except PageRefused as error:
            self._refuse_gone(error)
            raise
        return found.urls or ()

    def _refuse_gone(self, error: PageRefused) -> None:
        if error.status in _GONE and self._is_known and not error.by_rule:
            raise ChainExpired(f"{self._named} is gone: {error}", status=error.status) from error

    def _asked(self, step: str, partition: Partition) -> tuple[Heard, Request, int]:
        """One request, tried again as needed: what its answer says, and how many tries it took."""
        tries = self._attempts()
        endpoint, answers = self._steps.endpoints[step], self._steps.answers[step]

        def read(response: Response, request: Request, asked: Any) -> Heard:
            return answers.read(response, self._run.now())

        wanted = Wanted(partition, None, 1)
        policy = self._run.config.client.retry
        backoff = Backoff(policy, tries.pause, self._run.clock, self._run.rng)
        exchanged = backoff.call(lambda attempt: tries.ask(attempt, endpoint, wanted, read))
        return exchanged.got, exchanged.request, tries.count

    # --- What is known ---------------------------------------------------------------------------

    def _values(self) -> dict[str, Any]:
        """The values that `{job.NAME}` stands for."""
        values: dict[str, Any] = {}
        for entry in (self._made, self._ready):
            found = entry.fields.get(JOB) if entry is not None else None
            if isinstance(found, Mapping):
                values |= self._secrets.reveal(dict(found))
        return values

    def _partition_so_far(self) -> Partition:
        return with_values(self._partition, self._values())

    @property
    def _named(self) -> str:
        identity = as_text(self._values().get("id", ""))
        return f"the job {short(self._secrets.redact(identity), _ID_CHARS)}"

    @property
    def _made_at(self) -> datetime:
        if self._made is None:
            raise AssertionError("there is no job")
        try:
            return datetime.fromisoformat(self._made.fetched_at)
        except ValueError as error:
            told = f"line {self._made.seq + 1} of the journal: {self._made.fetched_at!r} is no time"
            raise DataRefused(told) from error

    def _described(self, request: Request) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "method": request.method, "url": self._secrets.redact(request.url)
        }  # fmt: skip
        if request.body is not None:
            asked["body"] = self._secrets.redact(request.body.decode())
        return asked
