"""Connects to Dask: to a scheduler that there is, or to a cluster on this machine for one run."""

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harvester.errors import ConfigError

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_S = 20.0
_KEPT_FOR = "24h"  # else a nanny is closed for good whose worker was away for 15 s


@contextlib.contextmanager
def dask_client(scheduler: str | None, workers: int, threads: int) -> "Iterator[Client]":
    """A client of the scheduler at an address, or of so many workers on this machine. Raises
    `ConfigError`.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise ConfigError("--engine dask needs Dask: pip install 'api-harvester[dask]'") from None
    _silence()
    with contextlib.ExitStack() as ending:
        try:
            if scheduler is None:
                kept = {"distributed.deploy.lost-worker-timeout": _KEPT_FOR}
                ending.enter_context(dask.config.set(kept))
                place: Any = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
                ending.enter_context(place)
            else:
                place = scheduler
            client = Client(place, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            where = f"--scheduler {scheduler}" if scheduler else "a cluster on this machine"
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"{where}: cannot be reached: {told}") from error
        ending.enter_context(client)
        yield client


def client_in(executor: object) -> "Client":
    """The client that an `executor` is, or belongs to; `ConfigError` for anything else."""
    with contextlib.suppress(ImportError):
        from distributed import Client

        found = executor if isinstance(executor, Client) else getattr(executor, "_client", None)
        if isinstance(found, Client) and not found.asynchronous:
            return found
    raise ConfigError(
        f"executor is {type(executor).__name__}; give a dask.distributed.Client, or its "
        "get_executor(): others cannot share one budget"
    )


def _silence() -> None:
    """What Dask logs of workers that come and go is told by the run in its own words."""
    for name in ("distributed", "distributed.nanny", "distributed.worker", "distributed.scheduler",
                 "distributed.core", "distributed.comm", "distributed.client"):  # fmt: skip
        logging.getLogger(name).setLevel(logging.CRITICAL)


def is_ours(client: "Client") -> bool:
    """Whether the client's cluster is one of this machine that the same process has made."""
    from distributed import LocalCluster

    return isinstance(client.cluster, LocalCluster)
