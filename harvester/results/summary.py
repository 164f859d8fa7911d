"""Summary of a run or of a folder: the numbers that `run` and `status` give."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Final

from harvester.errors import HarvesterError, Interrupted, PartitionFailed, RunStopped
from harvester.model import DoubtGroup, Shard, number
from harvester.store import Checkpoint
from harvester.values import dataclass

#: More failures than this are counted, not kept: there may be a million partitions.
MOST_FAILURES: Final = 1000


@dataclass(slots=True)
class PartitionCounts:
    """Partitions of a resource by how they stand; `pending` have neither ended nor failed."""

    total: int = 0
    complete: int = 0
    failed: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class CrawlState:
    """How far a crawl has come: how deep its values lie, how many are not harvested yet, and how
    many different ones were seen, `beyond` of them deeper than is gone.
    """

    depth: int
    frontier: int
    seen: int
    beyond: int = 0


@dataclass(slots=True)
class ResourceSummary:
    """A resource's committed pages in numbers. `bytes` is decoded JSON, `stored_bytes` on disk;
    `control_characters` stand raw in strings, which is told where there are any; `ends` counts what
    proved the ends of its complete partitions; `crawl` is only there where it is one.
    """

    name: str
    partitions: PartitionCounts = field(default_factory=PartitionCounts)
    pages: int = 0
    records: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    requests: int = 0
    retries: int = 0
    control_characters: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    crawl: CrawlState | None = None

    def add(self, checkpoint: Checkpoint, *, failed: bool) -> None:
        """Count a partition in. Its requests are those of committed pages."""
        counts = self.partitions
        counts.total += 1
        counts.complete += checkpoint.done
        counts.failed += failed
        counts.pending += not (checkpoint.done or failed)
        if checkpoint.done and checkpoint.reason:
            self.ends[checkpoint.reason] = self.ends.get(checkpoint.reason, 0) + 1
        self.requests += checkpoint.attempts
        self.retries += checkpoint.retries
        self.pages += checkpoint.live_pages
        self.records += checkpoint.records
        self.bytes += checkpoint.bytes
        self.stored_bytes += checkpoint.stored_bytes
        self.control_characters += checkpoint.control_characters

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        found = asdict(self)
        if not self.control_characters:
            del found["control_characters"]
        if self.crawl is None:
            del found["crawl"]
        return found


@dataclass(frozen=True, slots=True)
class Failure:
    """A partition that ended before its last page, and why."""

    resource: str
    partition: Mapping[str, str]
    error: str
    cursor: Any

    @property
    def key(self) -> tuple[str, ...]:
        """Which partition it is; hashable."""
        return (self.resource, *self.partition.values())


@dataclass(frozen=True, slots=True)
class Gap:
    """A partition of which the API shows only some records, and that cannot be split further."""

    resource: str
    partition: Mapping[str, str]
    records: int
    told: str


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """A partition whose job is not ready yet: the job's id, and since when it was made."""

    resource: str
    partition: Mapping[str, str]
    job: Any
    since: str


@dataclass(frozen=True, slots=True)
class EmbeddedState:
    """A resource whose records stand inside those of another: nothing is stored for it, and it is
    complete where the pages that hold it are.
    """

    name: str
    inside: str
    complete: bool


@dataclass(slots=True)
class Failures:
    """The failures of a run: how many there were, by resource, and the first of them in words."""

    count: Counter[str] = field(default_factory=Counter)
    listed: list[Failure] = field(default_factory=list)

    def add(self, failure: Failure) -> None:
        """Count a failure, and list it unless there are too many."""
        self.count[failure.resource] += 1
        if len(self.listed) < MOST_FAILURES:
            self.listed.append(failure)


@dataclass(slots=True)
class ThisRun:
    """What one run did, as against what is in the folder. `waits_s` is the time waited by reason,
    of all who waited together; `errors` counts the tries that came to nothing, by kind.
    """

    started_at: str
    seconds: float = 0.0
    pages: int = 0
    records: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    requests: int = 0
    retries: int = 0
    waits_s: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        waits = {why: round(seconds, 3) for why, seconds in self.waits_s.items()}
        return {**asdict(self), "seconds": round(self.seconds, 3), "waits_s": waits}


