"""Kills a harvest again and again on its way, and compares it with one that is left alone."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harvester import harvest, iter_records
from harvester.results.summary import Summary
from tests.support import ENVIRONMENT, Respond, Scripted, command, config


@dataclass(frozen=True)
class Killed:
    """The folders of both, and what the killed one came to."""

    whole: Path
    out: Path
    summary: Summary


def killed_often(tmp_path: Path, text: str, respond: Callable[[], Respond], kills: int) -> Killed:
    """Kill a harvest `kills` times, by how many requests have come, and end it: it is complete, a
    kill has cost one request at the most, and the records are those of a harvest left alone.
    """
    whole, out = tmp_path / "whole", tmp_path / "out"
    with Scripted(respond()) as server:
        assert harvest(config(tmp_path, text, server.base_url), out=whole, concurrency=1).complete
        needed = len(server.asked)
    with Scripted(respond()) as server:
        line = command(tmp_path / "config.yaml", server.base_url, out, "concurrency.partitions=1")
        for kill in range(kills):
            run = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
            most = (kill + 1) * needed // (kills + 1)
            while len(server.asked) < most and run.poll() is None:
                pass
            run.kill()
            run.wait()
        summary = harvest(config(tmp_path, text, server.base_url), out=out)
    assert summary.complete
    assert len(server.asked) <= needed + kills
    assert list(iter_records(out)) == list(iter_records(whole))
    return Killed(whole, out, summary)
