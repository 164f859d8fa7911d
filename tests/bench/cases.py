"""The cases: who competes at what, and what has to come out of it.

A case is built when its turn comes: building may put gigabytes on disk. Its contenders run one
after the other, round by round, so that a slow minute of the machine meets them all; the slowest
take part in every `every`-th round only. A target is a number made of the rounds, and its limit.
"""

import os
import shlex
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from tests.bench.ground import Ground
from tests.bench.measure import ContenderFailed, Sample
from tests.bench.pages import token

_MB: Final = 1_000_000
OURS: Final = "harvester"

Rounds = Mapping[str, Mapping[int, Sample]]
"""Of each contender its samples, by round."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One that takes part: `run` does the work once. `every`: in which rounds."""

    name: str
    run: Callable[[], Sample]
    every: int = 1
    rounds: int | None = None  # of its own, where it is too short to be seen in a few


@dataclass(frozen=True, slots=True)
class Target:
    """What has to hold: `value` of the rounds, None where they do not tell it, against `limit`;
    None where it is told only.
    """

    text: str
    value: Callable[[Rounds], float | None]
    limit: float | None
    at_least: bool = False
    unit: str = "×"

    def holds(self, value: float) -> bool:
        """Whether a value is good enough."""
        if self.limit is None:
            return True
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Case:
    """What is compared, in words, by whom, and the targets. `baseline` is what ratios are of."""

    title: str
    contenders: Sequence[Contender]
    targets: Sequence[Target]
    baseline: str | None = None


# --- Numbers out of rounds -----------------------------------------------------------------------


def ratio(one: str, other: str) -> Callable[[Rounds], float | None]:
    """Wall of `one` over that of `other`: the median over the rounds in which both ran."""

    def value(rounds: Rounds) -> float | None:
        both = sorted(rounds[one].keys() & rounds[other].keys())
        if not both:
            return None
        return statistics.median(rounds[one][at].wall_s / rounds[other][at].wall_s for at in both)

    return value


def median(
    name: str, of: Callable[[Sample], float] = lambda sample: sample.wall_s
) -> Callable[[Rounds], float | None]:
    """The median of one contender."""

    def value(rounds: Rounds) -> float | None:
        return statistics.median(map(of, rounds[name].values())) if rounds[name] else None

    return value


def peak_mb(sample: Sample) -> float:
    """Peak memory, in MB of a million bytes."""
    return sample.peak_bytes / _MB


def cpu_s(sample: Sample) -> float:
    """CPU, user and system, in seconds."""
    return sample.cpu_s


def _difference(
    one: Callable[[Rounds], float | None], other: Callable[[Rounds], float | None]
) -> Callable[[Rounds], float | None]:
    def value(rounds: Rounds) -> float | None:
        left, right = one(rounds), other(rounds)
        return None if left is None or right is None else left - right

    return value


# --- One page ------------------------------------------------------------------------------------


def _one_page(ground: Ground, size: int, *, everybody: bool) -> Case:
    facts = ground.facts(size=size)
    page, records = f"large/{size}/gzip", facts["large_records"]
    stored = {"pages": 1, "records": records}
    path = ground.folder / "page.yaml"
    ground.config(page).rename(path)

    def curl() -> Sample:
        return ground.run("curl", "-sSf", "--compressed", "-o", "/dev/null", ground.origin + page)

    contenders = [
        Contender("curl", curl),
        Contender(OURS, lambda: ground.harvest(path, **stored)),
        Contender("text search", lambda: ground.bare("text_search", page, stored), every=5),
    ]
    if everybody:
        contenders += [
            Contender("requests + .json()", lambda: ground.bare("json_lines", page, stored), 3),
            Contender("dlt", lambda: ground.bare("dlt_rest_api", page, stored), every=5),
        ]
    return Case(
        f"one page of {_amount(facts['large_bytes'])} of JSON, "
        f"sent as {_amount(facts['large_wire_bytes'])} of gzip",
        contenders,
        []
        if everybody
        else [
            Target("wall ≤ 2 × curl", ratio(OURS, "curl"), 2.0),
            Target("stretch: wall ≤ 1.5 × curl", ratio(OURS, "curl"), 1.5),
        ],
        "curl",
    )


