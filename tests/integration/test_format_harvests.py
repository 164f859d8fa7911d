"""Harvests of each page format by the command line: whole, killed once, resumed, read back."""

import csv
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, load_config, verify
from harvester.replay import Replay
from tests.api_server import Answer, ApiServer, Asked
from tests.support import run, write_config

PAGES = 5
PER_PAGE = 4
YAML = """
version: 1
name: formats
client: {base_url: "http://127.0.0.1:1/", retry: {attempts: 2, max_wait: 0}}
resources:
  - name: items
    path: items
    %s
"""
NAMES = ["plain", 'comma, "quote"', "line\nbreak", "ünïcödé <&>"]
ROWS = [{"id": str(n), "name": NAMES[n % 4]} for n in range(PAGES * PER_PAGE)]


@dataclass(frozen=True)
class Served:
    """A format as a server serves it: how a page is written, and what the YAML says of it."""

    yaml: str
    suffix: str
    content_type: str
    body: Callable[[list[dict[str, str]], str], str]
    following: Callable[[int], Mapping[str, str]] = lambda page: {}
    page: Callable[[Asked], int] = lambda asked: int(asked.params.get("page", "1"))


def lines(rows: list[dict[str, str]], token: str) -> str:
    """JSON Lines."""
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def table(rows: list[dict[str, str]], token: str) -> str:
    """CSV as Excel writes it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("id", "name"))
    writer.writeheader()
    writer.writerows(rows)
    return "\ufeff" + text.getvalue()


def document(rows: list[dict[str, str]], token: str) -> str:
    """XML, with the token of the next page behind the records."""
    escaped = [row["name"].replace("&", "&amp;").replace("<", "&lt;") for row in rows]
    records = [f"<r id='{row['id']}'><name>{n}</name></r>" for row, n in zip(rows, escaped)]  # noqa: B905
    return f"<?xml version='1.0'?>\n<all><list>{''.join(records)}</list><next n='1'>{token}</next></all>"  # noqa: E501


def link(page: int) -> Mapping[str, str]:
    """A Link header to the next page."""
    return {"Link": f'</items?page={page + 1}>; rel="next"'} if page < PAGES else {}


SERVED = {
    "jsonl": Served(
        "format: jsonl\n    paginator: {type: header_link}",
        ".jsonl.gz", "application/x-ndjson", lines, following=link,
    ),
    "jsonl_last_id": Served(
        "format: jsonl\n    key: id\n"
        '    paginator: {type: keyset, cursor_path: "[-1].id", cursor_param: after}',
        ".jsonl.gz", "text/plain", lines,
        page=lambda asked: (int(asked.params.get("after", "-1")) + 1) // PER_PAGE + 1,
    ),
    "csv": Served(
        "format: csv\n    paginator: {type: offset, limit: 4}",
        ".csv.gz", "text/csv; charset=utf-8", table,
        page=lambda asked: int(asked.params["offset"]) // PER_PAGE + 1,
    ),
    "xml": Served(
        "format: xml\n    data_selector: all.list.r\n"
        "    paginator: {type: cursor, cursor_path: all.next, cursor_param: page}",
        ".xml.gz", "text/xml", document,
    ),
}  # fmt: skip


def answer_of(served: Served) -> Callable[[Asked], Answer]:
    """A server of five pages."""

    def answer(asked: Asked) -> Answer:
        page = served.page(asked)
        rows = ROWS[(page - 1) * PER_PAGE : page * PER_PAGE]
        token = str(page + 1) if page < PAGES else ""
        headers = {"Content-Type": served.content_type, **served.following(page)}
        return Answer(text=served.body(rows, token), headers=headers)

    return answer


def harvester(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command line."""
    return run([sys.executable, "-m", "harvester", *map(str, arguments)])


def killed_at(page: int, answer: Callable[[Asked], Answer]) -> tuple[Any, list[Any]]:
    """An answer that kills the process in the list before it gives a page the first time."""
    victims: list[Any] = []
    lock = threading.Lock()
    seen = 0

    def killing(asked: Asked) -> Answer:
        nonlocal seen
        with lock:
            seen += 1
            if seen == page:
                victims[0].kill()
                victims[0].wait()
        return answer(asked)

    return killing, victims


def harvested_with_a_kill(path: Path, out: Path, answer: Callable[[Asked], Answer]) -> None:
    """Run until the server kills the process, and again to the end."""
    killing, victims = killed_at(3, answer)
    with ApiServer(killing) as server:
        arguments = ["run", str(path), "--out", str(out), "--base-url", server.origin]
        process = subprocess.Popen([sys.executable, "-m", "harvester", *arguments], stderr=-3)
        victims.append(process)
        assert process.wait(60) == -9
        done = harvester(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]


