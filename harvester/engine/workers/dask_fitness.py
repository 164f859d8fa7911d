"""Looks whether a cluster can take part in a run: its versions, and the folder that workers see."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from distributed import Client

from harvester import __version__
from harvester.errors import ConfigError
from harvester.store import LocalStore, Store
from harvester.values import dataclass

_PATIENCE_S: Final = 60.0  # for the first worker
_TRIES: Final = 20  # of a message to workers of which one ends just then
_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """What the driver has to know of a worker before it sends anything."""

    version: str
    python: tuple[int, ...]
    probe: bytes | None


def seen_from_here(probe: str | None) -> Seen:
    """The version of this worker, and what the file `probe` holds as it sees it."""
    found = None
    if probe is not None:
        with contextlib.suppress(OSError):
            found = Path(probe).read_bytes()
    return Seen(__version__, sys.version_info[:3], found)


def refuse_unfit(client: Client, where: str, store: Store, run: str) -> None:
    """Raise `ConfigError`, by its address, for a worker that there is and that cannot take part,
    and for a scheduler that cannot.
    """
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except TimeoutError:
        raise ConfigError(
            f"{where}: there is no worker, and none came within {_PATIENCE_S:g} s"
        ) from None
    try:
        _same("the scheduler", client.run_on_scheduler(seen_from_here, None))
    except Exception as error:
        if isinstance(error, ConfigError):
            raise
        raise _lacking(f"the scheduler of {where}", error) from error
    with _probe(store, run) as probe:
        name = probe and str(probe)
        found: dict[str, Any] = insisted(
            lambda: client.run(seen_from_here, name, on_error="return") or None
        )
        for address, seen in found.items():
            if isinstance(seen, OSError):
                continue  # it ended just then
            if not isinstance(seen, Seen):
                raise _lacking(f"the worker {address}", seen)
            _same(f"the worker {address}", seen)
            if probe is not None and seen.probe != run.encode():
                raise unseen(store.place, f"the worker {address}")


def insisted(ask: Callable[[], Any]) -> Any:
    """What a message to all workers comes to, although one of them may end just then."""
    for _ in range(_TRIES):
        with contextlib.suppress(OSError):
            if (found := ask()) is not None:
                return found
        time.sleep(_AGAIN_S)
    return ask()


def unseen(place: str, who: str) -> ConfigError:
    """A worker does not see the folder that is harvested into."""
    return ConfigError(
        f"{place}: {who} does not see this folder, so that it cannot write there; harvest into a "
        "folder that all machines share, or into a bucket (--out s3://BUCKET/PREFIX)"
    )


def _same(who: str, seen: Seen) -> None:
    if seen.version != __version__:
        raise other_version(who, seen.version, __version__)
    if seen.python[:2] != sys.version_info[:2]:
        here, there = sys.version.split()[0], ".".join(map(str, seen.python))
        raise ConfigError(f"{who} runs Python {there}, and this is {here}; take the same")


def other_version(who: str, there: str, here: str) -> ConfigError:
    """A worker has another version of harvester than the driver."""
    return ConfigError(
        f"{who} has harvester {there}, and the run's first process {here}; install the same "
        "everywhere"
    )


def _lacking(who: str, error: BaseException) -> ConfigError:
    told = (str(error) or type(error).__name__).splitlines()[0]
    return ConfigError(
        f"{who} cannot take part ({told}); install api-harvester[dask] {__version__} there, as here"
    )


@contextlib.contextmanager
def _probe(store: Store, run: str) -> Iterator[Path | None]:
    """A file in a local folder that each worker must see."""
    if not isinstance(store, LocalStore):
        yield None
        return
    probe = store.root / f".probe-{run}"
    probe.write_bytes(run.encode())
    try:
        yield probe
    finally:
        probe.unlink(missing_ok=True)