def b1(ground: Ground) -> Case:
    """B1: the speed of one large page."""
    return _one_page(ground, ground.sizes.large_bytes, everybody=False)


def b1_middle(ground: Ground) -> Case:
    """B1 at a tenth, with those that hold a page in memory."""
    return _one_page(ground, ground.sizes.middle_bytes, everybody=True)


def b2(ground: Ground) -> Case:
    """B2: the same page as identity, compressed by us."""
    size = ground.sizes.large_bytes
    facts = ground.facts(size=size)
    page = f"large/{size}/identity"
    path = ground.folder / "identity.yaml"
    ground.config(page).rename(path)

    def piped() -> Sample:
        line = f"curl -sSf '{ground.origin}{page}' | gzip -1 > /dev/null"
        return ground.shell(line, "curl", "gzip")

    return Case(
        f"one page of {_amount(facts['large_bytes'])} of JSON, sent as identity",
        [
            Contender("curl | gzip -1", piped),
            Contender(OURS, lambda: ground.harvest(path, pages=1, records=facts["large_records"])),
        ],
        [Target("wall ≤ 0.6 × curl | gzip -1", ratio(OURS, "curl | gzip -1"), 0.6)],
        "curl | gzip -1",
    )


# --- Many pages ----------------------------------------------------------------------------------


def b3(ground: Ground) -> Case:
    """B3: many small pages in a chain."""
    count = ground.sizes.chain
    facts = ground.facts(of=count)
    chain = f"search?of={count}"
    stored = {"pages": count, "records": count * facts["page_records"]}
    slow, each = f"{OURS}, each fsync 10 ms longer", f"{OURS}, durability: page"

    def harvest(durability: str = "group", *, slow_disk: bool = False) -> Callable[[], Sample]:
        path = ground.folder / f"chain-{durability}.yaml"
        output = f"{{durability: {durability}}}"
        ground.config("search", f"{{of: {count}}}", output=output).rename(path)
        harvested = ground.harvest_slowly if slow_disk else ground.harvest
        return lambda: harvested(path, **stored)

    urls = ground.folder / "urls"
    with urls.open("w") as file:
        for number in range(count):
            following = f"&next_token={token(number)}" if number else ""
            file.write(f'url = "{ground.origin}{chain}{following}"\noutput = "/dev/null"\n')

    def curl() -> Sample:
        return ground.run("curl", "-sSf", "--compressed", "--config", str(urls))

    return Case(
        f"{count:,} pages of 78 KB of JSON, sent as {_amount(facts['chain_wire_bytes'] / count)} "
        "of gzip each, one after the other",
        [
            Contender("curl, one connection", curl),
            Contender(OURS, harvest()),
            Contender(slow, harvest(slow_disk=True)),
            Contender(each, harvest("page"), every=3),
            Contender("text search", lambda: ground.bare("text_search", chain, stored), every=5),
            Contender("requests + .json()", lambda: ground.bare("json_lines", chain, stored), 2),
            Contender("dlt", lambda: ground.bare("dlt_rest_api", chain, stored), every=3),
        ],
        [
            Target(
                "wall ≤ 3.5 × curl on one connection", ratio(OURS, "curl, one connection"), 3.5
            ),
            Target(
                "≥ 3 × faster than requests + .json()", ratio("requests + .json()", OURS), 3.0,
                at_least=True,
            ),
            Target("≥ 5 × faster than dlt's rest_api", ratio("dlt", OURS), 5.0, at_least=True),
            Target("where each fsync takes 10 ms longer, ≤ 1.3 ×", ratio(slow, OURS), 1.3),
        ],
        "curl, one connection",
    )  # fmt: skip