@pytest.mark.parametrize("name", SERVED)
def test_killed_once_each_format_is_harvested_whole(name: str, tmp_path: Path) -> None:
    """Stored as sent, every record once; all that reads a harvest reads it."""
    served = SERVED[name]
    path = write_config(tmp_path, YAML % served.yaml)
    out = tmp_path / "out"
    harvested_with_a_kill(path, out, answer_of(served))
    part = out / f"items/part-000002{served.suffix}"
    token = "3"
    assert gzip.decompress(part.read_bytes()).decode() == served.body(ROWS[4:8], token)
    found = [json.loads(line) for line in harvester("records", out).stdout.splitlines()]
    assert [(each.get("id", each.get("@id")), each["name"]) for each in found] == [
        (row["id"], row["name"]) for row in ROWS
    ]
    assert verify(out, deep=True).as_dict()["problems"] == []
    status = json.loads(harvester("status", out, "--json").stdout)
    assert status["resources"][0]["records"] == len(ROWS)
    target = tmp_path / "all.csv"
    exported = harvester("export", out, target)
    assert exported.returncode == 0, exported.stderr
    with target.open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [row["name"] for row in ROWS]


@pytest.mark.parametrize("name", SERVED)
def test_a_replay_is_harvested_again(name: str, tmp_path: Path) -> None:
    """`serve` plays each format back as it was sent."""
    served = SERVED[name]
    path = write_config(tmp_path, YAML % served.yaml)
    with ApiServer(answer_of(served)) as server:
        assert harvest(load_config(path, base_url=server.origin), out=tmp_path / "a").complete
    with Replay(tmp_path / "a") as replay:
        again = harvest(load_config(path, base_url=replay.origin), out=tmp_path / "b")
    assert again.complete, again.failures
    assert [*iter_records(tmp_path / "a")] == [*iter_records(tmp_path / "b")]


@pytest.mark.parametrize("name", ["jsonl", "csv", "xml"])
def test_killed_once_a_format_that_only_the_server_says(name: str, tmp_path: Path) -> None:
    """Where the Content-Type names it, the YAML need not; a replay says it again."""
    served = SERVED[name]
    yaml = re.sub(r"format: \w+\n    ", "", served.yaml)
    path = write_config(tmp_path, YAML % yaml)
    out = tmp_path / "out"
    harvested_with_a_kill(path, out, answer_of(served))
    assert len([*out.glob(f"items/part-*{served.suffix}")]) >= PAGES
    assert len([*iter_records(out)]) == len(ROWS)
    assert verify(out, deep=True).as_dict()["problems"] == []
    with Replay(out) as replay:
        again = harvest(load_config(path, base_url=replay.origin), out=tmp_path / "b")
    assert again.complete, again.failures
    assert [*iter_records(out)] == [*iter_records(tmp_path / "b")]


@pytest.mark.parametrize("kind", ["text/xml", "text/csv", "application/x-ndjson", "text/html"])
def test_json_stays_json_whatever_it_is_sent_as(kind: str, tmp_path: Path) -> None:
    """Many servers send JSON as something else."""
    text, headers = '[{"id": 1},\n {"id": 2}]', {"Content-Type": kind}
    with ApiServer(lambda asked: Answer(text=text, headers=headers)) as server:
        path = write_config(tmp_path, YAML % "params: {}")
        summary = harvest(load_config(path, base_url=server.origin), out=tmp_path / "out")
    if kind == "application/x-ndjson":
        assert "JSON Lines" in summary.failures[0].error
        return
    assert summary.complete, summary.failures
    assert (tmp_path / "out/items/part-000001.json.gz").exists()


def test_killed_once_files_are_harvested_whole(tmp_path: Path) -> None:
    """`format: raw`: bytes as they are, gzip included, each with its size and SHA-256."""
    files = {str(n): gzip.compress(b"%d" % n) if n % 2 else b"\x89PNG\0%d" % n for n in range(5)}
    yaml = YAML % 'format: raw\n    params: {id: "{id}"}\n    partitions: {id: {range: [0, 4]}}'
    path = write_config(tmp_path, yaml + "concurrency: {partitions: 1}\n")

    def answer(asked: Asked) -> Answer:
        headers = {"Content-Type": "application/gzip"}
        return Answer(data=files[asked.params["id"]], headers=headers)

    out = tmp_path / "out"
    harvested_with_a_kill(path, out, answer)
    for name, body in files.items():
        assert (out / f"items/id={name}/part-000001.bin").read_bytes() == body
    found = [json.loads(line) for line in harvester("records", out).stdout.splitlines()]
    assert found == [
        {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()} for body in files.values()
    ]
    assert verify(out, deep=True).as_dict()["problems"] == []


