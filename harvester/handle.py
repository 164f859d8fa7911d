"""Opens one harvest on disk, for all that can be asked of it or done with it.

    from harvester import Harvest

    tweets = Harvest("data/tweets")
    if tweets.status().complete and tweets.verify(deep=True).ok:
        for tweet in tweets.records(parse=json.loads):
            ...
        tweets.export("tweets.parquet", dedupe=["id"])

Each method is the function of the same name, with the folder given; nothing is kept between calls,
so that a handle may be held while a run goes on. What is heavy is imported by who needs it.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from harvester.model import place_of_text

if TYPE_CHECKING:
    import threading

    from harvester.config import Config
    from harvester.engine import OnEvent
    from harvester.export import Exported, OnStep
    from harvester.repair import Repair
    from harvester.results import Summary, UnderWay, Verification

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, init=False)
class Harvest:
    """The harvest in the folder `path`, which may still grow. Opening it reads nothing yet:
    a folder that holds none is refused by the first call, with `DataRefused`.
    """

    path: Path

    def __init__(self, path: str | os.PathLike[str]) -> None:
        object.__setattr__(self, "path", place_of_text(path))

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def _repr_html_(self) -> str:
        """What a notebook shows of it: a table of its resources, or why there is none."""
        from harvester.results import harvest_table

        return harvest_table(self.path)

    def config(self, *, env: Mapping[str, str] | None = None) -> "Config":
        """The configuration that it was made with, secrets from the environment."""
        from harvester.repair import reopened

        return reopened(self.path, env=env)[0]

    def status(self) -> "Summary":
        """Where it stands: partitions, pages and records by resource, failures and doubts."""
        from harvester.results import status

        return status(self.path)

    def under_way(self) -> "UnderWay":
        """The run that is under way there, or that there is none: its process, rate, time left."""
        from harvester.results import under_way

        return under_way(self.path, self.status().since)

    def verify(self, *, deep: bool = False) -> "Verification":
        """Whether what is stored is sound; `deep` also inflates and parses every page."""
        from harvester.results import verify

        return verify(self.path, deep=deep)

    @overload
    def records(
        self,
        *,
        parse: None = None,
        resources: Sequence[str] = (),
        partition: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]: ...

    @overload
    def records(
        self,
        *,
        parse: Callable[[bytes], Record],
        resources: Sequence[str] = (),
        partition: Mapping[str, str] | None = None,
    ) -> Iterator[Record]: ...

    def records(
        self,
        *,
        parse: Callable[[bytes], Record] | None = None,
        resources: Sequence[str] = (),
        partition: Mapping[str, str] | None = None,
    ) -> Iterator[bytes] | Iterator[Record]:
        """The records in order, each as the bytes of its JSON on one line, or as what `parse`
        makes of them (`json.loads`, a model's own). What `parse` raises comes out as it is.
        """
        from harvester.results import iter_records

        lines = iter_records(self.path, resources=resources, partition=partition)
        return lines if parse is None else map(parse, lines)

    def export(
        self,
        target: str | os.PathLike[str],
        *,
        resources: Sequence[str] = (),
        partition: Mapping[str, str] | None = None,
        dedupe: Sequence[str] = (),
        prefix: str = "_",
        columns: Sequence[str] = (),
        drop: Sequence[str] = (),
        hashed: Sequence[str] = (),
        hash_key: str | None = None,
        cast: bool = False,
        format: str | None = None,  # noqa: A002  # as the option is called
        partition_by: Sequence[str] = (),
        append: bool = False,
        force: bool = False,
        on_step: "OnStep" = lambda step: None,
    ) -> "Exported":
        """Write its records into one file, whose ending says the format, or into what grows."""
        from harvester.export import export

        return export(
            self.path,
            target,
            resources=resources,
            partition=partition,
            dedupe=dedupe,
            prefix=prefix,
            columns=columns,
            drop=drop,
            hashed=hashed,
            hash_key=hash_key,
            cast=cast,
            format=format,
            partition_by=partition_by,
            append=append,
            force=force,
            on_step=on_step,
        )

    def report(self, file: str | os.PathLike[str] | None = None) -> Path:
        """Write one HTML page with charts, `report.html` in the folder if no `file` is named."""
        from harvester.report import write_report

        return write_report(self.path, file)

    def repair(
        self,
        *,
        deep: bool = False,
        env: Mapping[str, str] | None = None,
        on_event: "OnEvent" = lambda event: None,
        stop: "threading.Event | None" = None,
    ) -> "Repair":
        """Ask the server again for pages that are lost or damaged. Holds the folder's lock."""
        from harvester.repair import repair

        return repair(self.config(env=env), self.path, deep=deep, on_event=on_event, stop=stop)

    def redo(
        self,
        *,
        resources: Sequence[str] = (),
        partition: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        on_event: "OnEvent" = lambda event: None,
        stop: "threading.Event | None" = None,
    ) -> "Summary":
        """Harvest again what is chosen; the old pages count until the new ones are complete."""
        from harvester.engine import RunOptions, harvest
        from harvester.repair import begin_again

        config = self.config(env=env)
        begin_again(config, self.path, resources=resources, partition=partition)
        options = RunOptions(out=self.path, resources=resources)
        return harvest(config, options, on_event=on_event, stop=stop)