def b4(ground: Ground) -> Case:
    """B4: memory, however large the page."""
    sizes = ground.sizes
    largest, small = f"{OURS}, {_amount(sizes.largest_bytes)}", f"{OURS}, 1 MB"
    contenders = []
    for name, size, every in ((small, sizes.small_bytes, 1), (largest, sizes.largest_bytes, 2)):
        facts = ground.facts(size=size)
        path = ground.folder / f"memory-{size}.yaml"
        ground.config(f"large/{size}/gzip").rename(path)
        contenders.append(Contender(name, _one(ground, path, facts["large_records"]), every))
    most = median(largest, peak_mb)
    return Case(
        "memory: a page of 4 GB of JSON beside one of 1 MB",
        contenders,
        [
            Target(
                "peak RSS ≤ that of a 1 MB page + 8 MB", _difference(most, median(small, peak_mb)),
                8.0, unit=" MB",
            ),
            Target("peak RSS < 96 MB", most, 96.0, unit=" MB"),
        ],
    )  # fmt: skip


def _one(ground: Ground, config: Path, records: int) -> Callable[[], Sample]:
    return lambda: ground.harvest(config, pages=1, records=records)


def b5(ground: Ground) -> Case:
    """B5: partitions side by side, bound by the server's latency."""
    sizes = ground.sizes
    facts = ground.facts(of=sizes.partition_pages)
    each = sizes.partition_pages * facts["page_records"]
    pages = sizes.partitions * sizes.partition_pages

    def config(name: str, partitions: int, of: int, ms: int) -> Path:
        path = ground.folder / f"{name}.yaml"
        ground.config(
            "search", f"{{of: {of}, ms: {ms}, partition: '{{n}}'}}",
            more=f"partitions: {{n: {{range: [1, {partitions}]}}}}",
            concurrency=f"{{partitions: {sizes.partitions}}}",
        ).rename(path)  # fmt: skip
        return path

    wide = config("partitions", sizes.partitions, sizes.partition_pages, sizes.latency_ms)
    start = config("start", 1, 1, 0)
    start_up = f"{OURS}, one page, no latency"
    ideal = sizes.partition_pages * sizes.latency_ms / 1000
    waited = _difference(median(OURS), median(start_up))

    def share(rounds: Rounds) -> float | None:
        took = waited(rounds)
        return None if took is None else took / ideal

    return Case(
        f"{sizes.partitions} partitions of {sizes.partition_pages} pages of 78 KB, "
        f"{sizes.latency_ms} ms latency, concurrency {sizes.partitions}",
        [
            Contender(
                OURS,
                lambda: ground.harvest(wide, pages=pages, records=sizes.partitions * each),
            ),
            Contender(
                start_up,
                lambda: ground.harvest(start, pages=1, records=facts["page_records"]),
            ),
        ],
        [
            Target(
                f"wall ≤ 1.15 × {ideal:g} s ({sizes.partition_pages} × {sizes.latency_ms} ms) "
                "+ start-up",
                share, 1.15,
            )
        ],
    )  # fmt: skip


def b6(ground: Ground) -> Case:
    """B6: pages of one partition side by side."""
    sizes = ground.sizes
    count, ms = sizes.numbered, sizes.numbered_latency_ms
    facts = ground.facts(of=count)
    paginator = "{type: page_number, page_param: page, base_page: 1}"
    window = 8

    def contender(pages: int) -> Contender:
        path = ground.folder / f"numbered-{pages}.yaml"
        ground.config(
            "numbered", f"{{of: {count}, ms: {ms}}}", paginator=paginator,
            concurrency=f"{{partitions: 1, pages: {pages}}}",
        ).rename(path)  # fmt: skip

        def run() -> Sample:
            ground.supports(path)
            ground.ask("forget")
            sample = ground.harvest(path, pages=count + 1, records=count * facts["page_records"])
            beyond = ground.ask("seen")["requests"] - count
            return replace(sample, extra={"beyond": beyond})

        return Contender(f"{OURS}, pages: {pages}", run, every=1 if pages > 1 else 2)

    one, many = f"{OURS}, pages: 1", f"{OURS}, pages: {window}"
    return Case(
        f"one page_number partition of {count} pages of 78 KB, {ms} ms latency",
        [contender(1), contender(window)],
        [
            Target("≥ 6 × faster than pages: 1, in order", ratio(one, many), 6.0, at_least=True),
            Target(
                f"requests beyond the end ≤ {window}",
                median(many, lambda sample: sample.extra["beyond"]), window, unit="",
            ),
        ],
        one,
    )  # fmt: skip


