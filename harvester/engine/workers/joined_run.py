"""Builds the `Run` of a worker that belongs to a run of another process, from its `RunSpec`."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from harvester.auth import BorrowedAccess
from harvester.config import Config
from harvester.engine.assignment import RunSpec
from harvester.engine.attempts import Run
from harvester.engine.sources import Source, secrets_of, sources_of
from harvester.engine.workers.line import Line
from harvester.engine.workers.reporter import Counts, ForwardedLog, Reporter
from harvester.engine.workers.shared_limit import SharedLimit
from harvester.errors import ConfigError
from harvester.http import RetryBudget, ThreadTransports
from harvester.model import Address, place_of_text
from harvester.store import Store, store_at
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class Joined:
    """A worker's part of a run."""

    run: Run
    limit: SharedLimit
    reporter: Reporter


@contextlib.contextmanager
def joined_run(
    spec: RunSpec, config: Config, line: Line, stop: threading.Event, who: str
) -> Iterator[Joined]:
    """Take part in the run; `config` is the spec's with its environment, `who` this worker in
    messages. Raises `ConfigError` where it would ask something else than the driver.
    """
    secrets = secrets_of(config)
    sources = sources_of(config, secrets, spec.salt)
    _refuse_others(spec, sources, who)
    store = _store(spec, config)
    access = BorrowedAccess(config, secrets, store.own, stopping=stop.is_set)
    access.lent_by(line.lend, line.accepted)
    limit = SharedLimit(line, _budgeted(config), [each.name for each in config.resources])
    transports = ThreadTransports(config.client)
    retry = config.client.retry
    again = RetryBudget(retry.budget, retry.max_wait, processes=spec.processes)
    pages = config.concurrency.pages
    with (
        store.join(spec.run, spec.processes),
        store.ended_by(stop),
        ThreadPoolExecutor(spec.threads * pages, thread_name_prefix="pages") as executor,
        contextlib.ExitStack() as ending,
    ):
        run = Run(
            config=config, store=store, sources=sources, fingerprints=spec.fingerprints,
            access=access, limit=limit, emit=lambda event: reporter.emit(event), stop=stop,
            transport=transports.mine, executor=executor, max_pages=spec.max_pages, again=again,
        )  # fmt: skip
        counts = Counts(run.requests, run.retries, run.counting, run.server, limit)
        reporter = Reporter(line, counts, at_once=spec.max_pages is not None)
        if spec.shows_exchanges:
            log = ForwardedLog(reporter.exchange)
            log.attach()
            ending.callback(log.detach)
        try:
            yield Joined(run, limit, reporter)
        finally:
            access.close()
            transports.close()


def _refuse_others(spec: RunSpec, sources: Mapping[str, Source], who: str) -> None:
    """Raise `ConfigError` where a source would ask something else than the driver's."""
    for name, source in sources.items():
        if name in spec.fingerprints and source.fingerprint != spec.fingerprints[name].now[-1]:
            raise ConfigError(
                f"{who}: would ask for {name!r} with other values than the driver: a variable that "
                "shapes its requests has another value here; give both the same environment"
            )


def _budgeted(config: Config) -> list[str]:
    """The resources whose requests have a budget."""
    of_all = config.client.rate_limit or config.client.per_host
    return [each.name for each in config.resources if of_all or each.rate_limit]


def _store(spec: RunSpec, config: Config) -> Store:
    place = place_of_text(spec.place)
    if isinstance(place, Address):
        place = place.reached(config.store_options)
    return store_at(place, fsync=config.output.fsync)
