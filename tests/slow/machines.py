"""Proofs of harvests on several machines; their last figures stand in docs/several-machines.md.

    python -m tests.slow.machines partitions [--partitions 10000] [--kill-every 8] [--kill-pages 0]
    python -m tests.slow.machines latency [--latency-ms 1000] [--pages 5] [--rounds 12] [--most 16]
    python -m tests.slow.machines long [--pages 100000] [--killed 5000] [--kills 20]
    python -m tests.slow.machines soak [--minutes 60] [--rate 20]

All harvest into SeaweedFS, by the command line. `partitions` kills a Dask worker every so many
seconds (or pages, where a machine is busy), looks for every record, and tries the commands on the
URL. `latency` compares more and more workers with what one does, before an API that keeps each
request waiting. `long` counts the requests of one partition, of going on with it, and kills another
again and again. `soak` goes on for so long on a bad day. Each prints its figures, and ends with 1
where something does not hold.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harvester.store.object_store import ObjectStore
from tests.object_servers import seaweed_server
from tests.s3_server import S3
from tests.slow.dask_soak import soak
from tests.slow.long_chain import long
from tests.slow.measures import peak, say, used
from tests.slow.more_workers import latency
from tests.slow.places import Place, failed, whole, workers_of
from tests.slow.waiting import Waiting, waiting


def partitions(
    folder: Path, s3: S3, partitions: int, kill_every: int, kill_pages: int
) -> list[str]:
    """Partitions of two pages on Dask, six workers with six threads, killed one by one."""
    place = Place(folder, s3, s3.place())
    with waiting(2, 20, 0.2) as api:
        path = place.yaml(api.base_url, partitions)
        line = place.line("run", path, "--engine", "dask", "--workers", 6, "--threads", 6)
        began, cpu = time.monotonic(), used()
        with place.started(line) as process:
            kills = _kill_workers(process, api, kill_every, kill_pages)
        took, spent = time.monotonic() - began, used() - cpu
        counted = api.counted()
        say(f"{partitions:,} partitions, {counted['requests']:,} requests for "
            f"{2 * partitions:,} pages, asked again: {counted['again']}; {kills} kills, "
            f"{took:.0f} s, {spent:.0f} s of CPU, at most {peak():.0f} MB")  # fmt: skip
        again = subprocess.run(line, env=place.env, capture_output=True, check=False)
        asked_again = api.counted()["requests"] - counted["requests"]
        with place.here():
            wrong = whole(place.url, partitions * 2 * 20)
        wrong += _verbs(place, path, api)
    return wrong + failed(
        (f"the run ended with {process.returncode}", process.returncode == 0),
        (f"the same again ended with {again.returncode}", again.returncode == 0),
        (f"the same again asked {asked_again} pages", asked_again == 0),
        (f"no page more than three times: {counted['again']}", set(counted["again"]) <= {"2", "3"}),
        ("a worker was killed", kills > 0),
    )


def _kill_workers(
    process: "subprocess.Popen[bytes]", api: Waiting, every_s: float, every_pages: int
) -> int:
    """Kill a worker every so many seconds, or pages, until the process ends."""
    chance, kills = random.Random(5), 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1 if every_pages else every_s)
            return kills
        if every_pages and api.counted()["requests"] < (kills + 1) * every_pages:
            continue
        if found := workers_of(process.pid):
            os.kill(chance.choice(found), signal.SIGKILL)
            kills += 1


def _verbs(place: Place, path: Path, api: Waiting) -> list[str]:
    """The commands that read or mend a harvest, on its URL, while its API is there."""
    url, folder = place.url, place.folder
    before = (
        ("status", url), ("status", url, "--json"), ("verify", url, "--deep"),
        ("records", url), ("export", url, folder / "all.parquet"),
        ("export", url, folder / "all.jsonl"), ("report", url, "--out", folder / "report.html"),
        ("sql", url, "select count(*) from items"), ("diff", url),
    )  # fmt: skip
    after = (
        ("repair", url), ("verify", url, "--deep"),
        ("redo", url, "--resource", "items", "--partition", "shard=7"), ("diff", url),
        ("run", path, "--out", url), ("healthcheck", url), ("verify", url),
        ("copy", url, folder / "copied"), ("verify", folder / "copied"),
    )  # fmt: skip
    wrong = [said for verb in before if (said := _wrong(place, 0, verb))]
    ObjectStore(url, place.s3.options)._bucket.delete("items/shard=9/part-000001.json.gz")
    asked = api.counted()["requests"]
    wrong += filter(None, [_wrong(place, 5, ("verify", url))])
    wrong += [said for verb in after if (said := _wrong(place, 0, verb))]
    asked = api.counted()["requests"] - asked
    return wrong + failed((f"repair asked for 1 page, redo for 2: {asked}", asked == 3))


def _wrong(place: Place, code: int, given: tuple[object, ...]) -> str:
    """Run a command that is to end with this code; what it said where it does not."""
    began = time.monotonic()
    done = subprocess.run(
        place.bare(*given), env=place.env, capture_output=True, cwd=place.folder, check=False
    )
    said = [line.strip() for line in (done.stderr or done.stdout).decode().splitlines()]
    first = next((line for line in said if line), "")
    say(f"  {given[0]}: {done.returncode} in {time.monotonic() - began:.0f} s: {first[:100]}")
    if done.returncode == code:
        return ""
    return f"{given[0]} ended with {done.returncode}, not {code}: {done.stderr.decode()[-500:]}"


#: Each proof, and the sizes that it has as a rule.
_PROOFS: Mapping[str, tuple[Callable[..., list[str]], Mapping[str, int]]] = {
    "partitions": (partitions, {"partitions": 10_000, "kill_every": 8, "kill_pages": 0}),
    "latency": (latency, {"latency_ms": 1000, "pages": 5, "rounds": 12, "most": 16}),
    "long": (long, {"pages": 100_000, "killed": 5000, "kills": 20}),
    "soak": (soak, {"minutes": 60, "rate": 20}),
}


def main() -> int:
    """Run one proof."""
    parser = argparse.ArgumentParser(prog="python -m tests.slow.machines")
    proofs = parser.add_subparsers(required=True)
    for name, (proof, sizes) in _PROOFS.items():
        one = proofs.add_parser(name, help=(proof.__doc__ or "").partition(".")[0])
        for size, usual in sizes.items():
            one.add_argument(f"--{size.replace('_', '-')}", type=int, default=usual)
        one.set_defaults(chosen=proof)
    given = vars(parser.parse_args())
    chosen: Callable[..., list[str]] = given.pop("chosen")
    with (
        tempfile.TemporaryDirectory(prefix="harvester-machines-") as folder,
        seaweed_server() as s3,
    ):
        wrong = chosen(Path(folder), s3, **given)
    for each in wrong:
        say(f"DOES NOT HOLD: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
