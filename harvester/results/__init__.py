"""Reads a harvest back: where it stands, whether it is sound, its records."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.results.current_run import (
        UnderWay,
        under_way,
    )
    from harvester.results.distinct_keys import (
        Doubles,
        doubles,
    )
    from harvester.results.drift import (
        Drift,
        FieldChange,
    )
    from harvester.results.field_drift import (
        MOST_LOOKED_INTO,
        FieldDrift,
        FieldDrifts,
    )
    from harvester.results.generations import (
        Comparison,
        Difference,
        GenerationDiff,
    )
    from harvester.results.html_table import (
        harvest_table,
    )
    from harvester.results.last_run import (
        LAST_RUN,
        read_last_run,
        read_statistics,
        write_last_run,
    )
    from harvester.results.part_checks import (
        PartCheck,
        StoredProblem,
        Told,
    )
    from harvester.results.records import (
        embedded,
        iter_records,
        record_lines,
    )
    from harvester.results.run_note import (
        RunNote,
        remove_note,
    )
    from harvester.results.run_statistics import (
        RunStatistics,
        count,
        kind_of,
    )
    from harvester.results.standing import (
        KnownBefore,
        Standing,
    )
    from harvester.results.state import (
        Looked,
        Verification,
        folders_with_pages,
        has_labels,
        in_order,
        planned,
        status,
        status_beyond,
        verify,
    )
    from harvester.results.summary import (
        CrawlState,
        Failure,
        Failures,
        Gap,
        PartitionCounts,
        ResourceSummary,
        Summary,
        ThisRun,
        WaitingFor,
    )
    from harvester.results.whole_run import (
        WholeRun,
    )


__all__ = [
    "LAST_RUN",
    "MOST_LOOKED_INTO",
    "Comparison",
    "CrawlState",
    "Difference",
    "Doubles",
    "Drift",
    "Failure",
    "Failures",
    "FieldChange",
    "FieldDrift",
    "FieldDrifts",
    "Gap",
    "GenerationDiff",
    "KnownBefore",
    "Looked",
    "PartCheck",
    "PartitionCounts",
    "ResourceSummary",
    "RunNote",
    "RunStatistics",
    "Standing",
    "StoredProblem",
    "Summary",
    "ThisRun",
    "Told",
    "UnderWay",
    "Verification",
    "WaitingFor",
    "WholeRun",
    "count",
    "doubles",
    "embedded",
    "folders_with_pages",
    "harvest_table",
    "has_labels",
    "in_order",
    "iter_records",
    "kind_of",
    "planned",
    "read_last_run",
    "read_statistics",
    "record_lines",
    "remove_note",
    "status",
    "status_beyond",
    "under_way",
    "verify",
    "write_last_run",
]


__getattr__ = names_of(
    __name__,
    {
        "current_run": "UnderWay under_way",
        "distinct_keys": "Doubles doubles",
        "drift": "Drift FieldChange",
        "field_drift": "MOST_LOOKED_INTO FieldDrift FieldDrifts",
        "generations": "Comparison Difference GenerationDiff",
        "html_table": "harvest_table",
        "last_run": "LAST_RUN read_last_run read_statistics write_last_run",
        "part_checks": "PartCheck StoredProblem Told",
        "records": "embedded iter_records record_lines",
        "run_note": "RunNote remove_note",
        "run_statistics": "RunStatistics count kind_of",
        "standing": "KnownBefore Standing",
        "state": "Looked Verification folders_with_pages has_labels in_order planned status "
        "status_beyond verify",
        "summary": "CrawlState Failure Failures Gap PartitionCounts ResourceSummary "
        "Summary ThisRun WaitingFor",
        "whole_run": "WholeRun",
    },
)