def broken() -> Iterator[tuple[str, str, bytes, Mapping[str, str], str]]:
    """What is no page, and what is said of it."""
    plain = {"Content-Type": "text/csv"}
    yield "unclosed quote", "format: csv", b'a,b\n1,"2\n3,4\n', plain, "line 2 is not closed"
    yield "uneven", "format: csv", b"a,b\n1,2\n3\n", plain, "line 3 has one value, and there are 2"
    yield "latin-1", "format: csv", "a\nü\n".encode("latin-1"), plain, "encoding: latin-1"
    yield "html", "format: csv", b"<html>", {"Content-Type": "text/html"}, "is no CSV"
    yield "no header", "format: csv", b"", plain, "no header"
    bomb = b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>'
    yield "bomb", "format: xml", bomb, {}, "declarations of its own"
    outside = b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>&e;</a>'
    yield "outside", "format: xml", outside, {}, "never fetched"
    yield "cut", "format: xml", b"<a><b>", {}, "no element found (line 1, column 7)"
    yield "half a line", "format: jsonl", b'{"a": 1}\n{"a', {}, "line 2 is not one complete"
    yield "twice", "format: xml\n    data_selector: a.b.c", b"<a><b/><b/></a>", {}, "write b[*]"
    deep = b"<a>" * 300 + b"</a>" * 300
    yield "deep", "format: xml", deep, {}, "limits.depth"


@pytest.mark.parametrize("case", [*broken()], ids=lambda case: case[0])
def test_broken_pages_are_refused_in_words(
    case: tuple[str, str, bytes, Mapping[str, str], str], tmp_path: Path
) -> None:
    """With the place, nothing kept, exit code 3."""
    _, yaml, body, headers, told = case
    path = write_config(tmp_path, YAML % yaml)
    kind = {"Content-Type": "application/octet-stream", **headers}
    with ApiServer(lambda asked: Answer(data=body, headers=kind)) as server:
        done = harvester("run", path, "--out", tmp_path / "out", "--base-url", server.origin)
    assert done.returncode == 3, done.stderr
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not [*tmp_path.glob("out/items/part-*")]


class Unframed(BaseHTTPRequestHandler):
    """Ends a body by ending the connection."""

    def do_GET(self) -> None:
        """Two rows, or one of them: nobody knows."""
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.end_headers()
        self.wfile.write(b"a,b\r\n1,2\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Nothing."""


def test_what_nobody_knows_to_be_whole_is_refused(tmp_path: Path) -> None:
    """CSV that ends with the connection; unless the YAML says that this must do."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Unframed) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        arguments = ["--out", tmp_path / "out", "--base-url", url]
        path = write_config(tmp_path, YAML % "format: csv")
        done = harvester("run", path, *arguments)
        assert (done.returncode, "allow_unframed: true" in done.stderr) == (3, True), done.stderr
        write_config(tmp_path, YAML % "format: {type: csv, allow_unframed: true}")
        done = harvester("run", path, *arguments)
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert harvester("records", tmp_path / "out").stdout == '{"a":"1","b":"2"}\n'


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("application/json", b'[{"id": 1}]'), ("text/csv", b"id,name\n2,x\n")),
        (("application/json", b'[{"id": 1}]'), ("application/xml", b"<error>later</error>")),
        (("text/csv", b"id,name\n1,x\n"), ("application/json", b'{"error": "later"}')),
        (("text/csv", b"id,name\n1,x\n"), ("text/html", b"<html>Sign in</html>")),
    ],
)
def test_pages_of_a_partition_have_one_format(
    tmp_path: Path, first: tuple[str, bytes], second: tuple[str, bytes]
) -> None:
    """What comes in another format behind the first page is an error that was sent in its place."""

    def answered(asked: Asked) -> Answer:
        kind, body = first if asked.params.get("page", "1") == "1" else second
        return Answer(data=body, headers={"Content-Type": kind})

    path = write_config(tmp_path, YAML % "paginator: {type: page_number}")
    with ApiServer(answered) as server:
        summary = harvest(load_config(path, base_url=server.origin), out=tmp_path / "out")
    assert summary.exit_code == 3
    assert "which is no" in summary.failures[0].error
