"""Options of one run, apart from the configuration: where, what of it, and how much at once."""

from collections.abc import Sequence

from harvester.errors import ConfigError
from harvester.model import Shard
from harvester.store import Place
from harvester.values import dataclass


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is asked of one run of a configuration; `harvester.harvest` says what each means."""

    out: Place | None = None
    resources: Sequence[str] = ()
    concurrency: int | None = None
    max_pages: int | None = None
    accept_change: bool = False
    shard: Shard | None = None
    executor: object | None = None

    def check(self) -> None:
        """Raise `ConfigError` for what cannot be, alone or together."""
        for name in ("concurrency", "max_pages"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ConfigError(f"{name} must be 1 or more, not {number}")
        if self.shard is not None and self.executor is not None:
            raise ConfigError(
                "--shard divides a harvest among machines that know nothing of each other, and "
                "Dask divides it among workers: leave one of them out"
            )
