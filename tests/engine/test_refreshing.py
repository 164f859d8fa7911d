"""Complete partitions are asked for again, and only what has changed comes."""

import gzip
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.engine.refreshing import is_other_version
from harvester.errors import ConfigError
from tests.support import config

YAML = """
version: 1
name: works
client: {{base_url: "http://127.0.0.1:1/", retry: {{attempts: 2, max_wait: 0.01}}}}
resources:
  - name: works
    path: works
    refresh: {{after: {after}, conditional: {conditional}}}
    {selector}
    key: id
    paginator: {paginator}
"""
NUMBERS = "{type: page_number, page_size: 2, page_size_param: size}"
LINKS = "{type: header_link}"


class Tagged(ThreadingHTTPServer):
    """Pages of two with an ETag each; answers 304 where it has not changed."""

    def __init__(self, *, links_in_304: bool = True) -> None:
        self.records: list[dict[str, Any]] = [{"id": n, "v": 0} for n in range(7)]
        self.asked: list[tuple[str, int]] = []
        self.links = links_in_304
        self.always_304 = False
        super().__init__(("127.0.0.1", 0), _Answering)
        self._listener = Thread(target=self.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/"

    def statuses(self) -> list[int]:
        """Of what was asked since the last time."""
        asked, self.asked = self.asked, []
        return [code for _, code in asked]

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._listener.join()
        self.server_close()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Tagged

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""

    def do_GET(self) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query))
        page = int(parameters.get("page", "1"))
        records = self.server.records
        found = json.dumps(records[2 * page - 2 : 2 * page]).encode()
        tag = f'"{hashlib.sha256(found).hexdigest()[:12]}"'
        asked = self.headers.get("If-None-Match")
        same = asked == tag or (self.server.always_304 and asked is not None)
        self.server.asked.append((self.path, 304 if same else 200))
        self.send_response(304 if same else 200)
        self.send_header("ETag", tag)
        if 2 * page < len(records) and (not same or self.server.links):
            self.send_header("Link", f'<{self.server.base_url}works?page={page + 1}>; rel="next"')
        body = b"" if same else gzip.compress(found)
        if not same:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def yaml(after: str = "0s", conditional: str = "true", paginator: str = LINKS) -> str:
    """The configuration."""
    return YAML.format(after=after, conditional=conditional, paginator=paginator, selector="")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("paginator", [NUMBERS, LINKS])
def test_what_has_not_changed_costs_no_body(paginator: str, links: bool, tmp_path: Path) -> None:
    """And what has becomes part of the next generation; the old one stays readable."""
    out = tmp_path / "out"
    with Tagged(links_in_304=links) as server:
        asked = config(tmp_path, yaml(paginator=paginator), server.base_url)
        assert harvest(asked, out=out).complete
        pages = len(server.statuses())
        assert harvest(asked, out=out).complete
        assert set(server.statuses()) == {304}
        assert [json.loads(each) for each in iter_records(out)] == server.records
        before = [dict(each) for each in server.records]
        server.records[3]["v"] = 1
        assert harvest(asked, out=out).complete
        told = server.statuses()
    assert told.count(200) == 1
    assert len(told) == pages
    assert [json.loads(each) for each in iter_records(out)] == server.records
    assert [json.loads(each) for each in iter_records(out, generation=2)] == before
    assert status(out).complete
    assert verify(out, deep=True).ok


def test_new_pages_behind_those_that_are_kept(tmp_path: Path) -> None:
    """The last page changes, and leads on."""
    out = tmp_path / "out"
    with Tagged() as server:
        asked = config(tmp_path, yaml(), server.base_url)
        harvest(asked, out=out)
        server.records += [{"id": n, "v": 0} for n in range(7, 12)]
        server.statuses()
        assert harvest(asked, out=out).complete
        assert server.statuses() == [304, 304, 304, 200, 200, 200]
    assert [json.loads(each)["id"] for each in iter_records(out)] == list(range(12))


def test_unconditional_and_not_due(tmp_path: Path) -> None:
    """Everything comes again once it is old enough, and nothing before."""
    out = tmp_path / "out"
    with Tagged() as server:
        asked = config(tmp_path, yaml("7d", "false"), server.base_url)
        harvest(asked, out=out)
        server.statuses()
        harvest(asked, out=out)
        assert server.statuses() == []
        asked = config(tmp_path, yaml("0s", "false"), server.base_url)
        harvest(asked, out=out)
        assert server.statuses() == [200] * 4


def test_a_refresh_that_is_cut_short_goes_on(tmp_path: Path) -> None:
    """The old generation counts until the new one is complete."""
    out = tmp_path / "out"
    with Tagged() as server:
        asked = config(tmp_path, yaml(), server.base_url)
        harvest(asked, out=out)
        before = [dict(each) for each in server.records]
        server.records[0]["v"] = server.records[6]["v"] = 1
        server.statuses()
        harvest(asked, out=out, max_pages=2)
        assert [json.loads(each) for each in iter_records(out)] == before
        assert harvest(asked, out=out).complete
        assert server.statuses() == [200, 304, 304, 200]
    assert [json.loads(each) for each in iter_records(out)] == server.records


def test_a_stored_page_that_is_damaged_is_asked_for_whole(tmp_path: Path) -> None:
    """A 304 keeps no page that cannot be read."""
    out = tmp_path / "out"
    with Tagged() as server:
        asked = config(tmp_path, yaml(), server.base_url)
        harvest(asked, out=out)
        part = out / "works" / "part-000002.json.gz"
        data = bytearray(part.read_bytes())
        data[-6] ^= 0xFF  # in the CRC
        part.write_bytes(data)
        server.statuses()
        assert harvest(asked, out=out).complete
        assert server.statuses() == [304, 304, 200, 304, 304]
    assert [json.loads(each) for each in iter_records(out)] == server.records


def test_a_304_of_another_version_is_not_believed(tmp_path: Path) -> None:
    """A cache that answers 304 to all that has a validator, with the ETag of today's page."""
    out = tmp_path / "out"
    with Tagged() as server:
        asked = config(tmp_path, yaml(), server.base_url)
        harvest(asked, out=out)
        server.always_304 = True
        server.records[3]["v"] = 1
        server.statuses()
        assert harvest(asked, out=out).complete
        assert server.statuses() == [304, 304, 200, 304, 304]
    assert [json.loads(each) for each in iter_records(out)] == server.records


@pytest.mark.parametrize(
    ("asked", "told", "other"),
    [
        ('"a"', '"a"', False),
        ('W/"a"', '"a"', False),
        ('"a-gzip"', '"a"', False),
        ('"a;br"', 'W/"a"', False),
        ('"a"', '"b"', True),
        ('W/"a"', 'W/"b"', True),
        ('"a"', "", False),
        ("", '"b"', False),
    ],
)
def test_which_304_is_of_another_version(asked: str, told: str, other: bool) -> None:
    """Weak or strong, with what a server adds to the tag of a compressed body or without."""
    assert is_other_version(asked or None, told or None) is other


def test_what_is_not_refreshed(tmp_path: Path) -> None:
    """Said when the YAML is read."""
    more = yaml().replace(
        "    key: id", "    incremental: {cursor_path: '[*].v', param: s, initial_value: 1}"
    )
    with pytest.raises(ConfigError, match="ask for what is new by themselves"):
        config(tmp_path, more, "http://127.0.0.1:1/")
