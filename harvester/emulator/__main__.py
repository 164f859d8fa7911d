"""`python -m harvester.emulator`: the emulator for people, until Ctrl-C."""

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from harvester.emulator.faults import SOME_FAULTS
from harvester.emulator.limits import RateLimit
from harvester.emulator.server import END, NO_FAULTS, START, Emulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return 0. Exits with 2 where the options do not fit."""
    parser = _parser()
    given = parser.parse_args(arguments)
    rate_limit = None
    try:
        if (given.requests, given.window, given.per_second) != (None, None, None):
            rate_limit = RateLimit(given.requests or 300, given.window or 900.0, given.per_second)
        emulator = Emulator(
            tweets=given.tweets,
            seed=given.seed,
            start=given.start,
            end=given.end,
            bearer=given.bearer,
            rate_limit=rate_limit,
            monthly_cap=given.monthly_cap,
            faults=SOME_FAULTS if given.faults else NO_FAULTS,
            chunked=given.chunked,
            port=given.port,
        )
        emulator.start()
    except (ValueError, OSError) as error:
        parser.error(str(error))
    done = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    url = f"{emulator.base_url}tweets/search/all?query=moon&max_results=10"
    sys.stdout.write(
        f"{emulator.base_url}\n"
        f"Try:  curl --compressed -i -H 'Authorization: Bearer {given.bearer}' '{url}'\n"
        "Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
    done.wait()
    emulator.stop()
    counts = ", ".join(f"{name} {n}" for name, n in sorted(emulator.counts.items()) if n)
    sys.stdout.write(f"Served: {counts or 'nothing'}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harvester.emulator",
        description="Twitter's search APIs (v2, v1.1, Premium) on a loopback port, with synthetic "
        "tweets. Equal seeds give equal tweets.",
    )
    add = parser.add_argument
    add(
        "--port",
        type=int,
        default=0,
        help="port on 127.0.0.1; 0, as when left out, picks a free one",
    )
    add(
        "--tweets",
        type=int,
        default=100_000,
        help="tweets per query, from --start to --end (100,000)",
    )
    add("--seed", type=int, default=1, help="which tweets, and which faults (1)")
    add(
        "--start",
        type=_day,
        default=START,
        metavar="DATE",
        help="UTC day of the oldest tweet (2021-01-01)",
    )
    add(
        "--end",
        type=_day,
        default=END,
        metavar="DATE",
        help="UTC day after the newest (2022-01-01)",
    )
    add("--bearer", default="demo", help="the only bearer token let in (demo)")
    add("--faults", action="store_true", help="503s, resets, cut bodies, slow and empty pages")
    add("--monthly-cap", type=int, metavar="N", help="tweets until UsageCapExceeded")
    add("--chunked", action="store_true", help="send bodies in chunks")
    rate = parser.add_argument_group(
        "rate limit of each endpoint",
        "None of them: as Twitter documents, 300 requests in 900 s and one a second for search/all",
    )
    rate.add_argument("--requests", type=int, metavar="N", help="requests per window (300)")
    rate.add_argument("--window", type=float, metavar="S", help="seconds of a window (900)")
    rate.add_argument("--per-second", type=int, metavar="N", help="requests per second (any)")
    return parser


def _day(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
