"""OUT: who may harvest into it, and which changes of the YAML it goes on with."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvester import load_config
from harvester.config import Config
from harvester.config.question import fingerprints
from harvester.errors import ConfigError, DataRefused, FolderLocked
from harvester.model.partitions import count, partitions_of
from harvester.results import last_run
from harvester.results.summary import Failure, Failures
from harvester.store import manifest as folder
from tests.support import ENVIRONMENT, SEARCH, config, stamps

NOW = datetime(2022, 6, 15, 12, tzinfo=UTC)
LATER = datetime(2022, 9, 15, 12, tzinfo=UTC)
API = "http://127.0.0.1:1/2/"

#: A resource whose parts can be changed one by one.
SHAPED = """
version: 1
name: shaped
client:
  base_url: https://api.example/v1/
  headers: {User-Agent: lab/1, X-Mode: all, X-Api-Key: literal-secret}
  auth: {type: bearer, token: "{env.TOKEN}"}
resources:
  - name: items
    path: items
    params: {shard: "{shard}", page: "{number}", from: "{window.start}", sort: asc, api_key: abcdef}
    partitions:
      shard: [a, b]
      number: {range: [1, 10]}
      window: {start: 2021-01-01, end: 2022-01-01, step: 1mo}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""


def load(tmp_path: Path, *changes: str, text: str = SHAPED, base_url: str | None = None) -> Config:
    """The YAML with changes as for `--set`."""
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_config(path, base_url=base_url, set=changes, env={"TOKEN": "one-secret"})


def prepare(out: Path, asked: Config, now: datetime = NOW) -> folder.Asked:
    """As a run begins."""
    with folder.locked(out, fsync=False):
        return folder.prepare(out, asked, now)


# --- What may change, and what must not ----------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("resources.items.params.sort=desc", 'items.params.sort was "asc", is "desc"'),
        ("resources.items.params.limit=5", "items.params.limit was null, is 5"),
        ("resources.items.path=things", 'items.path was "items", is "things"'),
        ("resources.items.data_selector=rows", 'items.data_selector was "data", is "rows"'),
        (
            "resources.items.paginator.cursor_param=after",
            'items.paginator.cursor_param was "cursor", is "after"',
        ),
        ("resources.items.paginator.cursor_path=meta.next", 'was "next", is "meta.next"'),
        (
            "resources.items.paginator={type: json_link, next_url_path: next}",
            'items.paginator.type was "cursor", is "json_link"',
        ),
        ("resources.items.method=POST", 'items.method was null, is "POST"'),
        ("client.headers.X-Mode=some", 'items.headers.x-mode was "all", is "some"'),
        ("client.base_url=https://api.example/v2/", 'base_url was "/v1/", is "/v2/"'),
        ("resources.items.partitions.shard=[b, c]", "items.partitions.shard: 'a' is gone"),
        (
            "resources.items.partitions.number={range: [2, 10]}",
            "items.partitions.number: was 1 to 10, is 2 to 10",
        ),
        ("resources.items.partitions.number={range: [1, 9]}", "was 1 to 10, is 1 to 9"),
        (
            "resources.items.partitions.number={range: [1, 10], step: 3}",
            "was 1 to 10, is 1 to 10 by 3",
        ),
        ("resources.items.partitions.number=[1, 2]", "number: were range, are values"),
        (
            "resources.items.partitions.window.start=2021-02-01",
            "window: start was 2021-01-01T00:00:00Z, is 2021-02-01T00:00:00Z",
        ),
        (
            "resources.items.partitions.window.step=7d",
            "window: step was 1 months, is 604800 s",
        ),
        (
            "resources.items.partitions.window.end=2021-12-01",
            "window: end was 2022-01-01T00:00:00Z, is 2021-12-01T00:00:00Z: windows that were",
        ),
        (
            "resources.items.partitions.window.end=2021-12-15",
            "window: end was 2022-01-01T00:00:00Z, is 2021-12-15T00:00:00Z, within a step",
        ),
        ("name=other", "name was 'shaped', is 'other'"),
        ("resources.items.name=others", "resource 'items' is gone"),
    ],
)
def test_changes_that_are_refused(tmp_path: Path, change: str, told: str) -> None:
    """By name, with the old value and the new; nothing in the folder is touched."""
    out = tmp_path / "out"
    prepare(out, load(tmp_path))
    before = stamps(out)
    with pytest.raises(DataRefused) as caught:
        prepare(out, load(tmp_path, change), LATER)
    assert told in str(caught.value)
    assert caught.value.exit_code == 5
    assert stamps(out).keys() == before.keys()
    assert stamps(out)["harvest.json"] == before["harvest.json"]