# --- What is on disk -----------------------------------------------------------------------------


def b7(ground: Ground) -> Case:
    """B7: the records of many pages."""
    page_bytes = 79_000
    count = max(2, ground.sizes.stored_bytes // page_bytes)
    config = ground.config("search", f"{{of: {count}}}")
    folder, tenth = ground.folder / "stored", ground.folder / "stored-tenth"
    expected = ground.stored(config, folder, count, "large")
    ground.stored(config, tenth, max(1, count // 10), "large")
    digest = ground.shell(f"{_typed(ground)} records {folder} | sha256sum", keep_stdout=True)
    if digest.stdout.split()[0].decode() != expected["sha256"]:
        raise ContenderFailed("`harvester records` does not give what is stored")
    million_bytes = expected["bytes"] / _MB
    whole, part = f"{OURS} records", f"{OURS} records, a tenth of them"
    jq = "zcat | jq -c '.data[]'"

    def records(out: Path) -> Callable[[], Sample]:
        return lambda: ground.run(*ground.harvester, "records", str(out))

    def speed(rounds: Rounds) -> float | None:
        took = median(whole)(rounds)
        return None if took is None else million_bytes / took

    return Case(
        f"{expected['records']:,} records of {count:,} pages, {_amount(expected['bytes'])} of JSON",
        [
            Contender(
                jq,
                lambda: ground.shell(f"zcat {folder}/tweets/*.gz | jq -c '.data[]'", "zcat", "jq"),
                every=3,
            ),
            Contender(whole, records(folder)),
            Contender(part, records(tenth)),
        ],
        [
            Target("≥ 10 × faster than zcat | jq", ratio(jq, whole), 10.0, at_least=True),
            Target("≥ 150 MB/s of JSON", speed, 150.0, at_least=True, unit=" MB/s"),
            Target(
                "memory flat: peak RSS ≤ that of a tenth + 8 MB",
                _difference(median(whole, peak_mb), median(part, peak_mb)), 8.0, unit=" MB",
            ),
        ],
        whole,
    )  # fmt: skip


#: DuckDB's own way from JSON Lines on stdin to a target: it guesses the types from the first ones.
_BY_DUCKDB: Final = {
    "parquet": "COPY ({read}) TO '{target}' (COMPRESSION zstd)",
    "duckdb": "ATTACH '{target}' AS made; CREATE TABLE made.t AS {read}; DETACH made",
    "csv": "COPY ({read}) TO '{target}'",
}
_READ: Final = "SELECT * FROM read_json('/dev/stdin', format = 'newline_delimited')"


def b9(ground: Ground) -> Case:
    """B9: exports, by the CPU that they take, beside DuckDB reading the same records."""
    count = max(2, ground.sizes.stored_bytes // 79_000)
    folder, made = ground.folder / "exported", ground.folder / "made"
    made.mkdir()
    expected = ground.stored(ground.config("search", f"{{of: {count}}}"), folder, count, "large")
    million_bytes = expected["bytes"] / _MB
    contenders: list[Contender] = []
    targets: list[Target] = []

    def exported(target: Path) -> Sample:
        return ground.run(*ground.harvester, "export", str(folder), str(target), "--force")

    def by_duckdb(target: Path, statement: str) -> Sample:
        target.unlink(missing_ok=True)
        code = f'import duckdb; duckdb.sql("SET threads = 1"); duckdb.sql("{statement}")'
        return ground.shell(
            f"{_typed(ground)} records {folder} | {ground.python} -c {shlex.quote(code)}"
        )

    for ending, statement in _BY_DUCKDB.items():
        ours, theirs = f"{OURS} export, .{ending}", f"records | duckdb, .{ending}"
        target = made / f"theirs.{ending}"
        run = statement.format(read=_READ, target=target)
        contenders += [
            Contender(ours, partial(exported, made / f"ours.{ending}")),
            Contender(theirs, partial(by_duckdb, target, run)),
        ]
        targets += [
            Target(f".{ending}: ≥ 70 MB/s of CPU", _speed(ours, million_bytes), 70.0,
                   at_least=True, unit=" MB/s"),
            Target(f".{ending}: CPU ≤ that of records | duckdb", _cpu_ratio(ours, theirs), 1.0),
            Target(f".{ending}: peak RSS < 400 MB", median(ours, peak_mb), 400.0, unit=" MB"),
        ]  # fmt: skip
    return Case(
        f"{expected['records']:,} records, {_amount(expected['bytes'])} of JSON, to one file",
        contenders,
        targets,
    )


def _speed(name: str, million_bytes: float) -> Callable[[Rounds], float | None]:
    took = median(name, lambda sample: sample.cpu_s)
    return lambda rounds: None if (cpu_s := took(rounds)) is None else million_bytes / cpu_s


def _cpu_ratio(one: str, other: str) -> Callable[[Rounds], float | None]:
    def value(rounds: Rounds) -> float | None:
        both = sorted(rounds[one].keys() & rounds[other].keys())
        if not both:
            return None
        return statistics.median(rounds[one][at].cpu_s / rounds[other][at].cpu_s for at in both)

    return value


def _typed(ground: Ground) -> str:
    return " ".join(ground.harvester)


# --- Start-up ------------------------------------------------------------------------------------


def b8(ground: Ground) -> Case:
    """B8: how soon the program answers, however much there is already."""
    sizes = ground.sizes
    count = sizes.committed
    path = ground.folder / "committed.yaml"
    ground.config("search", f"{{of: {count + 1}}}").rename(path)
    out = ground.folder / "committed"
    ground.stored(path, out, count, "small")
    journal = out / "tweets" / "journal.jsonl"
    before = journal.stat().st_size
    facts = ground.facts()
    one = ground.folder / "one_page.yaml"
    ground.config("search", "{of: 1}").rename(one)

    def resume() -> Sample:
        ground.ask("forget")
        sample = ground.go_on(path, out)
        first = ground.ask("seen")["first_at_s"]
        ground.is_whole(out, pages=count + 1, records=count + facts["page_records"])
        os.truncate(journal, before)
        (out / "tweets" / f"part-{count + 1:06d}.json.gz").unlink()
        return replace(sample, wall_s=first - sample.began_s)

    version, imported = f"{OURS} --version", "python -c 'import requests'"
    status, first_request = f"{OURS} status", f"{OURS} run, until its first request"
    one_page = f"{OURS} run, one page"
    python = ground.python
    return Case(
        f"start-up; and {count:,} committed pages",
        [
            Contender(
                imported, lambda: ground.run(python, "-c", "import requests"), 1, sizes.starts
            ),
            Contender(version, lambda: ground.run(*ground.harvester, "--version"), 1, sizes.starts),
            Contender(
                one_page,
                lambda: ground.harvest(one, pages=1, records=facts["page_records"]),
                1,
                sizes.starts,
            ),
            Contender(status, lambda: ground.run(*ground.harvester, "status", str(out))),
            Contender(first_request, resume),
        ],
        [
            Target(f"--version ≤ 2.5 × {imported}", ratio(version, imported), 2.5),
            Target("run of one page: CPU ≤ 0.3 s", median(one_page, cpu_s), 0.3, unit=" s"),
            Target(f"status on {count:,} pages < 1 s", median(status), 1.0, unit=" s"),
            Target("resuming there < 1 s", median(first_request), 1.0, unit=" s"),
        ],
        imported,
    )


CASES: Final[dict[str, Callable[[Ground], Case]]] = {
    "B1": b1,
    "B1m": b1_middle,
    "B2": b2,
    "B3": b3,
    "B4": b4,
    "B5": b5,
    "B6": b6,
    "B7": b7,
    "B8": b8,
    "B9": b9,
}


def _amount(size: float) -> str:
    """Bytes for people, in powers of a thousand."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= one:
            return f"{size / one:.3g} {unit}"
    return f"{size:.0f} B"
