"""Harvests in an object store, by the command line, over HTTP: a real S3 server on loopback."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pandas
import pytest

from harvester import Summary, harvest, iter_records, load_config, status, verify
from harvester.errors import DataRefused
from harvester.export import copy
from harvester.model import Shard
from harvester.store import ObjectStore
from tests.object_servers import Azure
from tests.s3_server import S3
from tests.support import Reply, Scripted

PAGES = 6
YAML = """
version: 1
name: shop
client: {base_url: "BASE"}
resource_defaults:
  data_selector: data
  paginator: {type: page_number, page_param: page}
resources:
  - name: items
    path: items
    params: {shelf: "{shelf}"}
    partitions: {shelf: {file: shelves.csv, column: name}}
  - name: all
    path: all
output: {path: "URL"}
"""


@pytest.fixture
def s3(moto: S3) -> S3:
    """The S3 server."""
    return moto


def answer(path: str, asked: Mapping[str, str]) -> Reply:
    """Six pages of three records each, then none."""
    page = int(asked.get("page", "1"))
    shelf = asked.get("shelf", "")
    records = [{"id": page * 10 + n, "shelf": shelf} for n in range(3)] if page <= PAGES else []
    return Reply({"data": records})


class Place:
    """A folder to work in, a bucket, and an API."""

    def __init__(self, folder: Path, s3: S3 | Azure, api: Scripted) -> None:
        self.folder, self.s3, self.api = folder, s3, api
        self.bucket, _, _ = s3.place().removeprefix(s3.scheme).partition("/")
        self.url = f"{s3.scheme}{self.bucket}/deep/shop"
        self.yaml = folder / "shop.yaml"
        self.yaml.write_text(YAML.replace("BASE", api.base_url).replace("URL", self.url))
        (folder / "shelves.csv").write_text("name\na\nb/ä\n")
        self.env = {**os.environ, **s3.env, "XDG_STATE_HOME": str(folder / "state")}

    def __call__(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "harvester", *arguments],
            cwd=self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def elsewhere(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same on another machine: one that has nothing of the harvest."""
        return self(*arguments, XDG_STATE_HOME=str(self.folder / "other"))

    def objects(self) -> dict[str, bytes]:
        """All that is in the bucket."""
        store = ObjectStore(f"{self.s3.scheme}{self.bucket}", self.s3.options)
        bucket = store._bucket
        found = [each for answer in bucket.listing("") for each in answer]
        return {each.key: bucket.get(each.key) or b"" for each in found}


@pytest.fixture
def place(tmp_path: Path, s3: S3) -> Iterator[Place]:
    """Each test's own."""
    with Scripted(answer) as api:
        yield Place(tmp_path, s3, api)


def test_every_verb_reads_the_url(place: Place) -> None:
    """Another machine knows nothing but the URL, and what is in its environment."""
    first = place("run", "shop.yaml")
    assert first.returncode == 0, first.stderr
    assert "Complete: 3 partitions, 21 pages, 54 records." in first.stderr
    asked = len(place.api.asked)
    assert place("run", "shop.yaml").returncode == 0
    assert len(place.api.asked) == asked
    for verb in ("status", "verify"):
        said = place.elsewhere(verb, place.url, "--json")
        assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {"ok": True, "parts": 21, "problems": []}
    records = place.elsewhere("records", place.url, "--resource", "items")
    assert [json.loads(line)["shelf"] for line in records.stdout.splitlines()] == (
        ["a"] * 18 + ["b/ä"] * 18
    )
    exported = place.elsewhere("export", place.url, "items.parquet", "--resource", "items")
    assert exported.returncode == 0, exported.stderr
    counted = duckdb.connect().execute(f"SELECT count(*) FROM '{place.folder}/items.parquet'")
    assert counted.fetchall() == [(36,)]
    report = place.elsewhere("report", place.url)
    assert (report.returncode, report.stdout.strip()) == (0, "shop-report.html"), report.stderr
    assert "54" in (place.folder / "shop-report.html").read_text()
    repaired = place.elsewhere("repair", place.url)
    assert repaired.returncode == 0, repaired.stderr
    assert not [key for key in place.objects() if key.endswith(".lock") or "probe" in key]


