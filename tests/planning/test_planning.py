"""The plan of a whole harvest, and the least it takes."""

import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvester.config import Config
from harvester.config.load import load_config, parse_config
from harvester.errors import ConfigError
from harvester.model.partitions import Partition
from harvester.planning.feed import Feed
from harvester.planning.plans import Plan, least, plan
from tests.on_disk import store
from tests.yaml_texts import ENV, TWITTER, config

NOW = datetime(2021, 6, 15, tzinfo=UTC)

TWO = """
version: 1
name: two
client: {base_url: "https://api.example.org/"}
resources:
  - {name: b, path: "b/{id}", partitions: {id: [2, 1]}}
  - {name: a, path: a}
"""


def test_plan_in_the_order_of_the_yaml() -> None:
    """Resources as written, and the values of each as written."""
    two = parse_config(TWO, "two.yaml")
    assert [(p.resource, dict(p.values)) for p in plan(two, now=NOW)] == [
        ("b", {"id": 2}), ("b", {"id": 1}), ("a", {}),
    ]  # fmt: skip
    assert [p.resource for p in plan(two, resources=["a"], now=NOW)] == ["a"]
    assert [p.resource for p in plan(two, resources=["a", "b"], now=NOW)] == ["b", "b", "a"]


def test_now_closes_windows() -> None:
    """Only windows that are over are planned; without `now` it is the present."""
    asked = config(
        """
        params: {since: "{day.start}"}
        partitions: {day: {start: 2021-06-10, end: now, step: 1d}}
        """
    )
    assert len(list(plan(asked, now=NOW))) == 5
    assert len(list(plan(asked))) > 1000


def test_plan_is_lazy() -> None:
    """A hundred million partitions are no list."""
    asked = config('params: {n: "{n}"}\npartitions: {n: {range: [1, 100000000]}}')
    partitions = plan(asked, now=NOW)
    assert next(partitions).values == {"n": 1}
    assert least(asked, asked.resources[0], NOW).partitions == 100_000_000


@pytest.mark.parametrize(
    ("client", "own", "partitions", "seconds"),
    [
        ("", "", 24, 0),
        ("rate_limit: {requests: 1, per: 1s}", "", 24, 23),
        ("rate_limit: {requests: 24, per: 15m}", "", 24, 0),
        ("rate_limit: {requests: 23, per: 15m}", "", 24, 900),
        ("rate_limit: {requests: 12, per: 15m}", "", 24, 900),
        ("rate_limit: {requests: 11, per: 15m}", "", 24, 1800),
        ("rate_limit: [{requests: 300, per: 15m}, {requests: 1, per: 1s}]", "", 24, 23),
        ("rate_limit: {requests: 1, per: 1s}", "rate_limit: {requests: 2, per: 1m}", 24, 660),
        ("rate_limit: {requests: 1, per: 1s}", "", 1, 0),
        ("rate_limit: {requests: 1, per: 1s}", "", 0, 0),
    ],
)
def test_least(client: str, own: str, partitions: int, seconds: float) -> None:
    """One request a partition, as fast as the slowest budget allows."""
    spec = f"{{range: [1, {partitions}]}}"
    if not partitions:  # windows that are still to come
        spec = "{start: 2022-01-01, end: now, step: 1d}"
    asked = config(f'params: {{n: "{{n}}"}}\npartitions: {{n: {spec}}}\n{own}', client)
    found = least(asked, asked.resources[0], NOW)
    assert (found.partitions, found.requests, found.seconds) == (partitions, partitions, seconds)


def test_as_dict() -> None:
    """The JSON form of `plan --json`."""
    asked = parse_config(TWITTER, "twitter.yaml", env=ENV)
    assert least(asked, asked.resources[0], datetime(2022, 6, 15, tzinfo=UTC)).as_dict() == {
        "name": "tweets",
        "partitions": 24,
        "least_requests": 24,
        "least_seconds": 23.0,
    }


# --- Parents -------------------------------------------------------------------------------------

CHAIN = """
version: 1
name: chain
client: {base_url: "https://api.example.org/"}
resource_defaults: {data_selector: data}
resources:
  - {name: e, path: "e/{d}", partitions: {d: {resource: d, field: id}}}
  - {name: a, path: "a/{shard}", partitions: {shard: [1, 2, 3]}}
  - {name: b, path: "b/{a}", partitions: {a: {resource: a, field: id}}}
  - {name: c, path: "c/{b}", partitions: {b: {resource: b, field: id}}}
  - {name: d, path: "d/{c}", partitions: {c: {resource: c, field: id}}}
"""


def chained(text: str = CHAIN) -> Config:
    """Resources whose parents are one another's records."""
    return parse_config(text, "chain.yaml", env={})


def give(out: Path, partition: Partition, *ids: object, done: bool = True) -> None:
    """Put a partition on disk whose records have these ids."""
    store(out, partition, [{"data": [{"id": item} for item in ids]}], done=done)


