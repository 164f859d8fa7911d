"""Options of `run` that say where partitions are harvested, and the cluster that they ask for."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from harvester.errors import Interrupted
from harvester.terminal import say

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

    with (
        _signals_noted() as ended,
        dask_client(scheduler, workers or os.cpu_count() or 1, threads or _THREADS) as client,
    ):
        if ended.is_set():
            raise Interrupted("interrupted before anything was asked; the same command goes on")
        yield client


@contextlib.contextmanager
def _signals_noted() -> Iterator[threading.Event]:
    """Note the wish to end while a cluster begins or ends, which Dask does not survive in the
    middle: some process would stay, or the command. The second one kills all of them. While the
    harvest is on, it has signals of its own.
    """
    import multiprocessing  # Dask has it loaded by then

    ended = threading.Event()

    def note(number: int, frame: object) -> None:
        if ended.is_set():
            for process in multiprocessing.active_children():
                process.kill()
            os._exit(Interrupted.exit_code)
        ended.set()
        say("ending once the cluster can end; Ctrl-C again ends at once")

    before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