@pytest.mark.parametrize("server", ["seaweed", "azurite"])
def test_other_servers(request: pytest.FixtureRequest, tmp_path: Path, server: str) -> None:
    """A harvest that is stopped, gone on with and read, where a store is another program."""
    there: S3 | Azure = request.getfixturevalue(server)
    with Scripted(answer) as api:
        place = Place(tmp_path, there, api)
        assert place("run", "shop.yaml", "--max-pages", "4").returncode == 4
        ran = place.elsewhere("run", "shop.yaml")
        assert "Complete: 3 partitions, 21 pages, 54 records." in ran.stderr, ran.stderr
        store = ObjectStore(place.url, there.options)
        found = verify(store, deep=True)
        assert (found.ok, found.parts) == (True, 21), found.problems
        assert len([*iter_records(store)]) == 54
        assert len(api.asked) == 21


def test_azure_as_it_is_written(azurite: Azure, tmp_path: Path) -> None:
    """By keys of the YAML, by the portal's connection string; without any, one is named."""
    with Scripted(answer) as api:
        place = Place(tmp_path, azurite, api)
        place.env = {key: text for key, text in place.env.items() if not key.startswith("AZURE_")}
        said = place("status", place.url)
        assert (said.returncode, "set AZURE_STORAGE_ACCOUNT_NAME" in said.stderr) == (2, True)
        account = azurite.env["AZURE_STORAGE_ACCOUNT_NAME"]
        key = azurite.env["AZURE_STORAGE_ACCOUNT_KEY"]
        options = f', endpoint: "{azurite.endpoint}", account_name: {account}, account_key: "KEY"}}'
        text = place.yaml.read_text().removesuffix("}\n") + options.replace("KEY", "{env.HUSH}")
        place.yaml.write_text(text)
        ran = place("run", "shop.yaml", HUSH=key)
        assert ran.returncode == 0, ran.stderr
        connection = f"AccountName={account};AccountKey={key};BlobEndpoint={azurite.endpoint};"
        said = place("status", place.url, AZURE_STORAGE_CONNECTION_STRING=connection)
        assert said.returncode == 0, said.stderr


def test_redo_in_the_bucket(place: Place) -> None:
    """The next generation lies behind the one before; no object is replaced or removed."""
    assert place("run", "shop.yaml").returncode == 0
    before = place.objects()
    again = place.elsewhere("redo", place.url, "--resource", "items", "--partition", "shelf=a")
    assert again.returncode == 0, again.stderr
    after = place.objects()
    parts = {key: data for key, data in before.items() if "/part-" in key}
    assert {key: after[key] for key in parts} == parts
    assert len([key for key in after if "shelf=a/part-" in key]) == 2 * (PAGES + 1) + 1
    records = place.elsewhere("records", place.url, "--resource", "items")
    assert len(records.stdout.splitlines()) == 36
    assert place.elsewhere("verify", place.url, "--deep").returncode == 0


def test_duckdb_reads_the_parts_by_glob(place: Place) -> None:
    """Each record once, whatever lies behind the pages; and plain gzip does."""
    fsspec = pytest.importorskip("obstore.fsspec")
    assert place("run", "shop.yaml").returncode == 0
    connection = duckdb.connect()
    options = {**place.s3.options, "client_options": {"allow_http": True}}

    class Bucket(fsspec.FsspecStore):  # type: ignore[name-defined,misc]
        """Globs by names without the scheme, as fsspec 2026.9 compares them."""

        def glob(self, path: str, **options: Any) -> list[str]:
            found: list[str] = super().glob(path.removeprefix("s3://"), **options)
            return found

    connection.register_filesystem(Bucket("s3", **options))
    parts = f"{place.url}/items/**/part-*.json.gz"
    found = connection.execute(
        f"SELECT count(*), count(DISTINCT r.id) FROM (SELECT unnest(data) AS r FROM "
        f"read_json('{parts}', hive_partitioning = false))"
    ).fetchall()
    assert found == [(36, 18)]
    for key, data in place.objects().items():
        if "/part-" in key:
            assert json.loads(gzip.decompress(data)), key
            assert pandas.read_json(io.BytesIO(data), compression="gzip") is not None


