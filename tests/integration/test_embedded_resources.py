"""Records inside records as resources of their own: without a request, and with children and
further pages of their own, harvested whole from a server, killed once and resumed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harvester import Harvest, harvest, load_config
from harvester.config.load import parse_config, parse_resolved
from harvester.errors import ConfigError, DataRefused
from harvester.page import Inside
from tests.api_server import Answer, ApiServer, Asked
from tests.killed_once import harvested

YAML = """
version: 1
name: blog
client: {base_url: BASE, retry: {attempts: 3, max_wait: 0.01}}
resource_defaults: {params: {full: 1}}
resources:
  - name: comments
    inside: {resource: posts, path: comments.data, include: {post_id: id, price: price}}
    key: id
  - name: posts
    path: "blogs/{blog}/posts"
    partitions: {blog: [a, b]}
    data_selector: data
    paginator: {type: page_number}
  - name: tags
    inside: {resource: comments, path: "tags[*].name"}
  - name: replies
    path: "blogs/{parent.blog}/posts/{comment.post_id}/comments/{comment}/replies"
    partitions: {comment: {resource: comments, field: id}}
    data_selector: $
  - name: further
    path: graphql
    method: POST
    json: {variables: {post: "{post}", after: "{last}"}}
    partitions:
      post:
        resource: posts
        field: id
        only: {path: comments.has_more, equals: true}
        include: {last: "comments.data[-1].id"}
    data_selector: data
    paginator:
      {type: cursor, cursor_path: end, cursor_body_path: variables.after, has_more_path: has_more}
"""


def comment(number: int) -> str:
    """A comment as its server writes it."""
    tags = f'[{{"name": "é"}}, {{"name": "t{number}"}}]'
    return f'{{"id": "c{number}",  "score":1.10, "tags": {tags}}}'


def post(number: int) -> str:
    """A post of two comments, which may have more; each third one has none."""
    if number % 3 == 0:
        return f'{{"id": {number}, "comments": null}}'
    found = ",".join(comment(number * 10 + each) for each in (1, 2))
    comments = f'{{"has_more": {str(number % 3 == 1).lower()}, "data": [{found}]}}'
    return f'{{"id": {number}, "price": 1.50, "comments": {comments}}}'


def answer(asked: Asked) -> Answer:
    """Two pages of three posts in each blog, the first of which has more comments than its page
    shows; a second page of these; and replies.
    """
    steps = asked.path.strip("/").split("/")
    if steps == ["graphql"]:
        variables = asked.json["variables"]
        first = variables["after"] == f"c{variables['post'] * 10 + 2}"
        found = {"id": f"{variables['post']}-{'x' if first else 'y'}"}
        return Answer({"data": [found], "end": found["id"], "has_more": first})
    if steps[-1] == "replies":
        return Answer({"of": asked.path})
    page, above = int(asked.params["page"]), 10 * (steps[1] == "b")
    numbers = range(above + page * 3 - 2, above + page * 3 + 1) if page < 3 else ()
    return Answer(text=f'{{"data": [{", ".join(map(post, numbers))}]}}')


def told(*words: str) -> Any:
    """What a command prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "harvester", *words], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def test_embedded_records_killed_once(tmp_path: Path) -> None:
    """Each comment comes once and as it was written, with what it includes of its post; each has
    its children; and only those posts that have more comments are asked for them.
    """
    found = harvested(tmp_path, YAML, answer, kill_at=9)
    numbers = [n * 10 + k for n in (1, 2, 4, 5, 11, 13, 14, 16) for k in (1, 2)]
    lines = [bytes(each).decode() for each in Harvest(found.out).records(resources=["comments"])]
    assert lines == [
        f'{{"post_id":{number // 10},"price":1.50,{comment(number)[1:]}' for number in numbers
    ]
    assert found.of("tags") == [name for number in numbers for name in ("é", f"t{number}")]
    replies = [f"/blogs/{'ab'[n > 100]}/posts/{n // 10}/comments/c{n}/replies" for n in numbers]
    assert sorted(each["of"] for each in found.of("replies")) == sorted(replies)
    further = sorted(each["id"] for each in found.of("further"))
    assert further == ["1-x", "1-y", "13-x", "13-y", "16-x", "16-y", "4-x", "4-y"]
    assert len(found.asked) <= 6 + 16 + 8 + 4  # as many were on their way
    state = told("status", str(found.out), "--json")
    assert [each["name"] for each in state["resources"]] == ["posts", "replies", "further"]
    assert state["embedded"] == [
        {"name": "comments", "inside": "posts", "complete": True},
        {"name": "tags", "inside": "comments", "complete": True},
    ]
    planned = told("plan", str(tmp_path / "harvest.yaml"), "--json")["resources"]
    assert (planned[0]["inside"], planned[0]["least_requests"]) == ("posts", 0)
    _tables(tmp_path, found.out)
    _generations(tmp_path, found.out)


