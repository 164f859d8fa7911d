"""The bench: `python -m tests.bench [CASES…] [--rounds N] [--quick] [--write]`.

Everything on loopback and in one go: whole processes beside each other, round by round, each
harvest checked after the clock has stopped. Durability and all checks are on, as they always are.
Tables go to stdout, what is going on to stderr; exit code 1 if a target does not hold, unless
it is `--quick`, which measures nothing.
"""

import argparse
import contextlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import cases, page_cases, partition_cases, spread_cases
from tests.bench.cases import Case
from tests.bench.ground import QUICK, Ground, Sizes
from tests.bench.measure import Missing, Sample, delete, sync_ms
from tests.bench.table import Result, brief, contenders, report, targets, write_tables

CASES = {**cases.CASES, **page_cases.CASES, **partition_cases.CASES, **spread_cases.CASES}
PAGE = Path(__file__).parents[2] / "docs" / "speed.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases that were asked for, and print the tables."""
    asked = _parser().parse_args(arguments)
    names = asked.cases or list(CASES)
    if unknown := sorted(set(names) - set(CASES)):
        sys.stderr.write(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}\n")
        return 2
    if asked.write and (asked.cases or asked.quick):
        sys.stderr.write("--write: docs/speed.md takes a whole run only, at full size\n")
        return 2
    rounds = asked.rounds or (1 if asked.quick else 5)
    began = time.monotonic()
    results = []
    with _place(asked.folder) as place:
        conditions = _conditions(place, asked.quick)
        sizes = QUICK if asked.quick else Sizes()
        with Ground(place / "bench", sizes, dlt_python=asked.dlt_python) as ground:
            for name in names:
                _tell(f"{name}: getting ready")
                ground.clear()
                case = CASES[name](ground)
                _tell(f"{name}: {case.title}")
                results.append(_run(name, case, rounds))
                _tell(f"{contenders(results[-1])}\n\n{targets(results[-1:])}\n")
    minutes = (time.monotonic() - began) / 60
    conditions += f" Up to {rounds} rounds; {minutes:.0f} minutes in all."
    sys.stdout.write(f"{report(results, conditions)}\n")
    if asked.write:
        write_tables(PAGE, brief(results, conditions))
    return 0 if asked.quick or _all_hold(results) else 1


@contextlib.contextmanager
def _place(parent: str | None) -> Iterator[Path]:
    """A new folder, deleted in the end."""
    place = Path(tempfile.mkdtemp(prefix="harvester-bench-", dir=parent))
    try:
        yield place
    finally:
        delete(place)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("cases", nargs="*", metavar="CASES", help=f"{', '.join(CASES)}  [all]")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each contender  [5]")
    parser.add_argument("--quick", action="store_true", help="small: only to see that it works")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/speed.md")
    parser.add_argument("--folder", metavar="DIR", help="where to put gigabytes, on a real disk")
    parser.add_argument(
        "--dlt-python", metavar="PATH", help="an interpreter that has dlt, in a venv of its own"
    )
    return parser


def _run(name: str, case: Case, rounds: int) -> Result:
    """All rounds of a case; in each every contender whose turn it is, one after the other."""
    samples: dict[str, dict[int, Sample]] = {each.name: {} for each in case.contenders}
    missing: dict[str, str] = {}
    for at in range(max(rounds, *(each.rounds or 0 for each in case.contenders))):
        for each in case.contenders:
            if each.name in missing or at % each.every or at >= (each.rounds or rounds):
                continue
            try:
                sample = samples[each.name][at] = each.run()
            except Missing as error:
                missing[each.name] = str(error)
                _tell(f"{name}: {each.name}: {error}")
            else:
                _tell(f"{name}: round {at + 1}: {each.name}: {sample.wall_s:.2f} s")
    return Result(name, case, samples, missing)


def _all_hold(results: Sequence[Result]) -> bool:
    values = (
        (target, target.value(result.rounds))
        for result in results
        for target in result.case.targets
    )
    return all(value is None or target.holds(value) for target, value in values)


def _conditions(place: Path, quick: bool) -> str:
    """What bounded it: the machine, in a few words."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in _lines("/proc/cpuinfo")
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    small = "Small sizes, which say nothing about speed. " if quick else ""
    return (
        f"{small}{len(os.sched_getaffinity(0))} cores ({processor}), Python "
        f"{platform.python_version()}, server and contenders on the same machine over loopback; "
        f"an fsync of 1 MB takes {sync_ms(place):.1f} ms; load {os.getloadavg()[0]:.1f} at the "
        "beginning."
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