def test_every_change_is_named_at_once(tmp_path: Path) -> None:
    """Nobody has to find them one by one."""
    out = tmp_path / "out"
    prepare(out, load(tmp_path))
    with pytest.raises(DataRefused) as caught:
        prepare(
            out, load(tmp_path, "resources.items.path=x", "resources.items.partitions.shard=[b]")
        )
    assert "items.path" in str(caught.value)
    assert "partitions.shard" in str(caught.value)


def test_another_partition_key(tmp_path: Path) -> None:
    """The folders would lie elsewhere."""
    without = SHAPED.replace("      number: {range: [1, 10]}\n", "").replace(
        ', page: "{number}"', ""
    )
    out = tmp_path / "out"
    prepare(out, load(tmp_path))
    with pytest.raises(DataRefused, match="had the keys shard, number, window; has shard, window"):
        prepare(out, load(tmp_path, text=without))


@pytest.mark.parametrize(
    "change",
    [
        "client.auth.token=another-secret",
        "client.auth={type: http_basic, username: someone, password: secret}",
        "client.headers.User-Agent=lab/2",
        "client.headers.X-Api-Key=another-secret",
        "resources.items.params.api_key=another-secret",
        "resources.items.params.api_key={env.TOKEN}",
        "client.timeout.read=5s",
        "client.retry.attempts=2",
        "client.rate_limit=[{requests: 1, per: 1s}]",
        "resources.items.rate_limit=[{requests: 1, per: 1s}]",
        "client.base_url=http://127.0.0.1:8080/v1/",
        "client.base_url=https://mirror.example/v1",
        "client.allowed_hosts=[cdn.example]",
        "client.limits.string_bytes=1MiB",
        "concurrency.partitions=9",
        "output.fsync=false",
        "resources.items.response_actions=[{status: 404, action: ignore}]",
        "resources.items.partitions.shard=[b, c, a]",
        "resources.items.partitions.number={range: [1, 20]}",
        "resources.items.partitions.window.end=2022-02-01",
        "resources.items.partitions.window.end=2022-02-15",
        "resources.items.partitions.window.end=now",
    ],
)
def test_changes_that_are_free(tmp_path: Path, change: str) -> None:
    """What shapes no request, and partitions that come on top."""
    out = tmp_path / "out"
    first = prepare(out, load(tmp_path))
    second = prepare(out, load(tmp_path, change), LATER)
    assert second.created_at == first.created_at == NOW
    assert second.planned_at == LATER
    before = [
        str(p.folder) for p in partitions_of("items", first.config.resources[0].partitions, NOW)
    ]
    after = {
        str(p.folder) for p in partitions_of("items", second.config.resources[0].partitions, LATER)
    }
    assert after.issuperset(before)


def test_a_last_window_that_was_short(tmp_path: Path) -> None:
    """It was harvested to its own end: as part of a longer one its records would come twice."""
    out = tmp_path / "out"
    short = "resources.items.partitions.window.end=2021-12-15"
    prepare(out, load(tmp_path, short))
    prepare(out, load(tmp_path, short))
    for end in ("2022-01-01", "2022-03-01", "now"):
        with pytest.raises(DataRefused, match="within a step: a window would be harvested twice"):
            prepare(out, load(tmp_path, f"resources.items.partitions.window.end={end}"))


def test_an_end_that_is_now(tmp_path: Path) -> None:
    """It may be fixed later, but not before what was planned; a settle may not take any out."""
    out = tmp_path / "out"
    window = "resources.items.partitions.window"
    prepare(out, load(tmp_path, f"{window}.end=now"))
    prepare(out, load(tmp_path, f"{window}.end=2022-06-01"))
    with pytest.raises(DataRefused, match="is 2022-05-01T00:00:00Z: windows that were planned"):
        prepare(out, load(tmp_path, f"{window}.end=2022-05-01"))
    with pytest.raises(DataRefused, match=r"is now \(settle 60 days, 0:00:00\): windows that"):
        prepare(out, load(tmp_path, f"{window}.end=now", f"{window}.settle=60d"))
    prepare(out, load(tmp_path, f"{window}.end=now", f"{window}.settle=1d"))


def test_an_end_in_the_future_may_become_now(tmp_path: Path) -> None:
    """Either way only windows that have closed were planned."""
    out = tmp_path / "out"
    window = "resources.items.partitions.window"
    prepare(out, load(tmp_path, f"{window}.end=2023-01-01"))
    prepare(out, load(tmp_path, f"{window}.end=now"))


def test_a_clock_set_back(tmp_path: Path) -> None:
    """Windows once planned stay planned."""
    out = tmp_path / "out"
    now = "resources.items.partitions.window.end=now"
    prepare(out, load(tmp_path, now), LATER)
    again = prepare(out, load(tmp_path, now), NOW)
    assert again.planned_at == LATER
    assert count(again.config.resources[0].partitions, again.planned_at) == 2 * 10 * 20


