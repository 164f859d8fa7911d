"""Connects to Dask: to a scheduler that there is, or to a cluster on this machine for one run."""

import asyncio
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harvester.errors import ConfigError
from harvester.model import number

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_CONNECT_S = 20.0
_MOST_PER_CORE = 32  # each takes more than a second of a core to begin
_KEPT_FOR = "24h"  # else a nanny is closed for good whose worker was away for 15 s


@contextlib.contextmanager
def dask_client(scheduler: str | None, workers: int, threads: int) -> "Iterator[Client]":
    """A client of the scheduler at an address, or of so many workers on this machine. Raises
    `ConfigError`.
    """
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise ConfigError("--engine dask needs Dask: pip install 'api-harvester[dask]'") from None
    if scheduler is not None:
        _refuse_address(scheduler)
    else:
        _refuse_too_many(workers)
    _silence()
    if scheduler is not None:
        _refuse_stranger(scheduler)
    with contextlib.ExitStack() as ending:
        try:
            if scheduler is None:
                kept = {"distributed.deploy.lost-worker-timeout": _KEPT_FOR}
                ending.enter_context(dask.config.set(kept))
                ending.enter_context(_main_unseen())
                place: Any = ending.enter_context(_local_cluster(threads))
                place.scale(workers)  # the harvest begins with the first
            else:
                place = scheduler
            client = Client(place, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            where = f"--scheduler {scheduler}" if scheduler else "a cluster on this machine"
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"{where}: cannot be reached: {told}") from error
        ending.enter_context(client)
        yield client


def _refuse_too_many(workers: int) -> None:
    """Raise `ConfigError` for more processes than this machine begins within minutes."""
    cores = os.cpu_count() or 1
    if workers > (most := _MOST_PER_CORE * cores):
        raise ConfigError(
            f"--workers {workers:,}: each is a process, and this machine has "
            f"{number(cores, 'core')}: {most:,} at most; take fewer with more --threads, which "
            "wait for the server as well, or a cluster of several machines (--scheduler)"
        )


def _refuse_address(scheduler: str) -> None:
    """Raise `ConfigError` for what cannot be connected to: found out by Dask, it takes a minute."""
    import dask

    def refused(why: str) -> ConfigError:
        return ConfigError(f"--scheduler {scheduler}: {why}")

    try:
        parts = urlsplit(scheduler)
        place = parts.hostname, parts.port
    except ValueError as error:
        raise refused(f"is no address: {error}; tcp://HOST:PORT or tls://HOST:PORT") from None
    if parts.username is not None:
        raise ConfigError(
            "--scheduler takes no name or password: tcp://HOST:PORT or tls://HOST:PORT"
        )
    if parts.scheme not in ("tcp", "tls") or None in place or parts.path.strip("/"):
        raise refused("is no address of a scheduler: tcp://HOST:PORT or tls://HOST:PORT")
    if parts.scheme == "tcp":
        return
    for key in ("ca-file", "client.cert", "client.key"):
        file = dask.config.get(f"distributed.comm.tls.{key}", None)
        name = f"DASK_DISTRIBUTED__COMM__TLS__{key.replace('.', '__').replace('-', '_').upper()}"
        if not file:
            raise refused(f"tls needs certificates: {name} names no file (or Dask's own YAML)")
        if "-----BEGIN" not in file and not Path(file).is_file():
            raise refused(f"{file}, which {name} names, is no file that can be read")


def _refuse_stranger(scheduler: str) -> None:
    """Raise `ConfigError` where something else listens, of which Dask itself would wait for ever
    for an answer: a dashboard, a worker, any other server.
    """
    from distributed.core import rpc
    from distributed.security import Security

    async def who() -> object:
        args = Security().get_connection_args("client")
        async with rpc(scheduler, timeout=_CONNECT_S, connection_args=args) as there:
            return (await there.identity())["type"]

    async def in_time() -> object:
        return await asyncio.wait_for(who(), _CONNECT_S + 2)

    try:
        found = asyncio.run(in_time())
    except TimeoutError:
        told = (
            f"no scheduler answers there within {_CONNECT_S:g} s; is it the port of its dashboard?"
        )
        raise ConfigError(f"--scheduler {scheduler}: {told}") from None
    except Exception as error:
        told = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(f"--scheduler {scheduler}: cannot be reached: {told}") from None
    if found != "Scheduler":
        raise ConfigError(
            f"--scheduler {scheduler}: is the address of a {str(found).lower()}, not of a scheduler"
        )


def _local_cluster(threads: int) -> "LocalCluster":
    """A cluster on this machine, with its first worker."""
    from distributed import LocalCluster

    from harvester.engine.workers.dask_nanny import PatientNanny

    return LocalCluster(
        n_workers=1,
        threads_per_worker=threads,
        processes=True,
        worker_class=PatientNanny,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


@contextlib.contextmanager
def _main_unseen() -> Iterator[None]:
    """Keep worker processes, restarted ones too, from running the main script of this one again."""
    main = sys.modules["__main__"]
    spec, file = main.__spec__, main.__dict__.pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


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
    warnings.filterwarnings("ignore", "Creating scratch directories is taking", UserWarning)


def is_ours(client: "Client") -> bool:
    """Whether the client's cluster is one of this machine that the same process has made."""
    from distributed import LocalCluster

    return isinstance(client.cluster, LocalCluster)


def processes_of(client: "Client") -> int:
    """How many workers there are, those that are only beginning included."""
    wanted = getattr(client.cluster, "worker_spec", ())  # a cluster that Dask itself has made
    return max(1, len(wanted), len(client.nthreads()))
