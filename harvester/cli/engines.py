"""Options of `run` that say where partitions are harvested, and the cluster that they ask for."""

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

_THREADS = 4


class Engine(StrEnum):
    """Where partitions are harvested."""

    LOCAL = "local"
    DASK = "dask"


EngineOption = Annotated[
    Engine | None,
    typer.Option(
        "--engine",
        help="local: in this process, and those of concurrency.processes. dask: on a cluster.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, metavar="N", help="Of a Dask cluster on this machine.  [one a core]"
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", min=1, metavar="N", help=f"Partitions at once, of each worker.  [{_THREADS}]"
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="URL",
        help="Of a Dask cluster that there is: tcp://HOST:PORT or tls://HOST:PORT.",
    ),
]


@contextlib.contextmanager
def executor_of(
    engine: Engine | None,
    workers: int | None,
    threads: int | None,
    scheduler: str | None,
    concurrency: int | None,
) -> Iterator[object | None]:
    """The client of a cluster; None where the harvest stays in this process."""
    if engine is None and scheduler is not None:
        engine = Engine.DASK
    if engine is not Engine.DASK:
        for name, value in (
            ("--workers", workers), ("--threads", threads), ("--scheduler", scheduler),
        ):  # fmt: skip
            if value is not None:
                raise typer.BadParameter("goes with --engine dask only", param_hint=name)
        yield None
        return
    if concurrency is not None:
        raise typer.BadParameter(
            "does not go with --engine dask: there are as many partitions at once as the workers "
            "have threads (--workers, --threads)",
            param_hint="--concurrency",
        )
    if scheduler is not None:
        for name, value in (("--workers", workers), ("--threads", threads)):
            if value is not None:
                raise typer.BadParameter(
                    "does not go with --scheduler, whose cluster has its own", param_hint=name
                )
    from harvester.engine import dask_client

    with dask_client(scheduler, workers or os.cpu_count() or 1, threads or _THREADS) as client:
        yield client