def test_many_values_are_compared_quickly(tmp_path: Path) -> None:
    """A list of 5,000 ids, one of them gone."""
    out = tmp_path / "out"
    ids = [f"id-{number}" for number in range(5_000)]
    values = "resources.items.partitions.shard="
    prepare(out, load(tmp_path, values + json.dumps(ids)))
    with pytest.raises(DataRefused, match="'id-4999' is gone"):
        prepare(out, load(tmp_path, values + json.dumps(ids[:-1])))


# --- Folders that are none of ours ---------------------------------------------------------------


def test_a_folder_with_other_files(tmp_path: Path) -> None:
    """Refused before anything is put into it, the lock included."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DataRefused, match=r"holds 'thesis\.tex' but no harvest\.json"):
        prepare(tmp_path, load(tmp_path.parent))
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """--out was mistyped."""
    out = tmp_path / "file"
    out.touch()
    with pytest.raises(ConfigError, match="is not a folder"):
        prepare(out, load(tmp_path))


@pytest.mark.parametrize(
    "left", [(), (".lock",), (".lock", "harvest.json.tmp")], ids=["empty", "lock", "temporary"]
)
def test_killed_before_harvest_json(tmp_path: Path, left: tuple[str, ...]) -> None:
    """What a run leaves that was killed in its first instant is accepted by the next."""
    out = tmp_path / "out"
    out.mkdir()
    for name in left:
        (out / name).write_text("4711\n" if name == ".lock" else "half")
    prepare(out, load(tmp_path))
    assert sorted(file.name for file in out.iterdir()) == [".lock", "harvest.json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"name": "shaped"}', b"\xff\xfe", b'{"config": 5}']
)
def test_an_unreadable_harvest_json(tmp_path: Path, content: bytes) -> None:
    """It is refused and stays as it is."""
    out = tmp_path / "out"
    prepare(out, load(tmp_path))
    (out / "harvest.json").write_bytes(content)
    with pytest.raises(DataRefused, match=r"harvest\.json: cannot be read"):
        prepare(out, load(tmp_path))
    assert (out / "harvest.json").read_bytes() == content


def test_a_reader_elsewhere(tmp_path: Path) -> None:
    """A folder without harvest.json is no harvest."""
    with pytest.raises(DataRefused, match=r"no harvest\.json here"):
        folder.read_asked(tmp_path)


def test_harvest_json_holds_no_secret(tmp_path: Path) -> None:
    """References stand as they are; what was written out is masked. Readers need no variables."""
    out = tmp_path / "out"
    prepare(out, load(tmp_path))
    text = (out / "harvest.json").read_text()
    for secret in ("one-secret", "literal-secret", "abcdef"):
        assert secret not in text
    assert "{env.TOKEN}" in text
    assert folder.read_asked(out).config.resources[0].name == "items"


# --- last_run.json -------------------------------------------------------------------------------


def test_failures_are_noted(tmp_path: Path) -> None:
    """And read back; what cannot be read is as if there were none."""
    failure = Failure("items", {"shard": "a"}, "the server answered 500", "cursor-2")
    assert last_run.read_last_run(tmp_path) == Failures()
    failures = Failures()
    failures.add(failure)
    last_run.write_last_run(tmp_path, failures)
    assert last_run.read_last_run(tmp_path) == failures
    (tmp_path / "last_run.json").write_text("{")
    assert last_run.read_last_run(tmp_path) == Failures()
    (tmp_path / "last_run.json.tmp").touch()  # of a run that was killed
    last_run.write_last_run(tmp_path, Failures())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last_run.json"]


# --- The lock ------------------------------------------------------------------------------------


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second is told who has it; afterwards the folder is free."""
    out = tmp_path / "out"
    with (
        folder.locked(out, fsync=True),
        pytest.raises(FolderLocked, match=rf"another run \(process {os.getpid()}\)") as caught,
        folder.locked(out, fsync=True),
    ):
        pass
    assert caught.value.exit_code == 6
    with folder.locked(out, fsync=True):
        pass


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    """The kernel releases it with the process."""
    out = tmp_path / "out"
    script = (
        "import sys, pathlib; from harvester.store import manifest as folder\n"
        "with folder.locked(pathlib.Path(sys.argv[1]), fsync=False):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(out)],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with (
            pytest.raises(FolderLocked, match=f"process {holder.pid}"),
            folder.locked(out, fsync=False),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with folder.locked(out, fsync=False):
        pass


def test_fingerprints(tmp_path: Path) -> None:
    """The same for the same question, whatever the host and the secrets; of 16 hex digits."""
    asked = config(tmp_path, SEARCH, API)
    moved = config(tmp_path, SEARCH, "http://127.0.0.1:2/2/", "client.auth.token=other")
    changed = config(tmp_path, SEARCH, API, "resources.tweets.params.max_results=10")
    one, two, three = (fingerprints(each, "salt")["tweets"] for each in (asked, moved, changed))
    assert one == two != three
    assert len(bytes.fromhex(one)) == 8
