"""Makes a job to look at its result, for `check --live`, as long as a person waits for it."""

import time
from collections.abc import Callable
from typing import Any, Final

from harvester.config import JobPoll
from harvester.engine.fetching import Channel, WaitingPolicy, Wanted, fetch_page
from harvester.engine.job_answers import Heard, pause
from harvester.engine.job_steps import Steps, hide_query, with_values
from harvester.errors import PageRefused
from harvester.http import Backoff, Request, Response
from harvester.model import Partition, as_text, duration
from harvester.paging import Endpoint

_PATIENCE_S: Final = 60.0


class NotReady(PageRefused):
    """The job was made and is under way: nobody sits and waits for it."""


class LookedJob:
    """A job of one partition, made to be looked at."""

    def __init__(
        self,
        steps: Steps,
        ask: Callable[[str, Partition], Heard],
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask` sends the request of a step."""
        self._ask = ask
        self._steps = steps
        self._sleep = sleep
        self._clock = clock
        self.files: int | None = None

    def partition(self, base: Partition, poll: JobPoll) -> Partition | None:
        """The partition with the values of its job, once the result is ready; None where there is
        none. Raises `NotReady`, and what asking raises.
        """
        made = self._ask("create", base)
        if made.ended is not None:
            return None
        values = dict(made.values)
        identity = as_text(values["id"])
        began, waited = self._clock(), 0.0
        while True:
            heard = self._ask("poll", with_values(base, values))
            if heard.has_failed:
                said = " ".join(heard.snippet.decode("utf-8", "replace").split())
                raise PageRefused(f"the job {identity} failed: {said}", status=heard.status)
            if heard.is_empty or heard.ended is not None:
                return None
            if heard.is_ready:
                break
            wait = pause(heard, poll, time.time())
            waited = max(waited, self._clock() - began) + wait
            if waited > min(_PATIENCE_S, poll.for_):
                raise NotReady(
                    f"the job {identity} was made and is not ready yet: a run waits for it, up to "
                    f"{duration(poll.for_)}"
                )
            self._sleep(wait)
        values |= heard.values
        return self._with_files(base, values, heard)

    def _with_files(
        self, base: Partition, values: dict[str, Any], heard: Heard
    ) -> Partition | None:
        urls = heard.urls
        if "download" in self._steps.endpoints:
            urls = self._ask("download", with_values(base, values)).urls
        if urls is not None:
            self.files = len(urls)
            if not urls:
                return None
            hide_query(self._steps.endpoints["poll"].secrets, urls[0])
            values = {**values, "file": urls[0]}
        return with_values(base, values)


def asking(
    channel: Channel, policy: WaitingPolicy, steps: Steps, backoff: Backoff, now: Callable[[], Any]
) -> Callable[[str, Partition], Heard]:
    """Sends the request of a step and reads its answer."""

    def ask(step: str, partition: Partition) -> Heard:
        own = _through(channel, steps.endpoints[step])

        def read(response: Response, request: Request, asked: Any) -> Heard:
            return steps.answers[step].read(response, now())

        wanted = Wanted(partition, None, 1)
        return backoff.call(lambda _: fetch_page(own, policy, wanted, read).got)

    return ask


def _through(channel: Channel, endpoint: Endpoint) -> Channel:
    return Channel(
        endpoint, channel.access, channel.timeout, channel.transport, channel.cookies, channel.clock
    )