@pytest.mark.parametrize("after", [2, 9])
def test_killed_and_gone_on_with_elsewhere(place: Place, after: int) -> None:
    """SIGKILL, then the same line on another machine: each page once, one asked again at most for
    each partition that was under way.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "harvester", "run", "shop.yaml", "--progress", "none"],
        cwd=place.folder,
        env=place.env,
    )
    end = time.monotonic() + 60
    while len(place.api.asked) < after and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    second = place.elsewhere("run", "shop.yaml")
    assert second.returncode == 0, second.stderr
    assert len(place.api.asked) <= 21 + 3
    assert json.loads(place("verify", place.url, "--json", "--deep").stdout)["parts"] == 21
    records = place("records", place.url, "--resource", "all").stdout.splitlines()
    assert [json.loads(line)["id"] for line in records] == [
        page * 10 + n for page in range(1, PAGES + 1) for n in range(3)
    ]


def test_nothing_secret_in_the_bucket(place: Place) -> None:
    """Keys of the YAML reach the store, and stay out of all that is written."""
    place.yaml.write_text(
        place.yaml.read_text().replace(
            f'{{path: "{place.url}"}}',
            f'{{path: "{place.url}", endpoint: "{{env.AT}}", region: us-east-1,'
            ' access_key_id: "{env.WHO}", secret_access_key: "{env.SHH}"}',
        )
    )
    place.env = {key: value for key, value in place.env.items() if not key.startswith("AWS_")}
    keys = {"AT": place.s3.endpoint, "WHO": "AKIAEXAMPLE", "SHH": "hush-hush-hush"}
    ran = place("run", "shop.yaml", **keys)
    assert ran.returncode == 0, ran.stderr
    assert place("status", "shop.yaml", **keys).returncode == 0
    for key, data in place.objects().items():
        text = gzip.decompress(data) if key.endswith(".gz") else data
        for secret in (b"hush-hush-hush", b"AKIAEXAMPLE"):
            assert secret not in text + data, key
    assert b"{env.SHH}" in place.objects()["deep/shop/harvest.json"]


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("s3://no-such-bucket-here/x", 2, "there is no such bucket"),
        ("s3://x", 2, "there is no such bucket"),
        ("s3://", 2, "names no bucket"),
        ("BUCKET/nothing", 5, "no harvest.json here"),
    ],
)
def test_what_a_wrong_url_says(place: Place, url: str, code: int, told: str) -> None:
    """One clear line, for readers and for a run."""
    said = place("status", url.replace("BUCKET", f"s3://{place.bucket}"))
    assert (said.returncode, told in said.stderr) == (code, True), said.stderr
    assert "Traceback" not in said.stderr
    if code == 2:
        ran = place("run", "shop.yaml", "--out", url)
        assert (ran.returncode, told in ran.stderr) == (2, True), ran.stderr
        assert place.api.asked == []


def test_a_part_that_is_gone(place: Place) -> None:
    """A lifecycle rule removed one: `verify` says so, `status` changes nothing, `repair` mends."""
    assert place("run", "shop.yaml").returncode == 0
    before = place.objects()
    ObjectStore(place.url, place.s3.options)._bucket.delete("all/part-000003.json.gz")
    for verb in ("verify", "status"):
        said = place(verb, place.url)
        assert said.returncode == 5, said.stderr
        assert "part 3 is missing" in said.stdout + said.stderr
    assert place.objects().keys() == before.keys() - {"deep/shop/all/part-000003.json.gz"}
    assert place("repair", place.url).returncode == 0
    assert place.objects().keys() == before.keys()
    assert place("verify", place.url, "--deep").returncode == 0


def test_someone_elses_prefix(place: Place) -> None:
    """Objects that are no harvest's are left alone."""
    ObjectStore(place.url, place.s3.options).write("other.txt", b"mine")
    said = place("run", "shop.yaml")
    assert said.returncode == 5
    assert "holds 'other.txt' but no harvest.json" in said.stderr
    assert [*place.objects()] == ["deep/shop/other.txt"]