def titles(partitions: Any) -> list[str]:
    """Partitions in short."""
    return [partition.title for partition in partitions]


def test_children_of_finished_parents(tmp_path: Path) -> None:
    """To depth five, in the order of their parents; those of unfinished parents wait."""
    give(tmp_path, Partition("a", {"shard": 1}), "x", "y")
    give(tmp_path, Partition("a", {"shard": 2}), "unfinished", done=False)
    give(tmp_path, Partition("b", {"a": "y"}), 7)
    give(tmp_path, Partition("c", {"b": 7}), 8, 9)
    give(tmp_path, Partition("d", {"c": 9}), "end")
    give(tmp_path, Partition("d", {"c": "stranger"}), "nobody's child")
    assert titles(plan(chained(), now=NOW, out=tmp_path)) == [
        "e d=end", "a shard=1", "a shard=2", "a shard=3", "b a=x", "b a=y", "c b=7", "d c=8",
        "d c=9",
    ]  # fmt: skip
    assert titles(plan(chained(), now=NOW, out=tmp_path, resources=["d"])) == ["d c=8", "d c=9"]


def test_a_child_of_several_parents(tmp_path: Path) -> None:
    """It is one partition, with what its first parent includes; 1 and "1" are one folder."""
    text = CHAIN.replace("field: id}}}", "field: id, include: {n: n}}}}")
    for shard, ids in ((1, ["x", "y", "x"]), (2, ["y", 1]), (3, ["1"])):
        pages = [{"data": [{"id": item, "n": shard} for item in ids]}]
        store(tmp_path, Partition("a", {"shard": shard}), pages)
    found = list(plan(chained(text), now=NOW, out=tmp_path, resources=["b"]))
    assert [(p.values["a"], p.included["n"]) for p in found] == [("x", 1), ("y", 1), (1, 2)]


PRODUCT = """
version: 1
name: product
client: {base_url: "https://api.example.org/"}
resources:
  - {name: repos, path: repos, data_selector: data}
  - name: stats
    path: "stats/{repo}"
    params: {kind: "{kind}", since: "{month.start}", name: "{name}"}
    partitions:
      kind: [x, y]
      repo: {resource: repos, field: id, include: {name: name}}
      month: {start: 2021-04-01, end: now, step: 1mo}
"""


def test_the_product_of_parents(tmp_path: Path) -> None:
    """With lists and windows, in the order of the keys, the last one fastest."""
    store(tmp_path, Partition("repos", {}), [{"data": [{"id": 1, "name": "A"}, {"id": 2}]}])
    product = chained(PRODUCT)
    found = [p for p in plan(product, now=NOW, out=tmp_path) if p.resource == "stats"]
    assert [tuple(p.labels.values()) for p in found] == [
        (kind, repo, month)
        for kind in "xy"
        for repo in "12"
        for month in ("2021-04-01_2021-05-01", "2021-05-01_2021-06-01")
    ]
    assert [p.included for p in found[::2]] == [{"name": "A"}, {"name": None}] * 2
    later = plan(product, now=datetime(2021, 7, 1, tzinfo=UTC), out=tmp_path, resources=["stats"])
    assert sum(1 for _ in later) == 12, "a month has closed since"


def test_least_with_parents(tmp_path: Path) -> None:
    """As far as is known, and after whom there will be more."""
    product = chained(PRODUCT)
    stats = product.resources[1]
    assert least(product, stats, NOW, tmp_path).as_dict() == {
        "name": "stats", "partitions": 0, "least_requests": 0, "least_seconds": 0.0,
        "after": "repos",
    }  # fmt: skip
    give(tmp_path, Partition("repos", {}), 1)
    found = least(product, stats, NOW, tmp_path)
    assert (found.partitions, found.after) == (4, None), "no parent is to come"


def test_least_below_unfinished_parents(tmp_path: Path) -> None:
    """However far above them: there may be more to come."""
    give(tmp_path, Partition("a", {"shard": 1}), "x")
    give(tmp_path, Partition("b", {"a": "x"}), "y")
    chain = chained()
    needs = {item.name: least(chain, item, NOW, tmp_path) for item in chain.resources}
    known = {name: (need.partitions, need.after) for name, need in needs.items()}
    assert known == {
        "a": (3, None), "b": (1, "a"), "c": (1, "b"), "d": (0, "c"), "e": (0, "d"),
    }  # fmt: skip


def test_files_are_looked_into(tmp_path: Path) -> None:
    """A plan counts what a run would take over; one for readers what a run has."""
    (tmp_path / "ids.txt").write_text("1\n2\n2\n")
    text = TWO.replace("[2, 1]", "{file: ids.txt}")
    (tmp_path / "two.yaml").write_text(text)
    two = load_config(tmp_path / "two.yaml", env={})
    assert titles(plan(two, out=tmp_path, resources=["b"])) == ["b id=1", "b id=2"]
    assert least(two, two.resources[0], NOW, tmp_path).partitions == 2
    assert list(Plan(two, NOW, tmp_path).partitions(two.resources[0])) == []
    (tmp_path / "ids.txt").unlink()
    with pytest.raises(ConfigError, match=r"ids\.txt: cannot be read"):
        list(plan(two, out=tmp_path))