def _tables(tmp_path: Path, out: Path) -> None:
    """They are tables: exported, appended to, and asked by SQL."""
    csv = tmp_path / "comments.csv"
    command = [sys.executable, "-m", "harvester"]
    subprocess.run([*command, "export", out, csv, "--resource", "comments"], check=True)
    first = csv.read_text(encoding="utf-8").splitlines()[:2]
    assert first[0].split(",")[:5] == ["_blog", "post_id", "price", "id", "score"]
    assert first[1].startswith("a,1,1.50,c11,1.10,")
    folder = tmp_path / "parquet"
    for added in ("16 records of comments", "0 records of comments added, 16 in all"):
        done = subprocess.run(
            [*command, "export", out, folder, "--append", "--resource", "comments"],
            capture_output=True,
            check=True,
        )
        assert added in done.stderr.decode()
    query = "SELECT count(*) AS n, count(DISTINCT post_id) AS posts FROM comments"
    assert told("sql", str(out), query, "--json") == {"n": 16, "posts": 8}


def _generations(tmp_path: Path, out: Path) -> None:
    """They are compared by their key after their pages came anew."""

    def changed(asked: Asked) -> Answer:
        return Answer(text=str(answer(asked).text).replace('"c11"', '"c10"'))

    with ApiServer(changed) as server:
        path = tmp_path / "again.yaml"
        path.write_text(YAML.replace("BASE", server.origin), encoding="utf-8")
        words = [
            "redo",
            str(path),
            "--out",
            str(out),
            "--resource",
            "comments",
            "--partition",
            "blog=a",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "harvester", *words], capture_output=True, check=False
        )
    assert done.returncode == 0, done.stderr
    compared = told("diff", str(out), "--resource", "comments", "--json")["resources"][0]
    assert (compared["new"], compared["gone"], compared["same"]) == (1, 1, 7)


PLAIN = """
version: 1
name: shop
client: {base_url: BASE}
resources:
  - {name: orders, path: orders, data_selector: orders}
"""
LINES = '{"orders": [{"id": 7, "lines": [1, {"id": 8}, {}]}, {"id": null, "lines": {}}, 5]}'


def test_declared_after_the_harvest(tmp_path: Path) -> None:
    """Another look at the same pages takes a run without a request, and may change at any time;
    what does not hold is said.
    """
    path, out = tmp_path / "c.yaml", tmp_path / "out"
    with ApiServer(lambda asked: Answer(text=LINES)) as server:

        def looked_at(inside: str) -> list[str]:
            text = f"{PLAIN}  - {{name: lines, inside: {{resource: orders, {inside}}}}}\n"
            path.write_text(text.replace("BASE", server.origin), encoding="utf-8")
            assert harvest(load_config(path), out=out).complete
            return [bytes(each).decode() for each in Harvest(out).records(resources=["lines"])]

        path.write_text(PLAIN.replace("BASE", server.origin), encoding="utf-8")
        assert harvest(load_config(path), out=out).complete
        assert looked_at("path: lines") == ["1", '{"id": 8}', "{}"]
        assert looked_at("path: lines, include: {order: id}") == [
            '{"order":7,"value":1}',
            '{"order":7,"id": 8}',
            '{"order":7}',
        ]
        assert looked_at("path: lines, only: {path: id, equals: 6}") == []
        for name in ("id", "value"):
            with pytest.raises(ConfigError, match=f"a member '{name}' of its own"):
                looked_at(f"path: lines, include: {{{name}: id}}")
        assert [each.kind for each in Harvest(out).status().doubts] == []
        assert looked_at("path: linse") == []
        assert [each.kind for each in Harvest(out).status().doubts] == ["inside_path"]
    assert len(server.asked) == 1
    done = subprocess.run(
        [sys.executable, "-m", "harvester", "records", str(out), "--resource", "lines"],
        capture_output=True,
        check=True,
    )
    assert "none of 3 records of orders holds any at linse" in done.stderr.decode()
    for only, told in ((7, "1 record of orders that inside.only lets"), (6, "lets none in")):
        text = f"path: linse, only: {{path: id, equals: {only}}}"
        written = path.read_text(encoding="utf-8").replace("path: linse", text)
        asked = parse_config(written, "c.yaml")
        looked = Inside([asked.embedded[0]])
        assert [*looked.of([b'{"id": 7}', b"5"])] == []
        assert told in looked.told


