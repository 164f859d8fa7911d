"""Makes a small harvest of every kind, for later versions to go on with: `-m tests.earlier OUT`.

`tests/data/earlier` was made so by the version at commit 66a19b7. Finished and unfinished
partitions, chains that began again, windows, two runs of an incremental resource, children of a
parent, a secret and a variable that shapes requests.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from harvester import harvest, load_config
from tests.support import Reply, Scripted

YAML = """
version: 1
name: earlier
client:
  base_url: http://127.0.0.1:1/
  auth: {type: bearer, token: "{env.TOKEN}"}
  headers: {X-Kind: "{env.KIND}"}
  retry: {attempts: 2, max_wait: 0.01}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a, b, c/d]}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
  - name: details
    path: "items/{item}"
    partitions: {item: {resource: items, field: id}}
    paginator: {type: single_page}
  - name: pods
    path: pods
    params: {zone: "{zone}"}
    partitions: {zone: [x, y]}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
    response_actions: [{status: 410, action: restart}]
  - name: updates
    path: updates
    params: {of: "{of}"}
    partitions: {of: [a, b]}
    incremental: {cursor_path: "data[*].t", param: since, initial_value: 0}
    data_selector: data
    paginator: {type: page_number, page_size: 2, page_size_param: size, stop_after_short_page: true}
  - name: days
    path: days
    params: {after: "{window.start:%Y-%m-%d}", before: "{window.end:%Y-%m-%d}"}
    partitions:
      window: {start: 2021-01-01, end: 2021-01-04, step: 1d}
    data_selector: data
    paginator: {type: offset, limit: 2, total_path: total}
"""
ENV = {"TOKEN": "kept-out-of-files", "KIND": "small"}
_PAGES = {"a": 2, "b": 4, "c/d": 2}


class Api(Scripted):
    """What is harvested. `well`: nothing fails; before, pages do, so that partitions stay open."""

    def __init__(self, *, well: bool, top: int) -> None:
        super().__init__(self._answer)
        self.well = well
        self.top = top  # one above the latest update
        self._expired: set[str] = set()

    def _answer(self, path: str, asked: Mapping[str, str]) -> Reply:
        kind, _, item = path.strip("/").partition("/")
        if item:
            return Reply({"id": item, "size": len(item)})
        answers = {
            "items": self._items, "pods": self._pods, "updates": self._updates, "days": self._days,
        }  # fmt: skip
        return answers[kind](asked)

    def _items(self, asked: Mapping[str, str]) -> Reply:
        """Chains of 2 to 4 pages; b breaks off at its third page, c/d gives nothing."""
        shard, number = asked["shard"], int(asked.get("cursor", "1"))
        if not self.well and (shard == "c/d" or (shard == "b" and number == 3)):
            return Reply({}, status=500)
        data = [{"id": f"{shard[0]}{number}{letter}"} for letter in "pq"]
        return Reply({"data": data, "next": f"{number + 1}" if number < _PAGES[shard] else None})

    def _pods(self, asked: Mapping[str, str]) -> Reply:
        """Cursors expire once, at the third page; then y breaks off at its second."""
        zone = asked["zone"]
        generation, number = map(
            int, asked.get("cursor", f"{zone in self._expired:d}.1").split(".")
        )
        if not self.well and generation == 0 and number == 3:
            self._expired.add(zone)
            return Reply({}, status=410)
        if not self.well and generation and zone == "y" and number == 2:
            return Reply({}, status=500)
        following = f"{generation}.{number + 1}" if number < 3 else None
        return Reply({"data": [f"{zone}{generation}.{number}"], "next": following})

    def _updates(self, asked: Mapping[str, str]) -> Reply:
        """One record a number from `since` on, included; a second run breaks off for b."""
        page = int(asked["page"])
        if not self.well and self.top > 5 and asked["of"] == "b" and page == 2:
            return Reply({}, status=500)
        found = [{"of": asked["of"], "t": t} for t in range(int(asked["since"]), self.top)]
        return Reply({"data": found[2 * page - 2 : 2 * page]})

    def _days(self, asked: Mapping[str, str]) -> Reply:
        """Three records a day; the last day breaks off at its second page."""
        at = int(asked["offset"])
        if not self.well and at and asked["after"] == "2021-01-03":
            return Reply({}, status=500)
        day = [{"day": asked["after"], "before": asked["before"], "n": n} for n in range(3)]
        return Reply({"data": day[at : at + 2], "total": 3})


def main(out: Path, path: Path) -> None:
    """Write the YAML to `path`, and harvest twice into `out`."""
    path.write_text(YAML)
    for top in (5, 7):
        with Api(well=False, top=top) as api:
            config = load_config(path, base_url=api.base_url, env=ENV)
            summary = harvest(config, out=out, concurrency=1)
            sys.stdout.write(f"{summary.as_dict()}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[1]).with_name("earlier.yaml"))
