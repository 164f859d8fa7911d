"""A story for the displays: partitions that are worked on, told event by event."""

import re

from harvester.config import Config
from harvester.config.load import parse_config
from harvester.engine.events import (
    Event,
    PageCommitted,
    PartitionDone,
    PartitionStarted,
    RunStarted,
)
from harvester.model.partitions import Partition
from harvester.store.checkpoint import Checkpoint
from harvester.terminal.frame import Columns, frame
from harvester.terminal.progress import Progress
from tests.support import ITEMS, entry


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def config(total_path: str | None = None) -> Config:
    """One resource; with `total_path`, one of numbered pages."""
    text = ITEMS
    if total_path:
        text = re.sub(
            r"paginator: .*", f"paginator: {{type: page_number, total_path: {total_path}}}", text
        )
    return parse_config(text, "items.yaml", env={})


class Story:
    """Tells a `Progress` of partitions that are worked on."""

    def __init__(self, partitions: int = 4, configuration: Config | None = None) -> None:
        self.clock = Clock()
        self.progress = Progress(configuration or config(), self.clock)
        self.checkpoints: dict[int, Checkpoint] = {}
        self.tell(RunStarted("items", "out", partitions))

    def tell(self, *events: Event) -> None:
        """Let these happen."""
        for event in events:
            self.progress.take(event)

    def start(self, shard: str, checkpoint: Checkpoint | None = None) -> Partition:
        """A worker takes up a partition."""
        partition = Partition("items", {"shard": shard})
        self.checkpoints[id(partition)] = at = checkpoint or Checkpoint()
        self.tell(PartitionStarted(partition, at))
        return partition

    def commit(self, partition: Partition, pages: int = 1, *, done: bool = False) -> None:
        """Pages of three records, 100 bytes of JSON and 10 on disk are committed."""
        at = self.checkpoints[id(partition)]
        for _ in range(pages):
            page = entry(at.seq + 1, part="p", stored_bytes=10)
            at.add(page)
            self.tell(PageCommitted(partition, page, at))
        if done:
            self.tell(PartitionDone(partition, at))

    def lines(self, columns: int = 110, rows: int = 30) -> list[str]:
        """A frame as text."""
        return [line.plain for line in frame(self.progress, Columns(), columns, rows)]
