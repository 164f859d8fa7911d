"""Makes what all workers of a run share: budgets, credentials, connections, where events go."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from harvester.auth import Access
from harvester.config import Config
from harvester.engine.attempts import Run
from harvester.engine.events import (
    Event,
    OnEvent,
)
from harvester.engine.sources import sources_of
from harvester.engine.workers import MARGIN_S
from harvester.http import SHARED, RateLimit, Recent, RetryBudget, Transport, host_scope
from harvester.model import Shard
from harvester.planning import (
    shared,
)
from harvester.security import Secrets
from harvester.store import (
    Asked,
    Store,
)


class _CallerFailed(BaseException):
    """`on_event` raised. Outside of all that a page's or a partition's failure is caught by: a
    ConnectionError of the caller's own is no reason to ask the server again.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


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
    telling = threading.Lock()
    broken: list[BaseException] = []
    local = threading.local()
    transports: list[Transport] = []

    def emit(event: Event) -> None:
        with telling:
            if broken:
                return  # the caller wants no more
            try:
                on_event(event)
            except BaseException as error:
                broken.append(error)
                stop.set()
                raise _CallerFailed(error) from error

    def transport() -> Transport:
        if not hasattr(local, "transport"):
            local.transport = Transport(config.client)
            transports.append(local.transport)
        mine: Transport = local.transport
        return mine

    access = Access(config, secrets, store.own, stopping=stop.is_set)
    pages = config.concurrency.pages
    of_client = [shared(budget, shard) for budget in config.client.rate_limit]
    of_resources = {
        resource.name: [shared(budget, shard) for budget in resource.rate_limit]
        for resource in config.resources
    }
    of_hosts = {
        host: [shared(budget, shard) for budget in each]
        for host, each in config.client.per_host.items()
    }
    remembered = {host_scope(host): each for host, each in of_hosts.items() if host != "*"}
    budgets = {SHARED: of_client, **of_resources, **remembered}
    try:
        with (
            store.ended_by(stop),
            Recent(store.own, budgets, shard=shard.label if shard else "") as recent,
            ThreadPoolExecutor(workers * pages, thread_name_prefix="pages") as executor,
        ):
            yield Run(
                config=config,
                store=store,
                sources=sources_of(config, secrets, asked.salt),
                fingerprints=asked.fingerprints,
                access=access,
                limit=RateLimit(
                    of_client,
                    of_resources,
                    recent=recent,
                    adaptive=config.client.adaptive_pace,
                    hosts=of_hosts,
                    margin_s=MARGIN_S if config.concurrency.processes > 1 else 0.0,
                ),
                again=RetryBudget(config.client.retry.budget, config.client.retry.max_wait),
                emit=emit,
                stop=stop,
                transport=transport,
                executor=executor,
                max_pages=max_pages,
            )
    except _CallerFailed as failed:
        raise failed.error from None
    finally:
        access.close()
        for opened in transports:
            opened.close()
