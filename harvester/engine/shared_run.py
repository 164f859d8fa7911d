"""Makes what all workers of a run share: budgets, credentials, connections, where events go."""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from harvester.auth import Access
from harvester.config import Budget, Config
from harvester.engine.attempts import Run
from harvester.engine.events import (
    Event,
    OnEvent,
)
from harvester.engine.sources import sources_of
from harvester.engine.workers import MARGIN_S
from harvester.http import SHARED, RateLimit, Recent, RetryBudget, ThreadTransports, host_scope
from harvester.model import Shard
from harvester.planning import (
    shared,
)
from harvester.security import Secrets
from harvester.store import (
    Asked,
    Store,
)
from harvester.values import dataclass


class _CallerFailed(BaseException):
    """`on_event` raised. Outside of all that a page's or a partition's failure is caught by: a
    ConnectionError of the caller's own is no reason to ask the server again.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class _Telling:
    """Tells the caller of events, one at a time, until it fails at one: then the run ends."""

    def __init__(self, on_event: OnEvent, stop: threading.Event) -> None:
        self._on_event = on_event
        self._stop = stop
        self._lock = threading.Lock()
        self._is_broken = False

    def emit(self, event: Event) -> None:
        """Tell of one. Raises `_CallerFailed`, once."""
        with self._lock:
            if self._is_broken:
                return  # the caller wants no more
            try:
                self._on_event(event)
            except BaseException as error:
                self._is_broken = True
                self._stop.set()
                raise _CallerFailed(error) from error


@dataclass(frozen=True, slots=True)
class _Budgets:
    """The budgets of a run, or the share of them that a shard has."""

    of_client: Sequence[Budget]
    of_resources: Mapping[str, Sequence[Budget]]
    of_hosts: Mapping[str, Sequence[Budget]]

    @classmethod
    def of(cls, config: Config, shard: Shard | None) -> Self:
        """Those of the configuration."""

        def shares(budgets: Sequence[Budget]) -> list[Budget]:
            return [shared(budget, shard) for budget in budgets]

        return cls(
            shares(config.client.rate_limit),
            {resource.name: shares(resource.rate_limit) for resource in config.resources},
            {host: shares(each) for host, each in config.client.per_host.items()},
        )

    @property
    def remembered(self) -> dict[str, Sequence[Budget]]:
        """Those whose requests count in later runs, by scope."""
        hosts = {host_scope(host): each for host, each in self.of_hosts.items() if host != "*"}
        return {SHARED: self.of_client, **self.of_resources, **hosts}


@contextlib.contextmanager
def running(
    config: Config,
    store: Store,
    asked: Asked,
    secrets: Secrets,
    workers: int,
    max_pages: int | None,
    on_event: OnEvent,
    stop: threading.Event,
    shard: Shard | None = None,
) -> Iterator[Run]:
    """What the workers share; its connections are closed at the end."""
    telling = _Telling(on_event, stop)
    transports = ThreadTransports(config.client)
    access = Access(config, secrets, store.own, stopping=stop.is_set)
    pages = config.concurrency.pages
    budgets = _Budgets.of(config, shard)
    try:
        with (
            store.ended_by(stop),
            Recent(store.own, budgets.remembered, shard=shard.label if shard else "") as recent,
            ThreadPoolExecutor(workers * pages, thread_name_prefix="pages") as executor,
        ):
            yield Run(
                config=config,
                store=store,
                sources=sources_of(config, secrets, asked.salt),
                fingerprints=asked.fingerprints,
                access=access,
                limit=RateLimit(
                    budgets.of_client,
                    budgets.of_resources,
                    recent=recent,
                    adaptive=config.client.adaptive_pace,
                    hosts=budgets.of_hosts,
                    margin_s=MARGIN_S if config.concurrency.processes > 1 else 0.0,
                ),
                again=RetryBudget(config.client.retry.budget, config.client.retry.max_wait),
                emit=telling.emit,
                stop=stop,
                transport=transports.mine,
                executor=executor,
                max_pages=max_pages,
            )
    except _CallerFailed as failed:
        raise failed.error from None
    finally:
        access.close()
        transports.close()
