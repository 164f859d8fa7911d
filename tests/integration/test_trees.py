"""Trees and graphs: a resource whose partitions come from its own pages."""

import json
import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import harvest, iter_records, plan, status, verify
from harvester.errors import ConfigError
from harvester.export import copy
from harvester.planning import least
from tests.support import ENVIRONMENT, Reply, Scripted, command, config

YAML = """
version: 1
name: tree
client: {{base_url: "http://127.0.0.1:1/", retry: {{attempts: 1, max_wait: 0.01}}}}
resources:
  - name: nodes
    path: nodes
    params: {{id: "{{id}}"}}
    partitions: {{id: {crawl}}}
    data_selector: nodes
    paginator: {{type: cursor, cursor_path: next, cursor_param: page}}
{more}
concurrency: {{partitions: 4}}
output: {{fsync: false}}
"""
CRAWL = '{crawl: "nodes[*].children[*].id", seeds: [n0]}'


class Graph:
    """Nodes that lead to others, each with its children over pages of `size`."""

    def __init__(self, edges: Mapping[str, Sequence[str]], size: int = 50) -> None:
        self.edges = edges
        self.size = size
        self.failing: set[str] = set()

    def __call__(self, path: str, asked: Mapping[str, str]) -> Reply:
        """A page of a node."""
        name, page = asked["id"], int(asked.get("page", "1"))
        if name in self.failing:
            return Reply({"error": "broken"}, 400)
        children = self.edges.get(name, [])
        pages = max(1, -(-len(children) // self.size))
        own = children[(page - 1) * self.size : page * self.size]
        leads = [{"id": child} for child in own]
        nodes = [{"id": f"{name} {page}", "of": name, "children": leads}]
        return Reply({"nodes": nodes, "next": page + 1 if page < pages else None})


def graph(number: int, seed: int = 5) -> dict[str, list[str]]:
    """A connected graph with cycles and diamonds."""
    chance = random.Random(seed)
    edges: dict[str, list[str]] = {f"n{n}": [] for n in range(number)}
    for n in range(1, number):
        edges[f"n{chance.randrange(max(0, n - 200), n)}"].append(f"n{n}")
    for _ in range(number):
        edges[f"n{chance.randrange(number)}"].append(f"n{chance.randrange(number)}")
    return edges


def breadth_first(
    edges: Mapping[str, Sequence[str]], seeds: Sequence[str], most: int | None = None
) -> dict[str, int]:
    """The nodes in their order, each with its depth."""
    depth = dict.fromkeys(seeds, 0)
    queue = list(depth)
    for name in queue:
        for child in edges.get(name, []):
            if child not in depth and (most is None or depth[name] < most):
                depth[child] = depth[name] + 1
                queue.append(child)
    return depth


def order(out: Path) -> list[str]:
    """The nodes of all records, in the order of the plan."""
    return list(dict.fromkeys(json.loads(record)["of"] for record in iter_records(out)))


def yaml(crawl: str = CRAWL, more: str = "") -> str:
    """The configuration."""
    return YAML.format(crawl=crawl, more=more)


def test_a_graph_with_cycles_holds_every_node_once(tmp_path: Path) -> None:
    """Breadth first, whichever worker is first; a rerun asks for nothing."""
    edges, out = graph(400), tmp_path / "out"
    with Scripted(Graph(edges)) as server:
        asked = config(tmp_path, yaml(), server.base_url)
        summary = harvest(asked, out=out)
        requests = len(server.asked)
        again = harvest(asked, out=out)
    expected = breadth_first(edges, ["n0"])
    assert summary.complete
    assert len(expected) == 400
    assert order(out) == list(expected)
    assert requests == 400
    assert len(server.asked) == requests
    assert again.complete
    crawl = summary.resources[0].crawl
    assert crawl
    assert (crawl.seen, crawl.frontier, crawl.depth) == (400, 0, max(expected.values()))
    assert status(out).as_dict()["resources"][0]["crawl"]["seen"] == 400
    assert verify(out, deep=True).ok
    assert [partition.labels["id"] for partition in plan(asked, out=out)] == list(expected)
    (resource,) = asked.resources
    before = least(asked, resource, datetime.now(UTC), tmp_path / "none")
    assert (before.partitions, before.after) == (1, "nodes")
    after = least(asked, resource, datetime.now(UTC), out)
    assert (after.partitions, after.after) == (400, None)


def test_a_wide_node_over_many_pages(tmp_path: Path) -> None:
    """What any of its pages leads to counts."""
    edges = {"n0": [f"c{n}" for n in range(230)], "c7": ["n0", "d"]}
    out = tmp_path / "out"
    with Scripted(Graph(edges)) as server:
        assert harvest(config(tmp_path, yaml(), server.base_url), out=out).complete
    assert order(out) == list(breadth_first(edges, ["n0"]))


@pytest.mark.parametrize("most", [0, 1, 3])
def test_maximum_depth(most: int, tmp_path: Path) -> None:
    """What lies deeper is seen and not asked for; a later run may go deeper, none less deep."""
    edges, out = graph(300), tmp_path / "out"
    crawl = CRAWL.replace("}", f", maximum_depth: {most}}}")
    with Scripted(Graph(edges)) as server:
        summary = harvest(config(tmp_path, yaml(crawl), server.base_url), out=out)
        expected = breadth_first(edges, ["n0"], most)
        assert order(out) == list(expected)
        assert summary.complete
        beyond = breadth_first(edges, ["n0"], most + 1)
        assert summary.resources[0].crawl
        assert summary.resources[0].crawl.beyond == len(beyond) - len(expected)
        assert harvest(config(tmp_path, yaml(), server.base_url), out=out).complete
    assert order(out) == list(breadth_first(edges, ["n0"]))
    assert len(server.asked) == 300


def test_the_file_is_a_copy_only(tmp_path: Path) -> None:
    """Lost or damaged, it is made anew, and nothing is asked for twice."""
    edges, out = graph(200), tmp_path / "out"
    with Scripted(Graph(edges)) as server:
        asked = config(tmp_path, yaml(), server.base_url)
        assert harvest(asked, out=out).complete
        (file,) = out.glob("*.sqlite")
        requests = len(server.asked)
        for damage in (None, b"", b"no database" * 500, file.read_bytes()[:5000]):
            if damage is None:
                file.unlink()
            else:
                file.write_bytes(damage)
            assert order(out) == list(breadth_first(edges, ["n0"]))
            assert status(out).complete
            assert harvest(asked, out=out).complete
        assert len(server.asked) == requests == 200
    assert verify(out).ok


def test_a_node_that_fails_is_passed_and_comes_later(tmp_path: Path) -> None:
    """What the others lead to is harvested; the order in the end is as if none had failed."""
    edges, out = graph(300), tmp_path / "out"
    nodes = Graph(edges)
    nodes.failing = {"n1", "n7", "n40"}
    with Scripted(nodes) as server:
        asked = config(tmp_path, yaml(), server.base_url)
        summary = harvest(asked, out=out)
        assert summary.exit_code == 3
        assert summary.resources[0].partitions.failed == 3
        assert harvest(asked, out=out).exit_code == 3
        nodes.failing.clear()
        assert harvest(asked, out=out).complete
    assert order(out) == list(breadth_first(edges, ["n0"]))
    assert verify(out).ok
    good = Counter(item["id"] for item in server.asked)
    assert {count for name, count in good.items() if name not in ("n1", "n7", "n40")} == {1}


@pytest.mark.parametrize("kind", ["file", "resource", "several"])
def test_seeds_from_elsewhere(kind: str, tmp_path: Path) -> None:
    """A file's lines, another resource's records, a list; two paths."""
    edges = {"a": ["b"], "x": ["y", "b"], "y": ["x"], "b": ["z"]}
    (tmp_path / "seeds.txt").write_text("x\na\nx\n")
    more = """
  - name: roots
    path: roots
    data_selector: roots
    paginator: {type: single_page}
"""
    seeds = {
        "file": "{file: seeds.txt}",
        "resource": "{resource: roots, field: name}",
        "several": "[x, a]",
    }[kind]
    crawl = f'{{crawl: ["nodes[*].children[*].id", "nodes[*].parent"], seeds: {seeds}}}'
    nodes = Graph(edges)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if path == "/roots":
            return Reply({"roots": [{"name": "x"}, {"name": "a"}]})
        return nodes(path, asked)

    out = tmp_path / "out"
    text = yaml(crawl, more if kind == "resource" else "")
    with Scripted(respond) as server:
        summary = harvest(config(tmp_path, text, server.base_url), out=out)
    assert summary.complete
    found = [json.loads(record) for record in iter_records(out, resources=["nodes"])]
    assert list(dict.fromkeys(item["of"] for item in found)) == ["x", "a", "y", "b", "z"]


def test_seeds_from_several_places_lead_into_one_walk(tmp_path: Path) -> None:
    """Values, the records of two resources, and two files, in that order, each once; a run after
    that finds them all where they were, and so does a copy.
    """
    more = """
  - {name: roots, path: roots, data_selector: roots}
  - {name: tops, path: tops, data_selector: roots}
"""
    seeds = (
        "[x, 7, {resource: roots, field: name}, {file: one.txt}, {resource: tops, field: name}, "
        "{file: two.txt}]"
    )
    (tmp_path / "one.txt").write_text("c\nx\n")
    (tmp_path / "two.txt").write_text("e\n")
    edges = {"x": ["y", "e"], "y": ["x", "d"], "c": ["q"]}
    tops = {"/roots": ["a", "b", "x"], "/tops": ["d", "a"]}
    nodes = Graph(edges)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if path in tops:
            return Reply({"roots": [{"name": name} for name in tops[path]]})
        return nodes(path, asked)

    out, expected = tmp_path / "out", ["x", "7", "a", "b", "c", "d", "e", "y", "q"]
    crawl = f'{{crawl: "nodes[*].children[*].id", seeds: {seeds}}}'
    with Scripted(respond) as server:
        asked = config(tmp_path, yaml(crawl, more), server.base_url)
        assert harvest(asked, out=out).complete
        assert Counter(each["id"] for each in server.asked if "id" in each) == Counter(expected)
        (tmp_path / "one.txt").unlink()
        before = len(server.asked)
        assert harvest(asked, out=out).complete
        assert len(server.asked) == before
    copy(out, tmp_path / "copy")
    for folder in (out, tmp_path / "copy"):
        found = [json.loads(record) for record in iter_records(folder, resources=["nodes"])]
        assert list(dict.fromkeys(item["of"] for item in found)) == expected
        assert status(folder).complete


def test_details_of_what_a_crawl_finds(tmp_path: Path) -> None:
    """The records of a crawl are parents like any others."""
    more = """
  - name: details
    path: details
    params: {id: "{id}"}
    partitions: {id: {resource: nodes, field: of}}
    data_selector: details
    paginator: {type: single_page}
"""
    edges, out = graph(60), tmp_path / "out"
    nodes = Graph(edges)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if path == "/details":
            return Reply({"details": [{"of": asked["id"]}]})
        return nodes(path, asked)

    with Scripted(respond) as server:
        asked = config(tmp_path, yaml(more=more), server.base_url)
        harvest(asked, out=out, resources=["nodes"])
        summary = harvest(asked, out=out)
    assert summary.complete
    details = [json.loads(record)["of"] for record in iter_records(out, resources=["details"])]
    assert details == list(breadth_first(edges, ["n0"]))
    assert len(server.asked) == 120


def test_a_path_that_no_page_has_is_a_doubt(tmp_path: Path) -> None:
    """A crawl that ends at its seeds for a slip of the pen; an empty list is none."""
    crawl = CRAWL.replace("children", "childs")
    with Scripted(Graph(graph(20))) as server:
        asked = config(tmp_path, yaml(crawl), server.base_url)
        assert [d.kind for d in harvest(asked, out=tmp_path / "a").doubts] == ["crawl_path"]
    with Scripted(Graph({})) as server:
        asked = config(tmp_path, yaml(), server.base_url)
        assert not harvest(asked, out=tmp_path / "b").doubts


def test_odd_values(tmp_path: Path) -> None:
    """Numbers, letters in another case, slashes, dots, what is long, what is not ASCII."""
    names = ["../x", ".", "A", "a", "ä/ö", "x" * 500, "e\u0301", "é", "=", "~", "a b", "%41"]
    edges, out = {"n0": names}, tmp_path / "out"
    with Scripted(Graph(edges)) as server:
        assert harvest(config(tmp_path, yaml(), server.base_url), out=out).complete
    assert order(out) == ["n0", *names]
    assert verify(out).ok


def test_a_crawl_that_is_killed_again_and_again(tmp_path: Path) -> None:
    """Every node once, in the same order, and at most a request more for each kill."""
    edges, out, kills = graph(300), tmp_path / "out", 8
    with Scripted(Graph(edges)) as server:
        asked = config(tmp_path, yaml(), server.base_url)
        line = command(tmp_path / "config.yaml", server.base_url, out, "concurrency.partitions=1")
        for kill in range(kills):
            run = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
            most = (kill + 1) * 300 // (kills + 1)
            while len(server.asked) < most and run.poll() is None:
                pass
            run.send_signal(signal.SIGKILL)
            run.wait()
        assert harvest(asked, out=out).complete
    assert len(server.asked) <= 300 + kills
    assert order(out) == list(breadth_first(edges, ["n0"]))
    assert verify(out).ok


def test_a_folder_that_is_moved_away_is_harvested_again(tmp_path: Path) -> None:
    """Though the crawl has been there."""
    edges, out = graph(50), tmp_path / "out"
    with Scripted(Graph(edges)) as server:
        asked = config(tmp_path, yaml(), server.base_url)
        assert harvest(asked, out=out).complete
        shutil.rmtree(out / "nodes" / "id=n9")
        assert not status(out).complete
        assert harvest(asked, out=out).complete
    assert len(server.asked) == 51
    assert order(out) == list(breadth_first(edges, ["n0"]))


@pytest.mark.parametrize(
    ("crawl", "message"),
    [
        ("{crawl: a}", "seeds: this key is missing"),
        ("{seeds: [a]}", "crawl: this key is missing"),
        ("{crawl: [], seeds: [a]}", "crawl"),
        ("{crawl: a, seeds: []}", "seeds"),
        ("{crawl: 'a[', seeds: [a]}", "crawl"),
        ("{crawl: a, seeds: [a], maximum_depth: -1}", "maximum_depth"),
        ("{crawl: a, seeds: {resource: others, field: id}}", "unknown resource 'others'"),
        ("{crawl: a, seeds: {resource: nodes, field: id}}", "is its own ancestor"),
        ("{crawl: a, seeds: [a, a]}", "stands twice"),
        ("{crawl: a, seeds: [a, {resource: others, field: id}]}", "unknown resource 'others'"),
        ("{crawl: a, seeds: [a, {resource: nodes, field: id}]}", "is its own ancestor"),
        ("{crawl: a, seeds: [a, {fil: b}]}", "seeds"),
        ("{crawl: a, seeds: [{file: b, colum: c}]}", "colum"),
        ("{crawl: a, seeds: [[a], {file: b}]}", "seeds"),
        ("{crawl: a, seeds: [a]}, other: [1]", "the only key"),
    ],
)
def test_what_is_no_crawl_is_refused(crawl: str, message: str, tmp_path: Path) -> None:
    """With the key that is wrong."""
    with pytest.raises(ConfigError, match=message):
        config(tmp_path, yaml(crawl), "http://127.0.0.1:1/")
