"""Files of any kind in a bucket: killed, refused in the middle, copied; each once, as it was."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester import iter_records, verify
from harvester.export import copy
from harvester.store import ObjectStore, entries_of
from tests import store_proxy
from tests.api_server import Answer, ApiServer, Asked
from tests.integration.test_format_harvests import killed_at
from tests.s3_server import S3

YAML = """
version: 1
name: scans
client: {base_url: "http://127.0.0.1:1/", retry: {attempts: 2, max_wait: 0}}
resources:
  - name: files
    format: raw
    path: "files/{box}"
    partitions: {box: [a, b/ä, none]}
    paginator: {type: header_link}
    response_actions: [{status: 404, action: ignore}]
concurrency: {partitions: 1}
output: {path: "URL"}
"""
BODIES = {1: b"%PDF-1\0", 2: b"", 3: gzip.compress(b"{}"), 4: b"\x1f\x8bno gzip" * 9}
NAME = "attachment; filename=\"../../etc/pass\twd\"; filename*=UTF-8''..%2F%C3%BC.pdf"


def answer(asked: Asked) -> Answer:
    """Four files in each box, none in one; their names are paths."""
    page = int(asked.params.get("page", "1"))
    if asked.path == "/files/none":
        return Answer({"error": "no such box"}, status=404)
    headers = {"Content-Type": "application/pdf", "Content-Disposition": NAME}
    if page < len(BODIES):
        headers["Link"] = f'<?page={page + 1}>; rel="next"'
    return Answer(data=BODIES[page], headers=headers)


class Place:
    """A YAML, and a bucket behind a proxy."""

    def __init__(self, folder: Path, s3: S3, proxy: store_proxy.Proxy) -> None:
        self.folder, self.s3, self.proxy, self.url = folder, s3, proxy, s3.place()
        (folder / "c.yaml").write_text(YAML.replace("URL", self.url), encoding="utf-8")
        self.env = {**os.environ, **s3.env, "AWS_ENDPOINT_URL": proxy.endpoint}

    def start(self, origin: str, machine: str) -> "subprocess.Popen[str]":
        """The command, on a machine that has nothing of the harvest."""
        return subprocess.Popen(
            [sys.executable, "-m", "harvester", "run", "c.yaml", "--base-url", origin],
            cwd=self.folder, env={**self.env, "XDG_STATE_HOME": str(self.folder / machine)},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def store(self) -> ObjectStore:
        """The harvest, for whoever has the URL."""
        return ObjectStore(self.url, self.s3.options)

    def names(self) -> list[str]:
        """All that is there."""
        return [found.key for answer in self.store._bucket.listing("") for found in answer]

    def check_whole(self) -> None:
        """Each file once, under its name, as it was sent; nothing on its way."""
        store = self.store
        found = verify(store, deep=True)
        assert (found.ok, found.parts) == (True, 8), found.problems
        for folder in ("files/box=a", "files/box=b%2F%C3%A4"):
            lines = [line for line in entries_of(store, folder) if line.part]
            for line, body in zip(lines, BODIES.values(), strict=True):
                assert store._bucket.get(f"{folder}/{line.part}") == body
                assert line.fields["content_type"] == "application/pdf"
                assert line.fields["name"] == "ü.pdf"
        assert not [key for key in self.names() if key.startswith(".staged")]


@pytest.fixture
def place(tmp_path: Path, moto: S3) -> Iterator[Place]:
    """Each test's own."""
    with store_proxy.store_proxy(moto.endpoint) as proxy:
        yield Place(tmp_path, moto, proxy)


def test_killed_once_files_are_whole_in_a_bucket(place: Place, tmp_path: Path) -> None:
    """Gone on with by another machine; then copied into a folder and back, and nothing differs."""
    killing, victims = killed_at(3, answer)
    with ApiServer(killing) as api:
        victims.append(place.start(api.origin, "first"))
        victims[0].communicate(timeout=60)
        assert victims[0].returncode == -9
        asked = Counter[str]()

        def plan(method: str, path: str) -> None:
            if "%252F" in path:  # the box whose name has a slash
                asked[method] += 1

        place.proxy.plan = plan
        second = place.start(api.origin, "second")
        assert "Complete" in second.communicate(timeout=60)[1]
        assert (second.returncode, len(api.asked)) == (0, 9 + 1)
        # What the page on several machines says of each file of a new partition.
        assert asked == {"PUT": 3 * len(BODIES), "DELETE": len(BODIES)}, asked
        place.check_whole()
        place.store._bucket.delete("files/box=a/part-000003.bin")
        third = place.start(api.origin, "second")
        told = third.communicate(timeout=60)[1]
        assert (third.returncode, "1 of its 4 files cannot be found" in told) == (5, True), told
        place.store._bucket.create("files/box=a/part-000003.bin", BODIES[3])
        assert len(api.asked) == 9 + 1
    copy(place.store, tmp_path / "here")
    for number, body in enumerate(BODIES.values(), 1):
        assert (tmp_path / f"here/files/box=a/part-{number:06d}.bin").read_bytes() == body
    there = ObjectStore(place.s3.place(), place.s3.options)
    copy(tmp_path / "here", there)
    assert verify(there, deep=True).parts == 8
    records = [json.loads(each)["bytes"] for each in iter_records(place.store)]
    assert records == [len(body) for body in BODIES.values()] * 2
    for other in (tmp_path / "here", there):
        assert [json.loads(each)["bytes"] for each in iter_records(other)] == records
    bins = [key for key in place.names() if key.endswith(".bin")]
    assert len(bins) == 8
    assert [key for key in place.names() if "box=none" in key] == [
        "files/box=none/part-000001.json.gz"
    ]


@pytest.mark.parametrize("number", [2, 4])
def test_a_file_that_has_no_name_yet_is_read_and_named(place: Place, number: int) -> None:
    """The copy that names it is refused: its page is kept, and read; the next run names it, of a
    partition that is complete, too, and asks for nothing again.
    """

    def plan(method: str, path: str) -> store_proxy.Answer | None:
        is_copy = method == "PUT" and f"/part-{number:06d}.bin" in path and "/.staged/" not in path
        return store_proxy.Answer(403, "AccessDenied") if is_copy else None

    with ApiServer(answer) as api:
        place.proxy.plan = plan
        first = place.start(api.origin, "first")
        told = first.communicate(timeout=60)[1]
        assert (first.returncode, "the same command goes on" in told) == (4, True), told
        assert "Traceback" not in told
        assert len(api.asked) == number
        assert f"files/box=a/part-{number:06d}.bin" not in place.names()
        assert verify(place.store, deep=True).parts == number
        records = [json.loads(each)["bytes"] for each in iter_records(place.store)]
        assert records == [len(body) for body in BODIES.values()][:number]
        place.proxy.plan = lambda *_: None
        second = place.start(api.origin, "second")
        assert "Complete" in second.communicate(timeout=60)[1]
        assert len(api.asked) == 9
    place.check_whole()
