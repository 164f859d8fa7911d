"""`verify` in several processes: the same words in the same order, and an end when told to."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from harvester import harvest
from tests.support import ENVIRONMENT, ITEMS, Scripted, chain, config

BOTH = """
import json, resource, sys
from harvester import verify
from harvester.results import side_by_side
side_by_side._MOST_ITEMS = 2
told = [verify(sys.argv[1], deep=deep, processes=count).as_dict()
        for deep in (False, True) for count in (1, 3)]
assert told[0] == told[1] and told[2] == told[3], told
print(json.dumps([told[0], told[2], resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > 0]))
"""
KILLED = """
import os, signal, sys
from harvester import verify
from harvester.results import side_by_side
side_by_side._MOST_ITEMS = 2
usual = side_by_side.PartCheck.problems
me = os.getpid()
def problems(*given):
    if os.getpid() != me:
        os.kill(os.getpid(), signal.SIGKILL)
    return usual(*given)
side_by_side.PartCheck.problems = problems
print(verify(sys.argv[1], processes=3).parts)
"""
WAITING = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests were started by
from harvester import verify
from harvester.results import side_by_side
side_by_side._MOST_ITEMS = 2
def problems(*given):
    os.write(1, b"%d\\n" % os.getpid())  # whole lines, from both at once, buffered or not
    time.sleep(600)
side_by_side.PartCheck.problems = problems
verify(sys.argv[1], processes=2)
"""


def program(code: str, out: Path) -> "subprocess.Popen[str]":
    """A program of one thread."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(out)],
        env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def harvested(folder: Path) -> Path:
    """Nine partitions of two pages."""
    with Scripted(chain(2)) as server:
        nine = "resources.items.partitions.shard={range: [1, 9]}"
        harvest(config(folder, ITEMS, server.base_url, nine), out=folder / "out")
    return folder / "out"


def test_the_same_in_the_same_order(tmp_path: Path) -> None:
    """Damage of each kind, on both sides of each batch's end."""
    out = harvested(tmp_path)
    part = "part-000001.json.gz"
    for shard in (1, 4, 5):
        (out / f"items/shard={shard}" / part).write_bytes(b"other")
    (out / "items/shard=3" / part).unlink()
    (out / "items/shard=7/part-000009.json.gz").write_bytes(b"a stranger")
    (out / "items/shard=8/journal.jsonl").write_bytes(b"{}\n{}\n")
    said, wrong = program(BOTH, out).communicate(timeout=60)
    assert said, wrong
    plain, deep, forked = json.loads(said)
    assert forked
    assert plain["parts"] == deep["parts"] == 16
    places = [problem["path"].split("/")[1] for problem in plain["problems"]]
    assert places == sorted(places)
    assert len(places) >= 6


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """What it had is looked at by the program itself."""
    said, wrong = program(KILLED, harvested(tmp_path)).communicate(timeout=60)
    assert said == "18\n", wrong


def test_no_process_outlives_the_program(tmp_path: Path) -> None:
    """Neither Ctrl-C nor SIGKILL, in the middle of a large part."""
    out = harvested(tmp_path)
    for number in (signal.SIGINT, signal.SIGKILL):
        with program(WAITING, out) as running:
            assert running.stdout is not None
            try:
                pids = [int(running.stdout.readline()) for _ in range(2)]
                running.send_signal(number)
                assert running.wait(timeout=60) != 0
            finally:
                running.kill()
            end = time.monotonic() + 60
            while any(os.path.exists(f"/proc/{pid}") for pid in pids):  # noqa: PTH110
                assert time.monotonic() < end
                time.sleep(0.02)