@dataclass(slots=True)
class Summary:
    """The state of a harvest. `complete`: every partition of the plan has its last page."""

    name: str
    resources: list[ResourceSummary]
    failures: list[Failure] = field(default_factory=list)
    ended_by: HarvesterError | None = None  # what stopped the run before its plan was worked off
    paused: bool = False  # `max_pages` left pages to harvest
    doubts: list[DoubtGroup] = field(default_factory=list)
    since: str | None = None  # when the last page, or the last word, of any partition was kept
    gaps: list[Gap] = field(default_factory=list)  # windows above the cap; failures too
    waiting: list[WaitingFor] = field(default_factory=list)  # for jobs; the first of them
    embedded: list[EmbeddedState] = field(default_factory=list)  # in the pages of other resources
    run: ThisRun | None = None  # what the run did that gave this; None where there was none
    strict: bool = False  # whether a doubt is as bad as a failure
    shard: Shard | None = None  # the share that all this is of; None: of the whole
    elsewhere: int = 0  # partitions that another machine took over, and goes on with
    left: list[str] = field(default_factory=list)  # what another run of the share may find more of
    above: list[str] = field(default_factory=list)  # not asked for, unfinished, and needed for it

    @property
    def complete(self) -> bool:
        """Whether nothing is left to harvest."""
        done = all(item.partitions.complete == item.partitions.total for item in self.resources)
        return done and not self.left

    @property
    def exit_code(self) -> int:
        """What a run that ended so returns from the command line."""
        if self.ended_by is not None:
            return self.ended_by.exit_code
        if self.failures or (self.strict and self.doubts):
            return PartitionFailed.exit_code
        more = self.paused or self.left or self.above or self.elsewhere
        return RunStopped.exit_code if more else 0

    @property
    def ended(self) -> str:
        """How the run ended, in one word."""
        if self.ended_by is not None:
            return "interrupted" if isinstance(self.ended_by, Interrupted) else "stopped"
        if self.failures:
            return "failed"
        if self.paused:
            return "paused"
        return "complete" if self.complete else "done"

    @property
    def why(self) -> str:
        """Why it ended so, in a sentence."""
        match self.ended:
            case "interrupted" | "stopped":
                return str(self.ended_by)
            case "failed":
                failed = sum(item.partitions.failed for item in self.resources)
                told = number(failed, "partition")
                return f"{told} failed, the first: {self.failures[0].error}"
            case "paused":
                return "--max-pages left pages to harvest"
            case "done" if self.elsewhere:
                return "another machine goes on with what is not there yet"
            case "done" if self.left:
                return "it waits for parents in other shares"
            case "done" if self.above:
                return f"it takes its values from {', '.join(self.above)}, which is not finished"
            case "complete" if self.shard is not None:
                return f"every partition of share {self.shard} has its last page"
            case "done":
                return "what was asked for is there; other partitions are pending"
        return "every partition has its last page"

    def as_dict(self) -> dict[str, Any]:
        """The JSON form that `run --json` and `status --json` print."""
        value: dict[str, Any] = {
            "name": self.name,
            "complete": self.complete,
            "resources": [item.as_dict() for item in self.resources],
            "failures": [asdict(item) for item in self.failures],
            "doubts": [group.as_dict() for group in self.doubts],
        }
        if self.embedded:
            value["embedded"] = [asdict(each) for each in self.embedded]
        if self.shard is not None:
            value["shard"] = str(self.shard)
        if self.elsewhere:
            value["taken_over"] = self.elsewhere
        if self.left:
            value["awaits_other_shards"] = self.left
        if self.gaps:
            value["gaps"] = [asdict(gap) for gap in self.gaps]
        if self.waiting:
            value["waiting"] = [asdict(each) for each in self.waiting]
        if self.ended_by is not None:
            value["stopped"] = str(self.ended_by)
        if self.run is not None:
            ending = {"ended": self.ended, "why": self.why, "exit_code": self.exit_code}
            value["run"] = {**self.run.as_dict(), **ending}
        return value
