"""Values from several parents, from some of their records, from their own partitions, and several
in one request: each harvested whole from a server, killed once and resumed.
"""

import json
from pathlib import Path

import pytest

from harvester import harvest
from harvester.config import load_config
from harvester.config.load import parse_resolved
from harvester.errors import ConfigError
from tests.api_server import Answer, ApiServer, Asked
from tests.killed_once import harvested

HEAD = """
version: 1
name: crawl
client: {base_url: BASE, retry: {attempts: 3, max_wait: 0.01}}
resources:
  - name: users
    path: users
    data_selector: data
    paginator: {type: page_number}
  - name: sites
    path: "orgs/{org}/sites"
    partitions: {org: [a, b]}
    data_selector: data
"""

PRODUCT = """
  - name: reports
    path: reports
    params: {user: "{user}", site: "{site}", day: "{day}"}
    data_selector: data
    partitions:
      user:
        resource: users
        field: id
        only: [{path: open, equals: true}, {path: id, not_equals: 3}]
      site: {resource: sites, field: name}
      day: [1, 2]
"""

OWN = """
  - name: details
    path: "orgs/{parent.org}/sites/{site}"
    data_selector: $
    partitions: {site: {resource: sites, field: number}}
  - name: deeper
    path: "deeper/{parent.org}/{id}"
    data_selector: $
    partitions: {id: {resource: details, field: id}}
"""

BATCH = """
  - name: looked_up
    path: lookup
    params: {ids: "{id}", id: "{id:list}"}
    data_selector: data
    partitions: {id: {resource: users, field: id, batch: 4}}
  - name: posted
    path: lookup
    method: POST
    json: {ids: "{id}"}
    data_selector: data
    partitions: {id: {resource: users, field: id, batch: 4}}
"""


def users(asked: Asked) -> Answer:
    """Three pages of three users, every second of them open."""
    page = int(asked.params["page"])
    first = page * 3 - 2
    found = [{"id": n, "open": n % 2 == 1} for n in range(first, first + 3)]
    return Answer({"data": found if page < 4 else []})


def test_a_product_of_parents_killed_once(tmp_path: Path) -> None:
    """Each pair is asked for once, whichever parent finished first; others have no children."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/users":
            return users(asked)
        if asked.path.startswith("/orgs/"):
            org = asked.path.split("/")[2]
            return Answer({"data": [{"name": f"{org}{n}"} for n in (1, 2)]})
        return Answer({"data": [asked.params]})

    found = harvested(tmp_path, HEAD + PRODUCT, answer, kill_at=12)
    reports = [(one["user"], one["site"], one["day"]) for one in found.of("reports")]
    sites = ("a1", "a2", "b1", "b2")
    assert sorted(reports) == sorted(
        (user, site, day) for user in "1579" for site in sites for day in "12"
    )


def test_values_of_the_parents_own_partition_killed_once(tmp_path: Path) -> None:
    """They belong to what a partition is: sites with the same number are two."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/users":
            return users(asked)
        if asked.path.endswith("/sites"):
            return Answer({"data": [{"number": n} for n in (1, 2)]})
        return Answer({"id": asked.path.replace("/", "-"), "path": asked.path})

    found = harvested(tmp_path, HEAD + OWN, answer, kill_at=8)
    details = {one["path"] for one in found.of("details")}
    assert details == {f"/orgs/{org}/sites/{n}" for org in "ab" for n in (1, 2)}
    deeper = {one["path"] for one in found.of("deeper")}
    assert deeper == {f"/deeper/{p.split('/')[2]}/{p.replace('/', '-')}" for p in details}
    assert (found.out / "details" / "parent.org=a" / "site=1").is_dir()


def test_several_ids_in_one_request_killed_once(tmp_path: Path) -> None:
    """Joined by commas, repeated, and as a list in JSON; the last batch is what is left."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/users":
            return users(asked)
        if asked.path != "/lookup":
            return Answer({"data": []})
        if asked.method == "POST":
            return Answer({"data": [{"ids": asked.json["ids"]}]})
        several = [int(value) for name, value in asked.query if name == "id"]
        assert dict(asked.query)["ids"] == ",".join(map(str, several))
        return Answer({"data": [{"ids": several}]})

    found = harvested(tmp_path, HEAD + BATCH, answer, kill_at=8)
    batches = [[1, 2, 3, 4], [5, 6, 7, 8], [9]]
    assert sorted(one["ids"] for one in found.of("looked_up")) == batches
    assert sorted(one["ids"] for one in found.of("posted")) == batches


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (PRODUCT.replace("sites, field", "sits, field"), "unknown resource 'sits'"),
        (PRODUCT.replace("equals: true", "equal: true"), "only"),
        (OWN.replace("parent.org", "parent.team"), "unknown reference {parent.team}"),
        (BATCH.replace("batch: 4", "batch: 1"), "batch"),
        (BATCH.replace("batch: 4", "include: {n: name}, batch: 4"), "take include out"),
        (BATCH.replace(", batch: 4", ""), "{id:list}: 'id' is no batch"),
    ],
)
def test_what_check_says(more: str, told: str, tmp_path: Path) -> None:
    """Each fault by its key."""
    path = tmp_path / "harvest.yaml"
    path.write_text((HEAD + more).replace("BASE", "http://x.org"))
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert told in str(refused.value)


@pytest.mark.parametrize("more", [PRODUCT, OWN, BATCH])
def test_parents_read_back(more: str, tmp_path: Path) -> None:
    """harvest.json says what the YAML said."""
    path = tmp_path / "harvest.yaml"
    path.write_text((HEAD + more).replace("BASE", "http://x.org"))
    config = load_config(path)
    tree = json.loads(json.dumps(config.reference_dict()))
    assert parse_resolved(tree, "harvest.json").resources == config.resources


def test_commas_inside_a_batch_are_refused_where_commas_join_it(tmp_path: Path) -> None:
    """The API would read two values; apart from one another they may hold any."""
    kinds = {
        "joined": 'params: {ids: "{tag}"}',
        "repeated": 'params: {ids: "{tag:list}"}',
        "listed": 'method: POST, json: {of: ["{tag}"]}',
    }
    children = "".join(
        f"  - {{name: {name}, path: tagged, {asked}, "
        "partitions: {tag: {resource: parents, field: tags, batch: 2}}}\n"
        for name, asked in kinds.items()
    )
    text = f"{HEAD.split('  - name: users')[0]}  - {{name: parents, path: parents}}\n{children}"

    def answer(asked: Asked) -> Answer:
        return Answer([{"tags": ["a", "b,c"]}] if asked.path == "/parents" else [{}])

    path = tmp_path / "c.yaml"
    with ApiServer(answer) as server:
        path.write_text(text.replace("BASE", server.origin), encoding="utf-8")
        summary = harvest(load_config(path), out=tmp_path / "out")
    assert [each.resource for each in summary.failures] == ["joined"]
    assert "a value of {tag} is 'b,c', and a batch is joined by commas" in summary.failures[0].error
    assert [dict(each.query).get("ids") for each in server.asked if each.query] == ["b,c"]
