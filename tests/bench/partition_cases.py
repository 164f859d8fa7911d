"""The cases of many partitions: what a rerun costs where all are finished, and all cores at work.

CPU counts here beside wall: on two cores that other programs use as well, the wall of two processes
says nothing, but half of what all processes of a harvest take is what two free cores would need.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.cases import OURS, Case, Contender, Rounds, Target, median, peak_mb, ratio
from tests.bench.ground import Ground
from tests.bench.measure import Sample

_CORES: Final = 2


def b12(ground: Ground) -> Case:
    """B12: partitions that are all finished."""
    few, many = (
        _finished(ground, count)
        for count in (max(1, ground.sizes.finished // 100), ground.sizes.finished)
    )
    count = ground.sizes.finished
    run, fewer = f"{OURS} run, all finished", f"{OURS} run, a hundredth of them"
    status = f"{OURS} status"
    return Case(
        f"{count:,} finished partitions of one page",
        [
            Contender(run, lambda: ground.go_on(*many)),
            Contender(fewer, lambda: ground.go_on(*few)),
            Contender(status, lambda: ground.run(*ground.harvester, "status", str(many[1]))),
        ],
        [
            Target(f"run of {count:,} finished ≤ 5 s of CPU", median(run, _cpu_s), 5.0, unit=" s"),
            Target(
                "peak RSS ≤ that of a hundredth + 8 MB", _more_memory(run, fewer), 8.0, unit=" MB"
            ),
        ],
    )


def _finished(ground: Ground, count: int) -> tuple[Path, Path]:
    """A configuration, and a harvest by it that is complete."""
    config = ground.folder / f"finished-{count}.yaml"
    more = f"partitions: {{n: {{range: [1, {count}]}}}}"
    ground.config("search", "{partition: '{n}'}", more=more).rename(config)
    out = ground.folder / f"finished-{count}"
    ground.stored(config, out, count, "partitions")
    return config, out


def _cpu_s(sample: Sample) -> float:
    return sample.cpu_s


def _more_memory(one: str, other: str) -> Callable[[Rounds], float | None]:
    def value(rounds: Rounds) -> float | None:
        peak, before = median(one, peak_mb)(rounds), median(other, peak_mb)(rounds)
        return None if peak is None or before is None else peak - before

    return value


def b13(ground: Ground) -> Case:
    """B13: partitions that keep the cores busy."""
    sizes = ground.sizes
    facts = ground.facts(of=sizes.busy_pages)
    pages = sizes.busy_partitions * sizes.busy_pages

    def contender(name: str, concurrency: str) -> Contender:
        path = ground.folder / f"{name}.yaml"
        ground.config(
            "search", f"{{of: {sizes.busy_pages}, partition: '{{n}}'}}",
            more=f"partitions: {{n: {{range: [1, {sizes.busy_partitions}]}}}}",
            concurrency=concurrency,
        ).rename(path)  # fmt: skip
        records = pages * facts["page_records"]
        return Contender(name, lambda: ground.harvest(path, pages=pages, records=records))

    alone = contender("one partition at a time", "{partitions: 1}")
    one = contender("4 partitions, 1 process", "{partitions: 4}")
    two = contender("4 partitions, 2 processes", "{partitions: 4, processes: 2}")

    def on_all_cores(rounds: Rounds) -> float | None:
        both = rounds[one.name].keys() & rounds[two.name].keys()
        ratios = [rounds[one.name][at].cpu_s / (rounds[two.name][at].cpu_s / _CORES) for at in both]
        return statistics.median(ratios) if ratios else None

    return Case(
        f"{sizes.busy_partitions} partitions of {sizes.busy_pages} pages of 78 KB",
        [alone, one, two],
        [
            Target(
                "2 processes ≥ 1.8 × faster than 1, wall", ratio(one.name, two.name), 1.8,
                at_least=True,
            ),
            Target(
                "CPU of 1 process ≥ 1.8 × half of the CPU of 2", on_all_cores, 1.8, at_least=True
            ),
        ],
        alone.name,
    )  # fmt: skip


CASES: Final = {"B12": b12, "B13": b13}