def test_copied_there_and_back(place: Place) -> None:
    """From a folder that is not complete to the bucket, more of it later, and into a new folder."""
    folder = place.folder / "here"
    first = place("run", "shop.yaml", "--out", str(folder), "--max-pages", "2")
    assert first.returncode == 4, first.stderr
    copied = place("copy", "here", place.url, "--json")
    assert copied.returncode == 0, copied.stderr
    assert json.loads(copied.stdout) | {"stored_bytes": 0} == {
        "partitions": 3, "pages": 6, "copied": 6, "stored_bytes": 0,
    }  # fmt: skip
    assert place("run", "shop.yaml", "--out", str(folder)).returncode == 0
    copied = place("copy", "here", place.url, "--json")
    assert (copied.returncode, json.loads(copied.stdout)["copied"]) == (0, 15), copied.stderr
    asked = len(place.api.asked)
    assert place.elsewhere("run", "shop.yaml").returncode == 0
    assert len(place.api.asked) == asked
    back = place.elsewhere("copy", place.url, "back")
    assert (back.returncode, "21 pages of 3 partitions" in back.stdout) == (0, True), back.stderr
    for there in ("here", place.url, "back"):
        assert place("verify", there, "--deep").returncode == 0
    assert place("records", "back").stdout == place("records", "here").stdout


def test_a_copy_that_is_stopped_goes_on(place: Place) -> None:
    """Killed, or told to end by another partition's damage, it is a harvest; the same line ends it.

    Partitions are copied side by side to a bucket.
    """
    assert place("run", "shop.yaml", "--out", "here").returncode == 0
    part = next((place.folder / "here").glob("items/*/part-000004.json.gz"))
    sound = part.read_bytes()
    part.write_bytes(sound[:-1] + b"?")
    said = place("copy", "here", place.url)
    assert (said.returncode, "part-000004.json.gz: is not as" in said.stderr) == (5, True)
    assert "Traceback" not in said.stderr
    assert place("verify", place.url).returncode == 0
    part.write_bytes(sound)
    said = place("copy", "here", place.url, "--progress", "none")
    assert (said.returncode, "21 pages of 3 partitions" in said.stdout) == (0, True), said.stderr
    assert place("records", place.url).stdout == place("records", "here").stdout


def test_what_is_not_copied(place: Place) -> None:
    """Another harvest's place, a damaged page, two that have gone on each its own way."""
    assert place("run", "shop.yaml", "--out", "here").returncode == 0
    assert place("run", "shop.yaml", "--out", "other").returncode == 0
    said = place("copy", "here", "other")
    assert (said.returncode, "holds another harvest" in said.stderr) == (5, True)
    said = place("copy", "here", "here/inside")
    assert (said.returncode, "lies inside" in said.stderr) == (5, True)
    part = place.folder / "here" / "all" / "part-000002.json.gz"
    sound = part.read_bytes()
    part.write_bytes(sound[:-1] + b"?")
    said = place("copy", "here", "new")
    assert (said.returncode, "part-000002.json.gz: is not as" in said.stderr) == (5, True)
    part.write_bytes(sound)
    assert place("copy", "here", "new").returncode == 0
    assert place("redo", "new", "--resource", "all").returncode == 0
    said = place("copy", "here", "new")
    assert (said.returncode, "has gone on without" in said.stderr) == (5, True), said.stderr


def counting(endpoint: str, counts: Counter[str]) -> ThreadingHTTPServer:
    """A proxy before the S3 server, which counts the kinds of requests."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            listed = self.command == "GET" and "list-type" in self.path
            counts["LIST" if listed else self.command] += 1
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            upstream = HTTPConnection(urlsplit(endpoint).netloc)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                    self.send_header(name, value)
            length = answer.getheader("content-length") if self.command == "HEAD" else None
            self.send_header("content-length", length or str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            upstream.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_what_a_page_costs(tmp_path: Path, s3: S3) -> None:
    """One put a page, one for each hundred; nothing is listed or read for a page."""
    pages, counts = 230, Counter[str]()
    proxy = counting(s3.endpoint, counts)
    options = {**s3.options, "endpoint": f"http://127.0.0.1:{proxy.server_port}"}
    store = ObjectStore(f"s3://{s3.bucket()}/counted", options)
    text = YAML.replace("URL", "out").partition("  - name: items")[0] + "  - {name: all, path: all}"
    with Scripted(lambda _, asked: many(int(asked.get("page", "1")), pages)) as api:
        path = tmp_path / "counted.yaml"
        path.write_text(text.replace("BASE", api.base_url))
        assert harvest(load_config(path), out=store).resources[0].pages == pages + 1
    proxy.shutdown()
    proxy.server_close()
    assert pages <= counts["PUT"] <= 1.02 * pages + 8, counts
    # At the end of the run each partition is read once: its segments, and the parts behind them.
    behind = (pages + 1) % 100
    assert counts["GET"] + counts["LIST"] + counts["HEAD"] <= behind + 14, counts


SHELVES = """
version: 1
name: shelves
client: {base_url: "BASE"}
concurrency: {partitions: 16}
resources:
  - name: items
    path: items
    params: {shelf: "{shelf}"}
    partitions: {shelf: {range: [1, 200]}}
    data_selector: data
    paginator: {type: page_number, page_param: page, stop_after_short_page: true, page_size: 2}
