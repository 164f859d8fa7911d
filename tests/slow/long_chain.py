"""One partition of very many pages in an object store: its requests, going on, and kills."""

import contextlib
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.s3_server import S3
from tests.slow.measures import peak, say
from tests.slow.places import Place, ended, failed, whole
from tests.slow.waiting import Waiting, waiting
from tests.store_proxy import Proxy, store_proxy

RECORDS = 2  # of a page
FURTHER = 37  # pages, of going on
_KINDS = (("part", "/part-"), ("segment", "/journal/"), ("lock", ".lock"))


def long(folder: Path, s3: S3, pages: int, killed: int, kills: int) -> list[str]:
    """So many pages in one partition, then some more by the same line; and another, killed."""
    with store_proxy(s3.endpoint) as proxy:
        counts = _counted(proxy)
        wrong = _at_length(Place(folder, S3(proxy.endpoint), s3.place()), counts, pages)
    return wrong + _killed(Place(folder, s3, s3.place()), killed, kills)


def _counted(proxy: Proxy) -> Counter[str]:
    """What the store is asked from now on, by kind."""
    counts = Counter[str]()

    def count(method: str, path: str) -> None:
        listed = method == "GET" and "list-type" in path
        what = next((kind for kind, sign in _KINDS if sign in path), "document")
        counts["LIST" if listed else f"{method} {what}"] += 1

    proxy.plan = count
    return counts


def _at_length(place: Place, counts: Counter[str], pages: int) -> list[str]:
    wrong = []
    with waiting(pages + FURTHER, RECORDS, 0) as api:
        path = place.yaml(api.base_url, 1)
        line = place.line("run", path)
        code, took, cpu = ended([*line, "--max-pages", str(pages)], place.env)
        first = dict(counts)
        counts.clear()
        say(f"{pages:,} pages: {_told(first)}; {_puts(first) / pages:.4f} PUT a page; "
            f"{took:.0f} s, {cpu:.1f} s of CPU ({1000 * cpu / pages:.2f} ms a page), at most "
            f"{peak():.0f} MB")  # fmt: skip
        again, took, cpu = ended(line, place.env)
        further = dict(counts)
        say(f"gone on with for {FURTHER} pages: {_told(further)}; {took:.1f} s, {cpu:.1f} s of CPU")
        asked = api.counted()
        wrong += failed(
            (f"it ended with {code} and {again}", (code, again) == (4, 0)),
            (f"each page asked for once: {asked['again']}", not asked["again"]),
            (f"≤ 1.02 PUT a page, and {_SPARE} of the run", _puts(first) <= 1.02 * pages + _SPARE),
            ("no GET a page", _reads(first) < 100 + pages / 50),
            ("going on reads ≤ 200 objects", _reads(further) <= 200),
        )
    with place.here():
        return wrong + whole(place.url, (pages + FURTHER) * RECORDS)


_SPARE = 20


def _puts(counts: Mapping[str, int]) -> int:
    """But those of the lock, of which there is one every few seconds."""
    return sum(n for kind, n in counts.items() if kind.startswith("PUT") and "lock" not in kind)


def _reads(counts: Mapping[str, int]) -> int:
    return sum(n for kind, n in counts.items() if kind.startswith(("GET", "LIST", "HEAD")))


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.items()))


def _killed(place: Place, pages: int, kills: int) -> list[str]:
    """A partition that is killed whenever so many further pages were asked for."""
    with waiting(pages, RECORDS, 0) as api:
        line = place.line("run", place.yaml(api.base_url, 1))
        for kill in range(1, kills + 1):
            with place.started(line) as process:
                _wait_for(process, api, kill * pages // (kills + 1))
                os.kill(process.pid, signal.SIGKILL)
        code, took, cpu = ended(line, place.env)
        asked = api.counted()
    say(f"{pages:,} pages, killed {kills} times: {asked['requests'] - pages} asked again; the last "
        f"run took {took:.1f} s, {cpu:.1f} s of CPU")  # fmt: skip
    with place.here():
        wrong = whole(place.url, pages * RECORDS)
    return wrong + failed(
        (f"the last run ended with {code}", code == 0),
        ("a kill costs a page at most", asked["requests"] - pages <= kills),
    )


def _wait_for(process: "subprocess.Popen[bytes]", api: Waiting, requests: int) -> None:
    while api.counted()["requests"] < requests:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError(f"ended with {process.returncode} before it could be killed")
