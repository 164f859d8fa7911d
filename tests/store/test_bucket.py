"""What is said where an object store does not do what a harvest needs; over HTTP, on loopback."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import pytest

from harvester.errors import ConfigError, Interrupted
from harvester.store import ObjectStore, clients
from harvester.store.bucket import Bucket

EMPTY = (
    b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
)


class Careless(BaseHTTPRequestHandler):
    """An object store that overwrites whatever is put; `status` is what it answers instead."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    refusal: tuple[int, bytes] | None = None

    def do_GET(self) -> None:
        """An object, or the list of none."""
        if "list-type" in self.path:
            self._say(200, EMPTY)
        elif self.path in self.objects:
            self._say(200, self.objects[self.path])
        else:
            self._say(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.do_GET()

    def do_PUT(self) -> None:
        """Put, whatever there is."""
        self.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._say(200, b"")

    def do_DELETE(self) -> None:
        """Delete one."""
        self.objects.pop(self.path, None)
        self._say(204, b"")

    def _say(self, status: int, body: bytes) -> None:
        status, body = self.refusal or (status, body)
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - as its parent has it
        """Be silent."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Such a store."""
    own = type("Own", (Careless,), {"objects": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), own) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def store_on(server: ThreadingHTTPServer) -> ObjectStore:
    """The harvest there."""
    port = server.server_address[1]
    keys = {"access_key_id": "AKIAWHO", "secret_access_key": "hush-hush"}
    return ObjectStore(
        "s3://bucket/x", {"endpoint": f"http://127.0.0.1:{port}", **keys}, patience_s=0.3
    )


def test_a_store_that_overwrites(server: ThreadingHTTPServer) -> None:
    """No page would be safe there: it is refused before anything is harvested."""
    with pytest.raises(ConfigError, match="overwrites objects"), store_on(server).claim():
        pytest.fail("it was let in")


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (403, "AccessDenied", "refuses these credentials; they need the rights"),
        (403, "ExpiredToken", "they have expired; renew them"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
        (404, "NoSuchBucket", "there is no such bucket"),
    ],
)
def test_what_a_refusal_says(
    server: ThreadingHTTPServer, status: int, code: str, told: str
) -> None:
    """One clear word each, and none of the credentials."""
    refusal = (status, f"<Error><Code>{code}</Code></Error>".encode())
    setattr(server.RequestHandlerClass, "refusal", refusal)  # noqa: B010 - its type is not known
    with pytest.raises(ConfigError) as refused:
        store_on(server).read("harvest.json")
    assert told in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    """Nobody listens."""
    store = ObjectStore("s3://bucket/x", {"endpoint": "http://127.0.0.1:9", "access_key_id": "a",
                                          "secret_access_key": "b"})  # fmt: skip
    with pytest.raises(ConfigError, match="cannot be reached"):
        store.read("harvest.json")


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("az://c/x", {"access_key_id": "a"}, "output.access_key_id does not go with it: az://"),
        ("s3://b/x", {"account_key": "a"}, "output.account_key does not go with it: s3://"),
        ("gs://b/x", {"endpoint": "http://h"}, "output.endpoint does not go with it: gs://"),
        ("az://c/x", {"account_name": "a", "account_key": "?"}, "is not one of Azure"),
    ],
)
def test_options_of_another_store(url: str, options: dict[str, str], told: str) -> None:
    """Refused by the name that they have in the YAML."""
    with pytest.raises(ConfigError) as refused:
        ObjectStore(url, options)
    assert told in str(refused.value)


class Watched(BytesIO):
    """A file that knows how many like it are being read."""

    lock = threading.Lock()
    now = most = 0

    def read(self, size: int | None = -1) -> bytes:
        """The first one counts."""
        if self.tell() == 0:
            with self.lock:
                Watched.now += 1
                Watched.most = max(Watched.most, Watched.now)
        return super().read(size)

    def put(self, bucket: Bucket, name: str) -> None:
        """Put it."""
        bucket.upload(name, self)
        with self.lock:
            Watched.now -= 1


def test_large_objects_are_put_a_few_at_a_time() -> None:
    """Their pieces are in memory: of sixteen partitions, say, each with a file of its own."""
    place = f"large-{os.urandom(4).hex()}"
    bucket = Bucket(f"memory://{place}/x")
    files = [Watched(bytes(9_000_000)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for number, file in enumerate(files):
            pool.submit(file.put, bucket, str(number))
    found = [each.size for answer in bucket.listing("") for each in answer]
    assert found == [9_000_000] * 8
    clients._MEMORY.pop(place)
    assert 1 <= Watched.most <= 4


def test_a_long_put_ends_between_two_pieces() -> None:
    """Nothing of it is there; without being told to end, all of it is."""

    class File(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            if len(asked) == 3:
                stop.set()
            return super().read(size)

    asked: list[int | None] = []
    stop = threading.Event()
    store = ObjectStore("memory://a-long-put/x")
    bucket = store._bucket
    with patch("harvester.store.bucket._PIECE_BYTES", 1000):
        with store.ended_by(stop), pytest.raises(Interrupted):
            bucket.upload("part", File(b"x" * 100_000))
        assert (len(asked), bucket.head("part")) == (3, None)
        bucket.upload("part", File(b"x" * 100_000))
    found = bucket.head("part")
    assert found is not None
    assert found.size == 100_000
    with patch("harvester.store.bucket.MOST_COPIED_BYTES", 1000):
        with store.ended_by(stop), pytest.raises(Interrupted):
            bucket.copy("part", "other", 100_000)
        assert bucket.head("other") is None
        assert bucket.copy("part", "other", 100_000)
