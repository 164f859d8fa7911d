"""An object store that loses answers, refuses, or loses objects: what a run says and does."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from harvester import harvest, iter_records, load_config, verify
from harvester.errors import ConfigError
from harvester.store import ObjectStore
from tests.object_servers import READER
from tests.s3_server import S3
from tests.store_proxy import Answer, Proxy, store_proxy
from tests.support import Reply, Scripted

PAGES = 9
YAML = """
version: 1
name: list
client: {base_url: "BASE"}
resources:
  - name: items
    path: items
    data_selector: data
    paginator: {type: page_number, page_param: page}
output: {path: "URL"}
"""


def answer(path: str, asked: Mapping[str, str]) -> Reply:
    """Nine pages of three records, then none."""
    page = int(asked.get("page", "1"))
    return Reply({"data": [{"id": page * 10 + n} for n in range(3)] if page <= PAGES else []})


class Place:
    """A folder with a YAML, a bucket behind a proxy, an API."""

    def __init__(self, folder: Path, s3: S3, proxy: Proxy, api: Scripted) -> None:
        self.folder, self.s3, self.proxy, self.api = folder, s3, proxy, api
        self.url = s3.place()
        (folder / "c.yaml").write_text(YAML.replace("BASE", api.base_url).replace("URL", self.url))
        self.env = {**os.environ, **s3.env, "AWS_ENDPOINT_URL": proxy.endpoint}
        self.env["XDG_STATE_HOME"] = str(folder / "state")

    def __call__(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "harvester", *arguments],
            cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    def check_whole(self) -> None:
        """Every record once, and all of it sound."""
        store = ObjectStore(self.url, self.s3.options)
        found = verify(store, deep=True)
        assert (found.ok, found.parts) == (True, PAGES + 1), found.problems
        expected = [page * 10 + n for page in range(1, PAGES + 1) for n in range(3)]
        assert [json.loads(record)["id"] for record in iter_records(store)] == expected

    @property
    def bucket(self) -> str:
        """Its name."""
        return self.url.removeprefix("s3://").partition("/")[0]


@pytest.fixture
def place(tmp_path: Path, moto: S3) -> Iterator[Place]:
    """Each test's own."""
    with Scripted(answer) as api, store_proxy(moto.endpoint) as proxy:
        yield Place(tmp_path, moto, proxy, api)


def once(answers: Mapping[int, Answer]) -> Callable[[str, str], Answer | None]:
    """A part that has an answer here gets it at its first put."""
    seen = Counter[int]()

    def plan(method: str, path: str) -> Answer | None:
        if method != "PUT" or "/part-" not in path:
            return None
        number = int(path.partition("/part-")[2][:6])
        seen[number] += 1
        return answers.get(number) if seen[number] == 1 else None

    return plan


def test_answers_that_are_lost(place: Place) -> None:
    """Cut after the put took effect, an error after it, and refusals without cause: each page is
    asked for once, and kept once.
    """
    place.proxy.plan = once({
        1: Answer(None, takes_effect=True),
        2: Answer(500, "InternalError", takes_effect=True),
        3: Answer(503, "SlowDown"),
        4: Answer(409, "ConditionalRequestConflict"),
        5: Answer(412, "PreconditionFailed"),
        6: Answer(None),
        PAGES + 1: Answer(None, takes_effect=True),
    })  # fmt: skip
    ran = place("run", "c.yaml")
    assert ran.returncode == 0, ran.stderr
    assert len(place.api.asked) == PAGES + 1
    place.check_whole()


