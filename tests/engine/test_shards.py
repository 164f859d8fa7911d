"""Several machines, each with its share of one harvest, and without a word to each other."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import harvest, iter_records, load_config, plan, status, verify
from harvester.config import Budget
from harvester.errors import FolderLocked
from harvester.model import Partition, Shard
from harvester.planning import shared
from harvester.store import LocalStore, ObjectStore
from tests.support import ITEMS, Reply, Scripted, chain, config, write_config

NOW = datetime(2021, 6, 1, tzinfo=UTC)
TWELVE = "resources.items.partitions.shard={range: [1, 12]}"
SINCE = "resources.items.params.since='{window.start}'"
PARENTS = """\
version: 1
name: forest
client: {base_url: "%s", retry: {attempts: 1}}
resources:
  - name: orgs
    path: orgs
    data_selector: items
    paginator: {type: single_page}
  - name: repos
    path: "repos/{org}"
    data_selector: items
    partitions: {org: {resource: orgs, field: id}}
    paginator: {type: single_page}
  - name: files
    path: "files/{repo}"
    data_selector: items
    partitions: {repo: {resource: repos, field: id}}
    paginator: {type: single_page}
output: {path: out}
"""


def forest(path: str, asked: Mapping[str, str]) -> Reply:
    """Four organisations, each of three repositories, each of one file."""
    kind, of = [*path.strip("/").split("/"), ""][:2]
    count = {"orgs": 4, "repos": 3, "files": 1}[kind]
    return Reply({"items": [{"id": f"{of or kind}.{number}"} for number in range(count)]})


def shares(count: int) -> list[Shard]:
    """All shares of a harvest."""
    return [Shard(index, count) for index in range(count)]


@pytest.mark.parametrize(
    ("text", "index"), [("0/3", 0), ("1/3", 1), (" 2 / 3 ", 2), ("3/3", 0), ("0/1", 0), ("1/1", 0)]
)
def test_counted_from_0_or_from_1(text: str, index: int) -> None:
    """So 0/3 to 2/3, and 1/3 to 3/3, are all shares, each once."""
    assert Shard.parse(text).index == index


@pytest.mark.parametrize(
    "text", ["", "1", "4/3", "1/0", "-1/3", "a/b", "1/2/3", "1.5/2", "1/999999999", "٣/٤", "0x1/2"]
)
def test_no_share(text: str) -> None:
    """What is wrong is said."""
    with pytest.raises(ValueError, match=r"share|N is"):
        Shard.parse(text)


@pytest.mark.parametrize(
    "partitions",
    [
        "{shard: {range: [1, 12]}}",
        "{shard: [a, b, c, d, e, f]}",
        "{shard: [a, b], window: {start: 2021-01-01, end: 2021-05-01, step: 1d}}",
        "{window: {start: 2021-01-01, end: now, step: 1mo}, shard: [a, b, c]}",
    ],
)
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_partition_is_in_one_share(tmp_path: Path, partitions: str, count: int) -> None:
    """None is lost, none is in two, and a machine more does not have all of the work."""
    asked = config(
        tmp_path,
        ITEMS,
        "http://x/",
        f"resources.items.partitions={partitions}",
        *([SINCE] if "window" in partitions else []),
    )

    def titles(shard: Shard | None) -> list[str]:
        return [each.title for each in plan(asked, now=NOW, out=tmp_path / "out", shard=shard)]

    found = [titles(shard) for shard in shares(count)]
    assert sorted(title for each in found for title in each) == sorted(titles(None))
    if count < 4:
        assert max(map(len, found)) - min(map(len, found)) <= 2


def test_values_that_are_added_move_none(tmp_path: Path) -> None:
    """A window more, a day later: each of before is still in the share that it was in."""
    windows = "{shard: [a, b], window: {start: 2021-01-01, end: now, step: 1d}}"
    asked = config(tmp_path, ITEMS, "http://x/", f"resources.items.partitions={windows}", SINCE)
    out = tmp_path / "out"
    for shard in shares(3):
        before = {each.path for each in plan(asked, now=NOW, out=out, shard=shard)}
        later = datetime(2021, 6, 9, tzinfo=UTC)
        assert before < {each.path for each in plan(asked, now=later, out=out, shard=shard)}


@pytest.mark.parametrize(
    ("requests", "per", "count", "expected"),
    [(300, 900.0, 3, (100, 900.0)), (10, 1.0, 4, (2, 1.0)), (1, 1.0, 3, (1, 3.0))],
)
def test_a_budget_is_split(
    requests: int, per: float, count: int, expected: tuple[int, float]
) -> None:
    """All shares together never have more than was declared."""
    mine = shared(Budget(requests=requests, per=per), Shard(0, count))
    assert (mine.requests, mine.per) == expected
    assert count * mine.requests / mine.per <= requests / per


def test_shares_of_one_folder_at_once(tmp_path: Path) -> None:
    """Three processes of one line each; every page is asked for once, and all is complete."""
    with Scripted(chain(3)) as server:
        yaml = write_config(tmp_path, ITEMS)
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "harvester", "run", yaml, "--out", tmp_path / "out",
                 "--shard", f"{number}/3", "--json", "--base-url", server.base_url,
                 "--set", TWELVE, "--set", f"concurrency.processes={processes}"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for number, processes in ((1, 1), (2, 2), (3, 1))
        ]  # fmt: skip
        told = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], told
    assert len(server.asked) == 36
    for out, said in told:
        summary = json.loads(out)
        assert summary["complete"] is True
        assert summary["resources"][0]["partitions"]["total"] == 4
        assert "Share " in said
        assert "Other shares may not be" in " ".join(said.split())
        assert "\nComplete" not in said
    assert status(tmp_path / "out").complete
    assert status(tmp_path / "out", shard=Shard(1, 3)).resources[0].partitions.total == 4
    assert verify(tmp_path / "out").ok
    records = status(tmp_path / "out").resources[0].records
    assert sum(1 for _ in iter_records(tmp_path / "out")) == records


def test_children_of_parents_in_other_shares(tmp_path: Path) -> None:
    """A share whose parents others harvest says that there may be more; in the end all is there,
    each once, in any order of runs.
    """
    (tmp_path / "forest.yaml").write_text(PARENTS % "http://x/")
    with Scripted(forest) as server:
        (tmp_path / "forest.yaml").write_text(PARENTS % server.base_url)
        asked = load_config(tmp_path / "forest.yaml")
        out = tmp_path / "out"
        codes = []
        for _ in range(4):
            for shard in reversed(shares(3)):
                summary = harvest(asked, out=out, shard=shard)
                codes.append(summary.exit_code)
                assert summary.complete is (summary.exit_code == 0)
        assert codes[0] == 4
        assert codes[-3:] == [0, 0, 0]
        assert len(server.asked) == 1 + 4 + 12
    whole = status(out)
    assert whole.complete
    assert [item.partitions.total for item in whole.resources] == [1, 4, 12]


def test_who_may_hold_a_folder(tmp_path: Path) -> None:
    """Shares of as many beside each other; nobody else."""
    out = tmp_path / "out"
    with LocalStore(out, shard="0of3").claim():
        (out / "harvest.json").write_bytes(b"{}")
        with LocalStore(out, shard="1of3").claim():
            for other in ("0of3", "1of3", "1of2", ""):
                with pytest.raises(FolderLocked), LocalStore(out, shard=other).claim():
                    pass
    with (
        LocalStore(out).claim(),
        pytest.raises(FolderLocked),
        LocalStore(out, shard="0of3").claim(),
    ):
        pass


def test_documents_one_at_a_time(tmp_path: Path) -> None:
    """Ten shares that begin at once agree on what is asked, its salt included."""
    asked = config(
        tmp_path, ITEMS, "http://127.0.0.1:9/", TWELVE, "client.retry={attempts: 1, max_wait: 0.1}"
    )
    errors: list[BaseException] = []
    gate = threading.Barrier(10)

    def begin(shard: Shard) -> None:
        try:
            gate.wait()
            harvest(asked, out=tmp_path / "out", shard=shard)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(shard,)) for shard in shares(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert status(tmp_path / "out").resources[0].partitions.failed == 12


def test_shares_of_a_bucket_at_once(tmp_path: Path) -> None:
    """As in a folder; what keeps the pages apart is the names of the parts."""
    url = f"memory://{tmp_path.name}-shares/here"
    codes: list[int] = []
    with Scripted(chain(2)) as server:
        asked = config(tmp_path, ITEMS, server.base_url, TWELVE)
        threads = [
            threading.Thread(
                target=lambda shard: codes.append(
                    harvest(asked, out=ObjectStore(url, shard=shard.label), shard=shard).exit_code
                ),
                args=(shard,),
            )
            for shard in shares(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == [0, 0, 0]
        assert len(server.asked) == 24
    assert status(ObjectStore(url)).complete


def test_what_cannot_be_divided() -> None:
    """A crawl, and what has no partitions, is all in the first share."""
    assert Shard(0, 3).has(Partition("items", {}))
    assert not Shard(1, 3).has(Partition("items", {}))
