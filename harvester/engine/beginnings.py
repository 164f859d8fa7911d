"""Says when a partition was begun, for requests that name that as `{now}` or `{until}`."""

from datetime import datetime

from harvester.engine.attempts import Run
from harvester.model import Partition
from harvester.planning import begun
from harvester.store import folder_of, header_of


def with_beginning(run: Run, partition: Partition, created_at: str | None = None) -> Partition:
    """The partition with the time of its beginning, where a request names that: the journal's, so
    that a run that goes on asks as the one before; `created_at` is what a new journal will say.
    """
    if not run.sources[partition.resource].names_now:
        return partition
    header = header_of(run.store, folder_of(run.store, partition))
    moment = header.created_at if header else created_at
    return begun(partition, datetime.fromisoformat(moment) if moment else run.now())