# --- Feed ----------------------------------------------------------------------------------------


def feed(config: Config, out: Path, *names: str) -> Feed:
    """Of the resources with these names, or of all."""
    chosen = [item for item in config.resources if not names or item.name in names]
    return Feed(Plan(config, NOW, out), chosen)


def test_children_come_before_the_next_parents(tmp_path: Path) -> None:
    """As soon as their own parent is finished, however many parents there are to come."""
    handed = feed(chained(), tmp_path)
    first = handed.next()
    assert first is not None
    assert first.title == "a shard=1"
    give(tmp_path, first, "x", "y")
    handed.finished(first)
    child = handed.next()
    assert child is not None
    assert child.title == "b a=x"
    give(tmp_path, child, "deep")
    handed.finished(child)
    order = []
    while partition := handed.next():
        order.append(partition.title)
    assert order == ["c b=deep", "b a=y", "a shard=2", "a shard=3"]


def test_a_child_is_handed_out_once(tmp_path: Path) -> None:
    """Also when a second parent names it after it was harvested."""
    handed = feed(chained(), tmp_path, "a", "b")
    order = []
    while partition := handed.next():
        order.append(partition.title)
        give(tmp_path, partition, "x", "y")
        handed.finished(partition)
    assert order == ["a shard=1", "b a=x", "b a=y", "a shard=2", "a shard=3"]


def test_a_parent_that_failed(tmp_path: Path) -> None:
    """Nobody says that it finished, so that it has no children in this run."""
    handed = feed(chained(), tmp_path)
    found = titles(iter(handed.next, None))
    assert found == ["a shard=1", "a shard=2", "a shard=3"]
    assert handed.next() is None


def test_only_the_child(tmp_path: Path) -> None:
    """Its parents are those on disk that are finished; they are not asked for again."""
    give(tmp_path, Partition("a", {"shard": 1}), "x", "y")
    give(tmp_path, Partition("a", {"shard": 3}), "y", "z")
    give(tmp_path, Partition("a", {"shard": 2}), "unfinished", done=False)
    handed = feed(chained(), tmp_path, "b")
    assert titles(iter(handed.next, None)) == ["b a=x", "b a=y", "b a=z"]


def test_no_parent_in_the_middle(tmp_path: Path) -> None:
    """Of `a` and `c`, the children of `c` go by what there is of `b`."""
    give(tmp_path, Partition("a", {"shard": 1}), "x")
    give(tmp_path, Partition("b", {"a": "x"}), "deep")
    handed = feed(chained(), tmp_path, "a", "c")
    assert titles(iter(handed.next, None)) == [
        "a shard=1", "a shard=2", "a shard=3", "c b=deep"
    ]  # fmt: skip


def test_children_with_runs(tmp_path: Path) -> None:
    """Each child of a parent has runs of its own, and so have the children of a parent's runs."""
    text = """
version: 1
name: chain
client: {base_url: "https://api.example.org/"}
resource_defaults:
  data_selector: data
  incremental: {cursor_path: "data[*].id", param: since, initial_value: 0}
resources:
  - {name: a, path: a}
  - {name: b, path: "b/{a}", partitions: {a: {resource: a, field: id}}}
"""
    for run, ids in (("0001_0", (1, 2)), ("0002_2", (2, 3))):
        give(tmp_path, Partition("a", {"run": run}), *ids)
    store(tmp_path, Partition("b", {"a": 1, "run": "0001_0"}), [{}], fields=[{"largest": 5}])
    found = titles(plan(chained(text), now=NOW, out=tmp_path))
    assert found == [
        "a run=0001_0", "a run=0002_2", "a run=0003_2", "b a=1 run=0001_0", "b a=1 run=0002_5",
        "b a=2 run=0001_0", "b a=3 run=0001_0",
    ]  # fmt: skip
    handed = feed(chained(text), tmp_path, "b")
    assert titles(iter(handed.next, None)) == found[3:]


def test_memory_with_many_parents(tmp_path: Path) -> None:
    """Neither plans nor feeds keep parents or children: 30 bytes a child and no more."""
    for shard in (1, 2, 3):
        pages = [
            {"data": [{"id": f"{shard} {page} {n}" + "x" * 100} for n in range(1000)]}
            for page in range(5)
        ]
        store(tmp_path, Partition("a", {"shard": shard}), pages)
    del pages
    tracemalloc.start()
    try:
        assert sum(1 for _ in plan(chained(), now=NOW, out=tmp_path, resources=["b"])) == 15_000
        handed = feed(chained(), tmp_path, "b")
        assert sum(1 for _ in iter(handed.next, None)) == 15_000
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()
