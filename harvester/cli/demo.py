"""`harvester demo`: a Twitter-style API on loopback, with faults, and a harvest from it.

The configuration is the very file that a real user would use, with the base URL of the emulator
and a short rate-limit window instead of fifteen minutes. Equal seeds give equal tweets, and the
emulator's tokens are good in its next life too: so a demo that was killed goes on when it is
started again, against another process on another port.
"""

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harvester.config import Config, load_config
from harvester.emulator import UNLIMITED, Emulator, Faults, RateLimit
from harvester.engine import RunOptions, secrets_of
from harvester.errors import DataRefused
from harvester.model import number
from harvester.results import status, verify
from harvester.scaffold import examples_folder
from harvester.store import MANIFEST, read_asked
from harvester.terminal import (
    again,
    colour,
    following,
    harvest_watched,
    is_installed,
    last_screen,
    program,
    say,
    stderr_columns,
)
from harvester.values import dataclass

_FILE: Final = "twitter_search_all.yaml"
_TOKEN: Final = "demo-token"  # noqa: S105 - opens nothing but the emulator

#: Of a hundred pages about eighteen fail once; each takes a moment, some stop halfway.
_FAULTS: Final = Faults(
    unavailable=0.01,
    too_many=0.01,
    reset=0.03,
    cut_length=0.03,
    cut_chunked=0.03,
    cut_gzip=0.03,
    slow=0.05,
    short=0.2,
    empty=0.03,
    slow_s=2.0,
    latency_s=0.2,
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much a demo harvests, and how hard the API makes it; `set` is as for `--set`."""

    tweets: int
    rate_limit: RateLimit
    faults: Faults
    set: tuple[str, ...]


#: About 40 seconds, three windows of the rate limit in them.
USUAL: Final = Size(
    45_000,
    RateLimit(requests=80, window_s=11.0),
    _FAULTS,
    ("client.rate_limit=[]", "client.retry.max_wait=15s"),
)
#: A second or two, for tests.
FAST: Final = Size(
    24_000,
    UNLIMITED,
    Faults(reset=0.05, cut_gzip=0.05, short=0.2, empty=0.03, latency_s=0.01),
    ("client.rate_limit=[]", "client.retry.max_wait=0.05"),
)
_SLOWEST_FAST_S: Final = 1.0  # `max_wait` in the folder tells which of them it is


def config_path() -> Path:
    """Where the configuration lies."""
    return examples_folder() / _FILE


@contextmanager
def emulated(size: Size) -> Iterator[tuple[Emulator, Config]]:
    """The emulator, running, and the configuration that harvests it."""
    emulator = Emulator(
        tweets=size.tweets, bearer=_TOKEN, rate_limit=size.rate_limit, faults=size.faults
    )
    with emulator:
        config = load_config(
            config_path(),
            base_url=emulator.base_url,
            set=size.set,
            env={"TWITTER_BEARER_TOKEN": _TOKEN},
        )
        yield emulator, config


def began(out: Path) -> bool:
    """Whether an earlier demo left something in `out` to go on with."""
    return (out / MANIFEST).exists()


def is_complete(out: Path) -> bool:
    """Whether an earlier demo finished in `out`."""
    try:
        return began(out) and status(out).complete
    except DataRefused:
        return False  # the run will say what is wrong with it


def as_it_began(out: Path, size: Size) -> Size:
    """The size of the demo in `out`, if one began there: its cursors lead nowhere in another."""
    if not began(out):
        return size
    try:
        found = read_asked(out).config.client.retry.max_wait
    except DataRefused:
        return size  # the run will say what is wrong with it
    slow = found > _SLOWEST_FAST_S
    there = USUAL if slow else FAST
    if there is not size:
        say("Going on as it began: " + ("without --fast." if slow else "with --fast."))
    return there


def play(out: Path, size: Size, *, live: bool, quiet: bool) -> int:
    """Harvest into `out`, or go on there, verify, and say what is where; the exit code."""
    size = as_it_began(out, size)
    if is_complete(out):
        say(f"The demo in {out} is complete already; remove the folder to see it again.")
    else:
        with emulated(size) as (emulator, config):
            say(greeting(out, emulator) + "\n")
            summary, progress = harvest_watched(config, RunOptions(out=out), live=live, quiet=quiet)
        say(last_screen(summary, progress, stderr_columns()), colour(summary))
        if not summary.complete:
            say(following(program(), out, again(secrets_of(config)), complete=False))
            return summary.exit_code
    found = verify(out, deep=True)
    for problem in found.problems:
        say(f"{problem.path}: {problem.problem}")
    if not found.ok:
        return DataRefused.exit_code
    say(f"Verified: {number(found.parts, 'part')}, each parsed and as its journal says.\n")
    say(places(out, program()))
    return 0


def greeting(out: Path, emulator: Emulator) -> str:
    """What is about to happen, and how to disturb it."""
    begun = "Going on with" if began(out) else "Harvesting it into"
    return (
        f"A Twitter-style search API runs on {emulator.origin}.\n"
        "It drops connections, cuts bodies, stalls, and limits rates.\n"
        f"{begun} {out}, as {config_path()} says.\n"
        "Ctrl-C or even kill -9: the same command goes on where it was."
    )


def places(out: Path, program: str) -> str:
    """What lies where after a demo, and what to type next."""
    name = shlex.quote(str(out))
    pages = sorted(out.glob("*/*/*/part-000001.json.gz"))
    part = shlex.quote(str(pages[0])) if pages else f"{name}/tweets/…/part-000001.json.gz"
    journal = part.replace("part-000001.json.gz", "journal.jsonl")
    sql = (
        "SELECT query, count(*) FROM (SELECT query, unnest(data) "  # noqa: S608  # shown, not run
        f"FROM read_json('{out}/tweets/*/*/*.json.gz')) GROUP BY query"
    )
    tables = f"  {program} export {name} tweets.jsonl"
    if is_installed("pyarrow", "duckdb"):
        count = shlex.quote("SELECT query, count(*) FROM tweets GROUP BY query")
        tables = f"  {program} export {name} tweets.parquet\n  {program} sql {name} {count}"
    if shutil.which("duckdb"):
        tables += f'\n  duckdb -c "{sql}"'
    if is_installed("pandas"):
        tables += (
            f"\n  {program} records {name} > tweets.jsonl\n"
            '      # and in Python: pandas.read_json("tweets.jsonl", lines=True)'
        )
    return f"""\
What is where:
  {name}/harvest.json
      what was asked
  {part}
      page 1 of a partition, exactly as the server sent it
  {journal}
      one line a page: cursor, next cursor, records, SHA-256

What to type next:
  zcat {part} | head -c 300
  {program} records {name} | head -n 2
  {program} status {name}
{tables}
  {program} verify {name} --deep
  {program} check {shlex.quote(str(config_path()))} --live
      # the real API, once TWITTER_BEARER_TOKEN holds a token of yours"""