"""


def test_what_partitions_cost(tmp_path: Path, s3: S3) -> None:
    """New ones cost their puts alone. Of finished ones there is one listing for all, and one read
    each: in a rerun, of a share, and for `status`. What is damaged, gone or not finished is found
    as ever.
    """
    counts = Counter[str]()
    proxy = counting(s3.endpoint, counts)
    options = {**s3.options, "endpoint": f"http://127.0.0.1:{proxy.server_port}"}
    url = f"s3://{s3.bucket()}/counted"
    bucket = ObjectStore(url, s3.options)._bucket

    def shelf(_: str, asked: Mapping[str, str]) -> Reply:
        """One short page, or two pages."""
        has_two = int(asked["shelf"]) > 150 and asked["page"] == "1"
        return Reply({"data": [{"id": number} for number in range(1 + has_two)]})  # a doubt

    with Scripted(shelf) as api:
        path = tmp_path / "shelves.yaml"
        path.write_text(SHELVES.replace("BASE", api.base_url))
        config = load_config(path)
        first = harvest(config, out=ObjectStore(url, options))
        assert (first.complete, len(api.asked)) == (True, 250)
        assert counts["PUT"] <= 250 + 8, counts
        assert counts["GET"] + counts["LIST"] + counts["HEAD"] <= 14, counts
        told = first.as_dict()
        assert told == status(ObjectStore(url, s3.options)).as_dict() | {"run": told["run"]}

        def again(shard: Shard | None = None) -> Summary:
            return harvest(config, out=ObjectStore(url, options), shard=shard)

        looks: list[tuple[str, Callable[[], Summary], int]] = [
            ("run", again, 200),
            ("status", lambda: status(ObjectStore(url, options)), 200),
            ("share", lambda: again(shard=Shard(1, 4)), 50),
        ]
        for name, look, partitions in looks:
            counts.clear()
            summary = look()
            found = summary.resources[0].partitions
            assert (summary.complete, found.complete) == (True, partitions), name
            assert name == "share" or summary.resources[0].records == 300
            assert counts["LIST"] <= 4 + 2 * (name == "share"), (name, counts)
            assert counts["GET"] + counts["HEAD"] <= partitions + 12, (name, counts)
        assert len(api.asked) == 250
        counts.clear()
        assert verify(ObjectStore(url, options)).as_dict()["parts"] == 250
        assert counts["LIST"] <= 4, counts
        assert counts["GET"] + counts["HEAD"] <= 200 + 250 + 8, counts  # each part is looked at
        counts.clear()
        other = ObjectStore(f"s3://{s3.bucket()}/copied", options)
        assert copy(ObjectStore(url, options), other).pages == 250
        assert (counts["LIST"] <= 8, counts["PUT"] <= 250 + 10) == (True, True), counts
        bucket.delete("items/shelf=7/part-000001.json.gz")
        sound = bucket.get("items/shelf=9/part-000001.json.gz") or b""
        summary = status(ObjectStore(url, options))
        assert (summary.resources[0].partitions.pending, summary.complete) == (1, False)
        bucket.replace("items/shelf=9/part-000001.json.gz", sound[:-1] + b"?")
        for look in (lambda: status(ObjectStore(url, options)), again):
            with pytest.raises(DataRefused, match=r"shelf=9/part-000001\.json\.gz: holds no line"):
                look()
        assert [each.path for each in verify(ObjectStore(url, options)).problems] == [
            "items/shelf=9/journal.jsonl"
        ]
        bucket.replace("items/shelf=9/part-000001.json.gz", sound)
        bucket.create("items/shelf=201/part-000001.json.gz", sound)
        assert [each.path for each in verify(ObjectStore(url, options)).problems] == [
            "items/shelf=201"
        ]
        assert again().complete
        assert {asked["shelf"] for asked in api.asked[250:]} == {"7"}
    proxy.shutdown()
    proxy.server_close()


FAMILY = (
    SHELVES.replace("range: [1, 200]", "range: [1, 20]")
    + """
  - name: kids
    path: kids
    params: {of: "{of}"}
    partitions: {of: {resource: items, field: id}}
    data_selector: data
