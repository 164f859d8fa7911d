"""Every kill of a writer to an object store, and every pair; two writers in all their turns.

    python -m tests.slow.object_kills [--seed 1]

Prints what was tried, and ends with a traceback where a record would be lost or doubled. A sample
runs with the tests, in tests/store/test_object_writer.py; the last output stands in
docs/several-machines.md.
"""

import argparse
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from harvester.errors import DiskError
from tests.store.object_kills import Case, Killed, Repeated, kill, moments, race, random_race, small

FAULTS: Final = (Killed, DiskError, Repeated)
_AHEAD: Final = ", the next one fetched meanwhile"
Shape = Callable[[], Case]
SHAPES: Final[dict[str, tuple[Shape, int | None]]] = {
    "3 pages": (partial(Case, 3), None),
    "5 pages": (partial(Case, 5), None),
    "3 pages and a line without one": (partial(Case, 3, bare_end=True), None),
    "3 pages, each staged and copied": (partial(Case, 3), 0),
    "3 files": (partial(Case, 3, files=True), None),
    "2 files and a line without one": (partial(Case, 2, files=True, bare_end=True), None),
    "4 pages, the next one fetched meanwhile": (partial(Case, 4, ahead=True), None),
    "3 files, the next one fetched meanwhile": (partial(Case, 3, files=True, ahead=True), None),
    "3 pages, each writer guessing": (partial(Case, 3, guessing=(0, 1, 2)), None),
    "2 files, each writer guessing": (partial(Case, 2, files=True, guessing=(0, 1, 2)), None),
    "a line without a page, guessing": (partial(Case, 0, True, guessing=(0, 1, 2)), None),
}


def faults(name: str, shape: Shape, large: int | None) -> None:
    """Each moment with each fault, then each two moments."""
    begun, runs, most = time.process_time(), 0, 0
    with small(large_bytes=large):
        last = moments(shape)
        for moment, fault in itertools.product(range(1, last + 1), FAULTS):
            most = max(most, kill(shape(), [(moment, fault)]))
            runs += 1
        for first, second in itertools.product(range(1, last + 1), repeat=2):
            for kinds in ((Killed, Killed), (DiskError, Killed), (DiskError, DiskError)):
                kill(shape(), [(first, kinds[0]), (second, kinds[1])])
                runs += 1
    say(
        f"{name}: {last} moments, {runs:,} harvests with one fault or two; with one, a page was "
        f"asked for {most} times at most; {time.process_time() - begun:.0f} s"
    )


def turns(
    pages: int, depth: int, large: int | None, guessing: tuple[int, ...] = (), *,
    files: bool = False, ahead: bool = False,
) -> None:  # fmt: skip
    """Two writers, by each placing of so many switches; those `guessing` take it for new."""
    begun, ends = time.process_time(), Counter[str]()
    shape = partial(Case, pages, bare_end=not pages, guessing=guessing, files=files, ahead=ahead)
    with small(large_bytes=large):
        steps = 2 * moments(shape)
        for count in range(1, depth + 1):
            for switches in itertools.combinations(range(1, steps + 1), count):
                ends["/".join(sorted(race(shape(), {*switches}).values()))] += 1
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(ends.items()))
    how = ("", ", one guessing", ", both guessing")[len(guessing)]
    say(
        f"two writers, {pages} {'files' if files else 'pages'}"
        f"{', staged' if large == 0 else ''}{how}{_AHEAD if ahead else ''}, each placing of up to "
        f"{depth} switches over {steps} steps: {ends.total():,} harvests ({told}); "
        f"{time.process_time() - begun:.0f} s"
    )


def by_chance(dice: random.Random, count: int, *, files: bool = False, ahead: bool = False) -> None:
    """Two writers by random turns, half of the time with a kill."""
    begun, ends = time.process_time(), Counter[str]()
    shape = partial(Case, 4, files=files, ahead=ahead)
    with small():
        steps = 2 * moments(shape)
        for _ in range(count):
            ends["/".join(sorted(random_race(shape(), dice, steps).values()))] += 1
    told = ", ".join(f"{name} {each:,}" for name, each in sorted(ends.items()))
    say(
        f"two writers{' of files' if files else ''}{_AHEAD if ahead else ''}, random turns, every "
        f"second with a kill: {count:,} harvests ({told}); {time.process_time() - begun:.0f} s"
    )


def say(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    dice = random.Random(parser.parse_args().seed)
    for name, (shape, large) in SHAPES.items():
        faults(name, shape, large)
    turns(2, 3, None)
    turns(4, 2, None)
    turns(2, 2, 0)
    turns(2, 2, None, files=True)
    for guessing in ((0, 1), (0,), (1,)):
        turns(2, 3, None, guessing)
        turns(0, 4, None, guessing)
    by_chance(dice, 3000)
    turns(2, 3, None, ahead=True)
    turns(2, 2, None, files=True, ahead=True)
    by_chance(dice, 3000, files=True)
    by_chance(dice, 3000, ahead=True)
    say("every record once, in one chain, with the bytes that its line says")


if __name__ == "__main__":
    main()
