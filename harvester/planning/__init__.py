"""Plans which partitions there are, and in which order."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.planning.any_order import in_any_order
    from harvester.planning.closed_windows import (
        NOTABLE,
        ServerClock,
        closes_at,
        end_of,
        kept_early,
        was_early,
    )
    from harvester.planning.counted_windows import CountedWindows
    from harvester.planning.crawling import (
        Crawler,
        crawl_key,
        crawled,
    )
    from harvester.planning.deltas import delta_runs
    from harvester.planning.feed import (
        Feed,
    )
    from harvester.planning.incremental import (
        KEY,
        Seen,
        begun,
        runs,
    )
    from harvester.planning.lists import Lists
    from harvester.planning.partition_values import (
        Value,
        copies_of,
        inherited_values,
        outside_values,
        take_over,
        values_of,
    )
    from harvester.planning.plans import (
        Least,
        Plan,
        in_share,
        known_count,
        least,
        plan,
        shared,
    )
    from harvester.planning.split_partitions import (
        SPLIT_DEPTH,
        depth_of,
        largest_total_above,
    )
    from harvester.planning.store_costs import (
        StoreCost,
        store_cost,
    )
    from harvester.planning.stored_records import (
        inside_of,
        page_records,
        partition_records,
        records_of_each,
    )


__all__ = [
    "KEY",
    "NOTABLE",
    "SPLIT_DEPTH",
    "CountedWindows",
    "Crawler",
    "Feed",
    "Least",
    "Lists",
    "Plan",
    "Seen",
    "ServerClock",
    "StoreCost",
    "Value",
    "begun",
    "closes_at",
    "copies_of",
    "crawl_key",
    "crawled",
    "delta_runs",
    "depth_of",
    "end_of",
    "in_any_order",
    "in_share",
    "inherited_values",
    "inside_of",
    "kept_early",
    "known_count",
    "largest_total_above",
    "least",
    "outside_values",
    "page_records",
    "partition_records",
    "plan",
    "records_of_each",
    "runs",
    "shared",
    "store_cost",
    "take_over",
    "values_of",
    "was_early",
]


__getattr__ = names_of(
    __name__,
    {
        "any_order": "in_any_order",
        "closed_windows": "NOTABLE ServerClock closes_at end_of kept_early was_early",
        "counted_windows": "CountedWindows",
        "crawling": "Crawler crawl_key crawled",
        "deltas": "delta_runs",
        "feed": "Feed",
        "incremental": "KEY Seen begun runs",
        "lists": "Lists",
        "partition_values": "Value copies_of inherited_values outside_values take_over values_of",
        "plans": "Least Plan in_share known_count least plan shared",
        "split_partitions": "SPLIT_DEPTH depth_of largest_total_above",
        "store_costs": "StoreCost store_cost",
        "stored_records": "inside_of page_records partition_records records_of_each",
    },
)