"""
)


@pytest.mark.parametrize("more", ["", ", processes: 2"])
def test_what_parents_cost(tmp_path: Path, s3: S3, more: str) -> None:
    """Their lines are read once, if at all: by a run that has put them, by one that passes them
    over, by `status`. Their pages are read for the children's names.
    """
    counts = Counter[str]()
    proxy = counting(s3.endpoint, counts)
    url = f"s3://{s3.bucket()}/family"

    def family(_: str, asked: Mapping[str, str]) -> Reply:
        return Reply({"data": [{"id": f"of-{asked.get('shelf') or asked['of']}"}]})

    with Scripted(family) as api:
        place = Place(tmp_path, s3, api)
        place.env["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{proxy.server_port}"
        text = FAMILY.replace("BASE", api.base_url).replace(
            "partitions: 16", f"partitions: 8{more}"
        )
        place.yaml.write_text(text)
        lists = 9 + 20 * bool(more)  # where another process has put the parent, that is looked at
        for verb, most, gets in (("run", lists, 90), ("run", 7, 120), ("status", 2, 70)):
            counts.clear()
            said = place(verb, *(("shop.yaml", "--out", url) if verb == "run" else (url,)))
            assert said.returncode == 0, said.stderr
            assert counts["LIST"] <= most, (verb, counts)
            assert counts["GET"] + counts["HEAD"] <= gets, (verb, counts)
        assert len(api.asked) == 40
    proxy.shutdown()
    proxy.server_close()


def many(page: int, pages: int) -> Reply:
    """One record a page, then none."""
    return Reply({"data": [{"id": page}] if page <= pages else []})


def test_plan_says_what_it_costs(tmp_path: Path, s3: S3) -> None:
    """In words and in JSON; of a folder there is nothing to say."""
    path = tmp_path / "c.yaml"
    text = YAML.replace("BASE", "http://127.0.0.1:9/").replace(
        "{file: shelves.csv, column: name}", "[a, b]"
    )
    path.write_text(text.replace("URL", f"s3://{s3.bucket()}/x"))
    env = {**os.environ, **s3.env}
    told = subprocess.run([sys.executable, "-m", "harvester", "plan", str(path), "--json"],
                          capture_output=True, text=True, check=True, env=env)  # fmt: skip
    store = json.loads(told.stdout)["store"]
    assert (store["puts_per_page"], store["dollars_per_million_pages"]) == (1.0111, 5.06)
    assert store["least_puts"] == 3 + 8
    raw = text.replace("  data_selector: data\n", "").replace("URL", f"s3://{s3.bucket()}/x")
    single = "name: all\n    format: raw\n    paginator: {type: single_page}\n"
    path.write_text(raw.replace("name: all\n", single))
    told = subprocess.run([sys.executable, "-m", "harvester", "plan", str(path)],
                          capture_output=True, text=True, check=True, env=env)  # fmt: skip
    said = " ".join(told.stdout.split())
    assert "13 PUTs at least" in said, said
    assert "1.011 PUT (a file as it came 3.011) and no GET" in said
    path.write_text(text.replace("URL", "out"))
    told = subprocess.run([sys.executable, "-m", "harvester", "plan", str(path), "--json"],
                          capture_output=True, text=True, check=True, env=env)  # fmt: skip
    assert "store" not in json.loads(told.stdout)