@pytest.mark.parametrize(
    ("page", "inside", "told"),
    [
        ([{"l": {"d": [{"x": 1}]}}, {}], "path: 'l.d[*].y'", "none of 2 records"),
        ([{"l": {"d": []}}, {"l": {"d": None}}, {"l": None}, {}], "path: 'l.d[*].y'", ""),
        ([{"l": {}}, {"l": ""}, {"l": False}], "path: l.d", ""),
        ([{"l": {}}, {"l": {"e": 1}}], "path: l.d", "none of 2 records"),
        ([{"m": 1}] * 10_001, "path: l", "none of the first 10,000 records"),
        ([{"m": 1}] * 2000 + [{"l": []}], "path: l", ""),
    ],
)
def test_a_path_is_doubted_where_something_else_stands(
    tmp_path: Path, page: Any, inside: str, told: str
) -> None:
    """Not where it only says that there is nothing."""
    path, out = tmp_path / "c.yaml", tmp_path / "out"
    text = f"{PLAIN}  - {{name: lines, inside: {{resource: orders, {inside}}}}}\n"
    with ApiServer(lambda asked: Answer({"orders": page})) as server:
        path.write_text(text.replace("BASE", server.origin), encoding="utf-8")
        doubts = harvest(load_config(path), out=out).doubts
    assert [told in each.told for each in doubts] == [True] * bool(told)


def test_what_is_included_of_none_is_said_once(tmp_path: Path) -> None:
    """With how many there were, however often an export looks through them."""
    path, out = tmp_path / "c.yaml", tmp_path / "out"
    lines = "{name: lines, inside: {resource: orders, path: lines, include: {o: idd}}}"
    with ApiServer(lambda asked: Answer(text=LINES)) as server:
        path.write_text(f"{PLAIN}  - {lines}\n".replace("BASE", server.origin), encoding="utf-8")
        assert harvest(load_config(path), out=out).complete
    done = subprocess.run(
        [sys.executable, "-m", "harvester", "export", str(out), str(tmp_path / "x.duckdb")],
        capture_output=True,
        check=True,
    )
    told = "lines: none of 1 record of orders that holds any has anything at idd (inside.include.o)"
    assert done.stderr.decode().count(told) == 1


def test_children_stay_where_they_came_from(tmp_path: Path) -> None:
    """Where embedded records have children, what they are is part of the question."""
    path, out = tmp_path / "c.yaml", tmp_path / "out"
    child = "  - {name: more, path: 'l/{l}', partitions: {l: {resource: lines, field: id}}}\n"
    with ApiServer(lambda asked: Answer(text=LINES)) as server:
        for place in ("lines", "items"):
            lines = f"  - {{name: lines, inside: {{resource: orders, path: {place}}}}}\n"
            text = f"{PLAIN}{lines}{child}".replace("BASE", server.origin)
            path.write_text(text, encoding="utf-8")
            if place == "lines":
                assert harvest(load_config(path), out=out).complete
        with pytest.raises(DataRefused, match=r"more\.partitions\.l: the records of 'lines'"):
            harvest(load_config(path), out=out)
        path.write_text(text.replace(": lines", ": things"), encoding="utf-8")
        with pytest.raises(DataRefused, match="came from lines id, come from things id"):
            harvest(load_config(path), out=out)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("{name: a, inside: {resource: odrers, path: x}}", "did you mean 'orders'"),
        ("{name: a, inside: {resource: a, path: x}}", "'a' would be inside itself"),
        ("{name: a, inside: {resource: orders, path: x..y}}", "not part of the streaming subset"),
        ("{name: a, inside: {resource: orders, pth: x}}", "unknown key 'pth'"),
        ("{name: a, inside: orders}", "expected a mapping"),
        ("{name: a, inside: {resource: orders, path: x}, params: {}}", "unknown key 'params'"),
        ("{name: orders, inside: {resource: orders, path: x}}", "is taken by"),
        ("{name: a, inside: {resource: files, path: x}}", "files, which have nothing inside"),
    ],
)
def test_what_is_amiss_is_named_with_its_line(tmp_path: Path, lines: str, message: str) -> None:
    """Each mistake in one clear line, with the file's line."""
    path = tmp_path / "c.yaml"
    files = "  - {name: files, path: f, format: raw}\n"
    path.write_text(f"{PLAIN.replace('BASE', 'http://x')}{files}  - {lines}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as error:
        load_config(path)
    assert ":8: resources[2]" in str(error.value)


def test_is_read_back(tmp_path: Path) -> None:
    """harvest.json holds it as the YAML does."""
    path = tmp_path / "c.yaml"
    path.write_text(YAML.replace("BASE", "http://127.0.0.1:1"), encoding="utf-8")
    written = load_config(path).reference_dict()
    again = parse_resolved(written, "harvest.json")
    assert again.reference_dict() == written
    assert [each.source.name for each in again.embedded] == ["posts", "posts"]
    assert again.named("replies").partition_keys == ["parent.blog", "comment"]
