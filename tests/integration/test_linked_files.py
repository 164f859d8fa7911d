"""Files that another resource's records name: harvested whole, killed once, resumed."""

import json
from pathlib import Path

import pytest

from harvester import harvest, load_config
from harvester.errors import ConfigError
from harvester.page.formats.raw_files import name_of
from harvester.replay import Replay
from harvester.store import read_pages
from tests.api_server import Answer, ApiServer, Asked
from tests.integration.test_format_harvests import harvested_with_a_kill
from tests.support import write_config

YAML = """
version: 1
name: papers
client:
  base_url: "http://127.0.0.1:1/"
  auth: {type: bearer, token: a-secret-token}
  retry: {attempts: 2, max_wait: 0}
  allowed_hosts: [%s]
resources:
  - {name: papers, path: papers, data_selector: items}
  - name: files
    format: raw
    url: "{file.url}"
    partitions: {file: {resource: papers, field: id}}
concurrency: {partitions: 1}
"""
BODIES = {"1": b"%PDF-1", "2": b"\x1f\x8bnot gzip", "3": b""}
EACH = (
    {"content_type": "application/pdf", "name": "a b.pdf"},
    {"content_type": "application/pdf", "name": "ü.pdf"},
)


def listed(asked: Asked) -> Answer:
    """The papers, with links of three kinds; the third redirects."""
    assert asked.headers["authorization"] == "Bearer a-secret-token"
    if asked.path == "/papers":
        links = {"1": "/files/a%20b.pdf?id=1", "2": f"{asked.origin}/files/x?id=2"}
        items = [{"id": key, "url": link} for key, link in links.items()]
        return Answer({"items": items})
    name = "attachment; filename=\"../../etc/pass\twd.pdf\"; filename*=UTF-8''..%2F%C3%BC.pdf"
    headers = {"Content-Type": "application/pdf", "Content-Disposition": name}
    if asked.params["id"] == "1":
        assert asked.target == "/files/a%20b.pdf?id=1"
        headers = {"Content-Type": "application/pdf"}
    return Answer(data=BODIES[asked.params["id"]], headers=headers)


def with_an_empty_one(asked: Asked) -> Answer:
    """The same files by relative links alone, and one of no bytes."""
    if asked.path != "/papers":
        return listed(asked)
    links = {"1": "/files/a%20b.pdf?id=1", "2": "/files/x?id=2", "3": "/files/y?id=3"}
    return Answer({"items": [{"id": key, "url": link} for key, link in links.items()]})


def test_killed_once_linked_files_are_whole(tmp_path: Path) -> None:
    """Each as it was sent; its type and its name, without a folder, are in the journal."""
    path = write_config(tmp_path, YAML % "")
    out = tmp_path / "out"
    harvested_with_a_kill(path, out, listed)
    found = {}
    for key in ("1", "2"):
        folder = out / f"files/file={key}"
        assert (folder / "part-000001.bin").read_bytes() == BODIES[key]
        [entry] = read_pages(folder)
        found[key] = entry.fields
    assert (found["1"], found["2"]) == EACH


def test_a_replay_of_files_is_harvested_again(tmp_path: Path) -> None:
    """With their types, which the YAML may name, and their names; an empty one, too."""
    text = (YAML % "").replace("format: raw", "format: {type: raw, content_types: application/pdf}")
    path = write_config(tmp_path, text)
    found = []
    with ApiServer(with_an_empty_one) as server:
        assert harvest(load_config(path, base_url=server.origin), out=tmp_path / "1").complete
    with Replay(tmp_path / "1") as replay:
        again = harvest(load_config(path, base_url=replay.origin), out=tmp_path / "2")
        assert again.complete, again.failures
    for key, body in BODIES.items():
        folder = tmp_path / f"2/files/file={key}"
        assert (folder / "part-000001.bin").read_bytes() == body
        found += [entry.fields for entry in read_pages(folder)]
    assert found == [*EACH, EACH[1]]


def elsewhere(asked: Asked) -> Answer:
    """Another host: what comes here has no credentials."""
    assert "authorization" not in asked.headers
    return Answer(data=b"elsewhere", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize("redirected", [False, True])
def test_other_hosts_get_no_credentials(tmp_path: Path, redirected: bool) -> None:
    """And are asked only if the YAML names them, by a record or by a redirect."""
    with ApiServer(elsewhere) as other:
        target = f"{other.origin.replace('127.0.0.1', 'localhost')}/x"

        def answer(asked: Asked) -> Answer:
            if asked.path == "/papers":
                link = f"{asked.origin}/moved" if redirected else target
                return Answer({"items": [{"id": 1, "url": link}]})
            return Answer(status=302, headers={"Location": target})

        with ApiServer(answer) as server:
            port = other.origin.rpartition(":")[2]
            refused = load_config(write_config(tmp_path, YAML % ""), base_url=server.origin)
            summary = harvest(refused, out=tmp_path / "out")
            assert summary.exit_code == 3
            assert "allowed_hosts" in summary.failures[0].error
            assert other.asked == []
            allowed = write_config(tmp_path, YAML % f'"localhost:{port}"')
            summary = harvest(load_config(allowed, base_url=server.origin), out=tmp_path / "out")
            assert summary.complete, summary.failures
    assert (tmp_path / "out/files/file=1/part-000001.bin").read_bytes() == b"elsewhere"


@pytest.mark.parametrize(
    ("disposition", "url", "name"),
    [
        ("", "https://x/a/b%2Fc.pdf?d=e/f", "c.pdf"),
        ("", "https://x/", ""),
        ("", "https://x/..%2f..", ""),
        ('attachment; filename="C:\\\\dir\\\\f.txt"', "https://x/y", "f.txt"),
        ("attachment; filename=\xc3\xa4.txt", "https://x/y", "ä.txt"),
        ("attachment; filename*=no-such''%ff", "https://x/y", "ÿ"),
        (";;;", "https://x/y", "y"),
        ('inline; filename="a\u202egpj.exe"', "https://x/y", "agpj.exe"),
    ],
)
def test_a_name_is_no_path(disposition: str, url: str, name: str) -> None:
    """Whatever a server calls a file."""
    assert name_of(disposition, url) == name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('path: files\n    url: "{file.url}"', "stands in the place of path"),
        ('url: "{file.url:%Y}"', "a member takes no format"),
        ('url: "{files.url}"', "files"),
        ("url: '{file.url}'\n    params: {a: '{file.start}'}", ""),
    ],
)
def test_what_is_wrong_with_a_url_is_said(tmp_path: Path, change: str, told: str) -> None:
    """At load, with the line."""
    path = write_config(tmp_path, (YAML % "").replace('url: "{file.url}"', change))
    if not told:
        members = load_config(path).resources[1].parents["file"]
        assert dict(members.include) == {"file.url": "['url']", "file.start": "['start']"}
        assert json.dumps(load_config(path).reference_dict()).count("{file.url}") == 1
        return
    with pytest.raises(ConfigError, match=told):
        load_config(path)