def test_a_store_that_is_away_for_a_while(place: Place) -> None:
    """It says for seconds that it is asked too much: the run waits, and goes on by itself."""
    until: list[float] = []

    def plan(method: str, path: str) -> Answer | None:
        if not until and "/part-000005" in path:
            until.append(time.monotonic() + 6)
        is_away = until and time.monotonic() < until[0]
        return Answer(503, "SlowDown") if is_away else None

    place.proxy.plan = plan
    ran = place("run", "c.yaml")
    assert ran.returncode == 0, ran.stderr
    assert len(place.api.asked) == PAGES + 1
    place.check_whole()


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, "ExpiredToken", "they have expired; renew them"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
    ],
)
def test_refused_in_the_middle(place: Place, status: int, code: str, told: str) -> None:
    """Exit code 4, one clear line, what is kept stays; the same command goes on."""
    ends = [False]

    def plan(method: str, path: str) -> Answer | None:
        ends[0] |= "/part-000005" in path
        return Answer(status, code) if ends[0] else None

    place.proxy.plan = plan
    ran = place("run", "c.yaml")
    assert (ran.returncode, told in ran.stderr) == (4, True), ran.stderr
    assert "the same command goes on" in ran.stderr
    assert "Traceback" not in ran.stderr
    place.proxy.plan = lambda *_: None
    assert place("run", "c.yaml").returncode == 0
    assert len(place.api.asked) == PAGES + 2
    place.check_whole()


def test_a_bucket_that_is_deleted_meanwhile(place: Place) -> None:
    """Nothing is said to be safe: exit code 4, one clear line."""
    ends = [False]

    def plan(method: str, path: str) -> Answer | None:
        ends[0] |= "/part-000005" in path
        return Answer(404, "NoSuchBucket") if ends[0] else None

    place.proxy.plan = plan
    ran = place("run", "c.yaml")
    assert (ran.returncode, "has been deleted while the run was on" in ran.stderr) == (4, True)
    assert "safe" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_who_may_only_read(seaweed: S3, tmp_path: Path) -> None:
    """A run is refused before the API is asked; so is whoever has a wrong key."""
    with Scripted(answer) as api:
        place = Place(tmp_path, seaweed, Proxy(seaweed.endpoint), api)
        ran = place("run", "c.yaml", **READER)
        assert (ran.returncode, "need the rights" in ran.stderr) == (2, True), ran.stderr
        assert api.asked == []
        wrong = place("status", place.url, AWS_SECRET_ACCESS_KEY="wrong")
        assert (wrong.returncode, "refuses these credentials" in wrong.stderr) == (2, True)


def test_a_bucket_with_versions(place: Place) -> None:
    """Nothing is ever replaced there; a delete marker on a part is a part that is missing."""
    versioning = (
        b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        b"<Status>Enabled</Status></VersioningConfiguration>"
    )
    place.s3.ask("PUT", f"{place.bucket}?versioning", versioning).close()
    assert place("run", "c.yaml").returncode == 0
    place.check_whole()
    listed = place.s3.ask("GET", f"{place.bucket}?versions").read().decode()
    versions = Counter(
        item.partition("</Key>")[0] for item in listed.split("<Key>")[1:] if "/part-" in item
    )
    assert {*versions.values()} == {1}, versions
    store = ObjectStore(place.url, place.s3.options)
    store._bucket.delete("items/part-000002.json.gz")
    assert "part 2 is missing" in verify(store).problems[0].problem
    said = place("run", "c.yaml")
    assert (said.returncode, "part 2 is missing" in said.stderr) == (5, True), said.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('path: "URL', 'path: "gcs://bucket/x', "write gs://BUCKET/PREFIX"),
        ('path: "URL', 'path: "hdfs://host/x', "give a folder, or s3://"),
    ],
)
def test_what_no_object_store_takes(
    tmp_path: Path, moto: S3, old: str, new: str, told: str
) -> None:
    """Refused before anything is asked, with the key that says it."""
    text = YAML.replace(old, new).replace("URL", moto.place())
    text = text.replace("BASE", "http://127.0.0.1:9/")
    path = tmp_path / "c.yaml"
    path.write_text(text)
    place = ObjectStore(moto.place(), moto.options)
    with pytest.raises(ConfigError) as refused:
        harvest(load_config(path, env=os.environ), out=place)
    assert told in str(refused.value)
    assert "c.yaml:" in str(refused.value) or "resources[0]" in str(refused.value)
