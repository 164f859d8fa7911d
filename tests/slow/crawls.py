"""Proofs of crawls at full size; their last figures stand in docs/crawls.md.

    python -m tests.slow.crawls tree [--nodes 100000] [--kills 50]
    python -m tests.slow.crawls visited [--ids 10000000]
    python -m tests.slow.crawls cost [--nodes 5000]
    python -m tests.slow.crawls search [--records 1000000]
    python -m tests.slow.crawls diff [--records 1000000]

`tree` harvests a graph with cycles, killed (SIGKILL) at so many even steps: every node once, in the
order of the walk, and at most one request more for each kill. `visited` puts ids into the frontier,
`cost` compares the CPU of a page of a tree with that of a flat list, `search` splits a search
behind a cap of 1,000, `diff` compares two generations. Each prints its figures, and ends with 1
where something does not hold. Time is CPU time of the harvester's processes, user and system.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harvester import harvest, iter_records, verify
from harvester.planning.frontier import Frontier
from harvester.repair import begin_again
from tests.integration import test_caps, test_trees
from tests.slow.measures import own_peak, peak, resident, say, used
from tests.support import ENVIRONMENT, Reply, Scripted, chain, command, config, write_config

_MB = 1 << 20
_FLAT = """
version: 1
name: flat
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a]}
    data_selector: data
    key: id
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
output: {fsync: false}
"""


def main() -> int:
    """Run one proof."""
    parser = argparse.ArgumentParser(prog="python -m tests.slow.crawls")
    proofs = parser.add_subparsers(required=True)
    for name, proof, sizes in (
        ("tree", tree, {"nodes": 100_000, "kills": 50}),
        ("visited", visited, {"ids": 10_000_000}),
        ("cost", cost, {"nodes": 5_000}),
        ("search", search, {"records": 1_000_000}),
        ("diff", diff, {"records": 1_000_000}),
    ):
        one = proofs.add_parser(name)
        for size, usual in sizes.items():
            one.add_argument(f"--{size}", type=int, default=usual)
        one.set_defaults(chosen=proof)
    given = vars(parser.parse_args())
    chosen: Callable[..., list[str]] = given.pop("chosen")
    with tempfile.TemporaryDirectory(prefix="harvester-crawls-") as folder:
        wrong = chosen(Path(folder), **given)
    for each in wrong:
        say(f"DOES NOT HOLD: {each}")
    return 1 if wrong else 0


def tree(folder: Path, nodes: int, kills: int) -> list[str]:
    """A graph with cycles and diamonds, killed again and again."""
    edges = test_trees.graph(nodes)
    out = folder / "out"
    path = write_config(folder, test_trees.yaml())
    cpu, began = used(), time.monotonic()
    with Scripted(test_trees.Graph(edges)) as server:
        line = command(path, server.base_url, out, "concurrency.partitions=1")
        memory = 0.0
        for kill in range(kills + 1):
            most = (kill + 1) * nodes // (kills + 1) if kill < kills else sys.maxsize
            done = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
            while len(server.asked) < most and done.poll() is None:
                memory = max(memory, resident(done.pid))
                time.sleep(0.005)
            if done.poll() is None:
                done.send_signal(signal.SIGKILL)
            done.wait()
            say(f"run {kill + 1}: {len(server.asked):,} requests, at most {memory:.0f} MB")
        asked = [each["id"] for each in server.asked]
    cpu, took = used() - cpu, time.monotonic() - began
    expected = list(test_trees.breadth_first(edges, ["n0"]))
    found = [json.loads(record)["of"] for record in iter_records(out)]
    say(f"{len(found):,} nodes, {len(asked):,} requests, {kills} kills, "
          f"{cpu:.0f} s of CPU, {took:.0f} s, at most {memory:.0f} MB")  # fmt: skip
    return [
        what
        for what, holds in (
            (f"the last run ended with {done.returncode}", done.returncode == 0),
            ("every node once, in the order of the walk", found == expected),
            (f"requests: {len(asked):,}", len(asked) <= nodes + kills),
        )
        if not holds
    ]


def visited(folder: Path, ids: int) -> list[str]:
    """Ids at random, each twice, in the set of a crawl."""
    chance, began, cpu = random.Random(4), time.monotonic(), time.process_time()
    before = 0.0
    with Frontier.open(folder / "frontier.sqlite", "proof", fsync=False) as frontier:
        for done in range(0, ids, 10_000):
            fresh = [f"Q{chance.getrandbits(48)}" for _ in range(10_000)]
            frontier.add(fresh, done, 1)
            frontier.add(fresh[:5_000], done, 2)
            if done == ids // 10:
                before = own_peak()
        count = len(frontier)
    size = (folder / "frontier.sqlite").stat().st_size
    say(f"{count:,} ids: {own_peak():.0f} MB at most ({before:.0f} MB after a tenth), "
          f"{size / _MB:,.0f} MB on disk, {time.process_time() - cpu:.0f} s of CPU, "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    return [] if own_peak() < before + 32 else ["memory is flat"]


def cost(folder: Path, nodes: int) -> list[str]:
    """CPU of a page: of a tree, of a list of values, and of one list of as many pages."""
    edges = {f"n{n}": [f"n{n * 10 + k}" for k in range(1, 11) if n * 10 + k < nodes]
             for n in range(nodes)}  # fmt: skip
    values = folder / "values.csv"
    values.write_text("id\n" + "".join(f"n{n}\n" for n in range(nodes)))
    listed = test_trees.yaml(json.dumps({"file": str(values), "column": "id"}))
    one = "concurrency.partitions=1"
    cases: dict[str, tuple[str, Callable[[str, Mapping[str, str]], Reply]]] = {
        "tree": (test_trees.yaml(), test_trees.Graph(edges)),
        "list of values": (listed, test_trees.Graph(edges)),
        "one list": (_FLAT, chain(nodes, 1)),
    }
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for round_ in range(3):
        for name, (text, answer) in cases.items():
            path = write_config(folder, text)
            with Scripted(answer) as server:
                line = command(path, server.base_url, folder / f"{name} {round_}", one)
                before = used()
                subprocess.run(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
                spent[name].append((used() - before) / nodes * 1000)
                assert len(server.asked) == nodes
    for name, each in spent.items():
        say(f"{name}: {min(each):.2f} ms of CPU a page (of {', '.join(f'{s:.2f}' for s in each)})")
    ratio = min(spent["tree"]) / min(spent["list of values"])
    say(f"a page of a tree costs {ratio:.2f} of one of a list of values, "
          f"{min(spent['tree']) / min(spent['one list']):.2f} of one of one list")  # fmt: skip
    return [] if ratio <= 1.2 else [f"at most 1.2 times: {ratio:.2f}"]


def search(folder: Path, records: int) -> list[str]:
    """A year of records behind a cap of 1,000, 100 on a page."""
    values = test_caps.spread(records)
    window = "{start: 2021-01-01, end: 2022-01-01, split_above: 1000, total_path: total_count}"
    path = write_config(folder, test_caps.yaml(window, size=100))
    out, perfect = folder / "out", -(-records // 100)
    before, began = used(), time.monotonic()
    with Scripted(test_caps.Capped(values, 1000)) as server:
        line = [*command(path, server.base_url, out, "output.fsync=false")]
        done = subprocess.run(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=False)
        asked = len(server.asked)
    cpu, took = used() - before, time.monotonic() - began
    found = test_caps.ids(out)
    say(f"{len(found):,} records, {asked:,} requests: {asked / perfect:.3f} of a perfect plan's "
          f"{perfect:,}; {cpu:.0f} s of CPU, {took:.0f} s, at most {peak():.0f} MB")  # fmt: skip
    return [
        what
        for what, holds in (
            (f"the run ended with {done.returncode}", done.returncode == 0),
            ("every record once", found == list(range(records))),
            ("at most 1.15 times the requests", asked <= 1.15 * perfect),
        )
        if not holds
    ]


def diff(folder: Path, records: int) -> list[str]:
    """Two generations of which every hundredth record differs."""
    changed = False
    size = 1000

    def answer(path: str, asked: Mapping[str, str]) -> Reply:
        page = int(asked.get("cursor", "0"))
        data = [
            {"id": n, "name": f"record {n}", "seen": changed and n % 100 == 0}
            for n in range(page * size, (page + 1) * size)
        ]
        following = str(page + 1) if (page + 1) * size < records else None
        return Reply({"data": data, "next": following})

    out = folder / "out"
    with Scripted(answer) as server:
        asked = config(folder, _FLAT, server.base_url)
        assert harvest(asked, out=out).complete
        changed = True
        begin_again(asked, out)
        assert harvest(asked, out=out).complete
    line = [sys.executable, "-m", "harvester", "diff", str(out)]
    before, began = used(), time.monotonic()
    with (folder / "diff.jsonl").open("wb") as file:
        subprocess.run(line, env=ENVIRONMENT, stdout=file, check=True)
    cpu, took = used() - before, time.monotonic() - began
    lines = sum(1 for _ in (folder / "diff.jsonl").open("rb"))
    say(f"{lines:,} of {records:,} records differ: {cpu:.0f} s of CPU, {took:.0f} s, "
          f"at most {peak():.0f} MB")  # fmt: skip
    return [] if lines == records // 100 and verify(out).ok else ["each difference once"]


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main())
