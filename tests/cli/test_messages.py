"""What goes wrong, told to somebody who sees it for the first time, from the real command line.

Each message says what happened, where (resource, partition, cursor, URL without secrets), what is
kept, and what to type next; and no traceback, but for exit code 1.
"""

import gzip
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harvester.store import manifest as folder
from tests.fault_server import CLOSE, RESET, FaultServer, Pause, Request, Steps, head, page
from tests.support import ENVIRONMENT

#: Three pages; what goes wrong is at the second, asked with the cursor `c2`.
YAML = """
version: 1
name: told
client:
  base_url: http://127.0.0.1:1/
  auth: {type: api_key, name: api_key, value: "{env.KEY}", location: query}
  retry: {attempts: 2, max_wait: 0.01}
  timeout: {connect: 2, read: 0.5, page: 1}
resources:
  - name: items
    path: items/{shard}
    partitions: {shard: [a]}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""
KEY = "hush-hush/7"
Answer = Callable[[Request], Steps]


def harvester(
    *arguments: str | Path, preexec: Callable[[], None] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", *map(str, arguments)],
        env={**ENVIRONMENT, "KEY": KEY}, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=preexec, cwd=cwd,
    )  # fmt: skip


def cursor_of(request: Request) -> str:
    """The cursor that a page was asked for with."""
    found = re.search(r"cursor=(\w+)", request.target)
    return found[1] if found else ""


def good(number: int, records: int = 2) -> Steps:
    """Page `number` of three."""
    body = {"data": [{"id": 10 * number + n} for n in range(records)]}
    return page(json.dumps(body | ({"next": f"c{number + 1}"} if number < 3 else {})).encode())


def with_second(steps: Steps, first: Steps | None = None) -> Answer:
    """A server whose second page is `steps`, and its first one maybe `first`."""
    again = tuple(steps)

    def answer(request: Request) -> Steps:
        number = int((cursor_of(request) or "c1")[1:])
        return again if number == 2 else first or good(number)

    return answer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration in a file."""
    path = tmp_path / "told.yaml"
    path.write_text(YAML)
    return path


# --- A page that cannot be had: exit code 3 -------------------------------------------------------


@dataclass(frozen=True)
class Failing:
    """A second page, what is changed in the YAML, and what must be said of it."""

    second: Steps
    told: tuple[str, ...]
    changes: tuple[str, ...] = ()
    url: bool = True  # whether a request was made: its URL is told then
    first: Steps | None = None  # the first page, where it is not `good`


BOMB = gzip.compress(b'{"data": [' + b'"bomb", ' * 12_000_000, 1)


def _json(value: object, *lines: str, status: str = "200 OK") -> Steps:
    return page(json.dumps(value).encode(), *lines, status=status)


def _limit(name: str, value: int, second: Steps, *told: str) -> Failing:
    """A limit that the page is above; the message names the option."""
    return Failing(second, (*told, f"limits.{name}"), (f"client.limits.{name}={value}",))


FAILING: Mapping[str, Failing] = {
    "401": Failing(
        _json({"error": "who?"}, status="401 Unauthorized"),
        ("401 Unauthorized", "who?", "are the credentials right, and is their variable set?"),
    ),
    "403": Failing(
        _json({"error": f"{KEY} may not"}, status="403 Forbidden"),
        ("403 Forbidden", "*** may not", "may these credentials read this?"),
    ),
    "404": Failing(
        _json({}, status="404 Not Found"),
        ("404 Not Found", "add a rule {status: 404, action: ignore}"),
    ),
    "410": Failing(
        _json({}, status="410 Gone"), ("410 Gone", "add a rule {status: 410, action: restart}")
    ),
    "500": Failing(_json({"m": "oh"}, status="500 Internal Server Error"), ("500", "oh")),
    "rule": Failing(
        _json({"data": [], "ok": False}), ("answered 200 OK (a response_actions rule)",),
        ("resources.items.response_actions=[{when: {path: ok, equals: false}, action: fail}]",),
    ),
    "expired": Failing(
        _json({}, status="410 Gone"), ("was begun again 5 times, and never came to its end",),
        ("resources.items.response_actions=[{status: 410, action: restart}]",),
    ),
    "too long a wait": Failing(
        _json({}, "Retry-After: 99999", status="429 Too Many Requests"),
        ("429 Too Many Requests", "the server asks to wait until 20"),
    ),
    "html": Failing(page(b"<html>Sign in</html>"), ("not complete, valid JSON",)),
    "cut": Failing(
        (head("Content-Length: 999") + b'{"data": [', CLOSE),
        ("the connection was cut 989 bytes before the body's end",),
    ),
    "reset": Failing((head("Content-Length: 999"), RESET), ("the connection was cut",)),
    "no answer": Failing((CLOSE,), ("the server closed the connection without an answer",)),
    "no HTTP": Failing((b"hello\r\n\r\n", CLOSE), ("no valid answer",)),
    "silence": Failing((Pause(3),), ("sent nothing for 0.5 s (timeout.read)",)),
    "too slow": Failing(
        (head("Content-Length: 999"), *((b" ", Pause(0.2)) * 10)),
        ("longer than its time limit (timeout.page)",),
    ),
    "brotli": Failing(
        page(b"xx", "Content-Encoding: br"), ("Content-Encoding 'br' is unsupported: gzip was",)
    ),
    "damaged gzip": Failing(
        page(gzip.compress(b"[1]")[:-4], "Content-Encoding: gzip"), ("cut before its end",)
    ),
    "transfer encoding": Failing(
        [head("Transfer-Encoding: gzip, chunked"), b"0\r\n\r\n"], ("is not supported",)
    ),
    "chunk size": Failing(
        [head("Transfer-Encoding: chunked"), b"-5\r\n"], ("is not a chunk size",)
    ),
    "no records": Failing(
        _json({"items": []}), ("no 'data' (resources[0].data_selector)", "say allow_missing: true")
    ),
    "circle": Failing(
        _json({"data": [1], "next": "c2"}),
        (
            "this cursor was asked with before",
            "say cursor_may_repeat: true in resources[0].paginator",
        ),
        url=False,
    ),
    "cursor is true": Failing(_json({"data": [1], "next": True}), ("is true, which is no cursor",)),
    "cursor stands twice": Failing(
        page(b'{"data": [], "next": "a", "next": "b"}'), ("the key 'next' stands twice",)
    ),
    "half a surrogate pair": Failing(
        page(b'{"data": [], "next": "\\ud800"}'), ("$.next holds half a surrogate pair",)
    ),
    "elsewhere": Failing(
        _json({"data": [2], "next": "http://other.example/items?api_key=hush-hush%2F7"}),
        ("the link leads to http://other.example:80", "nor in allowed_hosts"),
        ("resources.items.paginator={type: json_link, next_url_path: next}",), url=False,
        first=_json({"data": [1], "next": "/items/a?cursor=c2"}),
    ),
    "redirect": Failing(
        page(b"", f"Location: http://other.example/?k={KEY}", status="302 Found"),
        ("redirected to another origin, http://other.example:80", "put the final address"),
    ),
    "redirects": Failing(
        page(b"", "Location: /items/a?cursor=c2", status="302 Found"), ("more than 5 redirects",)
    ),
    "redirected POST": Failing(
        page(b"", "Location: /items/a?cursor=c2", status="307 Temporary Redirect"),
        ("a POST was redirected",),
        ("resources.items.method=POST",),
    ),
    "lost": Failing(
        (CLOSE,), ("not asked again (idempotent: false): run again to begin anew",),
        ("resources.items.method=POST", "resources.items.idempotent=false"),
    ),
    "wire": _limit("wire_bytes", 100, page(b'{"data": [' + b" " * 200), "larger than 100 bytes"),
    "decoded": _limit("decoded_bytes", 100, page(b'{"data": [' + b" " * 200), "larger than 100"),
    "ratio": Failing(
        page(BOMB, "Content-Encoding: gzip"),
        ("more than 10 times (client.limits.expansion_ratio)",),
        ("client.limits.expansion_ratio=10", "client.timeout.page=60"),
    ),
    "depth": _limit("depth", 9, page(b"[" * 20), "nests deeper than 9"),
    "string": _limit("string_bytes", 99, _json({"data": "x" * 200}), "longer than 99 bytes"),
    "number": _limit("number_chars", 20, page(b"[" + b"1" * 30 + b"]"), "more than 20 characters"),
    "cursor": _limit("cursor_bytes", 30, _json({"data": [], "next": "x" * 40}), "longer than 30"),
}  # fmt: skip


#: Those for which nothing is changed: partitions of one run, to save processes.
UNCHANGED = [name for name, case in FAILING.items() if not case.changes]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str, str]:
    """One run with a partition for each of `UNCHANGED`: its command line, stderr, and base URL."""
    place = tmp_path_factory.mktemp("together")
    (place / "told.yaml").write_text(YAML)
    shards = [re.sub(" ", "-", name) for name in UNCHANGED]
    answers = {
        shard: with_second(FAILING[name].second)
        for shard, name in zip(shards, UNCHANGED, strict=True)
    }

    def answer(request: Request) -> Steps:
        shard = request.target.split("/")[2].split("?")[0]
        return answers.get(shard, answers["redirects"])(request)

    with FaultServer(answer) as server:
        several = f"resources.items.partitions.shard=[{', '.join(map(repr, shards))}]"
        line = ["run", str(place / "told.yaml"), "--out", str(place / "out"), "--set", several]
        line += ["--base-url", server.url]
        done = harvester(*line, "--progress", "none")
        assert done.returncode == 3
        return line, done.stderr, server.url


@pytest.mark.parametrize("name", FAILING)
def test_a_page_that_cannot_be_had(
    name: str, config: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What happened, where, what is kept, and the line that goes on from there."""
    case, shard = FAILING[name], "a"
    if case.changes:
        changes = [word for change in case.changes for word in ("--set", change)]
        with FaultServer(with_second(case.second, case.first)) as server:
            line = ["run", str(config), "--out", str(tmp_path / "out"), "--base-url", server.url]
            done = harvester(*line, *changes, "--progress", "none")
        line, said, url = [*line, *changes], done.stderr, server.url
        assert done.returncode == 3, said
    else:
        shard = name.replace(" ", "-")
        line, said, url = request.getfixturevalue("together")
    assert "Traceback" not in said
    assert "hush" not in said
    assert f"To go on from here:\n  {typed([*line, '--progress', 'none'])}" in said
    said = next(line for line in said.splitlines() if f"failed: items shard={shard}," in line)
    for told in case.told:
        assert told in said
    number, cursor = {
        "circle": (3, "c2"),
        "elsewhere": (3, "http://other.example/items?api_key=***"),
    }.get(name, (2, "c2"))
    assert f"items shard={shard}, page {number} (cursor {cursor})" in said
    kept = "1 page before it is kept" if number == 2 else "2 pages before it are kept"
    assert said.endswith(kept)
    if case.url:
        method = "POST" if "resources.items.method=POST" in case.changes else "GET"
        assert f"; asked: {method} {url}items/{shard}?cursor=c2&api_key=***;" in said


def typed(line: list[str]) -> str:
    """A command line as it is shown."""
    return shlex.join([sys.executable, "-m", "harvester", *line])


# --- The other exit codes -------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Three good pages."""
    with FaultServer(lambda request: good(int((cursor_of(request) or "c1")[1:]))) as three:
        yield three


@pytest.fixture
def harvested(config: Path, tmp_path: Path, server: FaultServer) -> Path:
    """A harvest of two of the three pages."""
    out = tmp_path / "out"
    line = ["run", str(config), "--out", str(out), "--base-url", server.url, "--max-pages", "2"]
    assert harvester(*line).returncode == 4
    return out


def test_nothing_answers(config: Path, tmp_path: Path) -> None:
    """3: nobody listens at the address."""
    done = harvester("run", config, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "items shard=a, page 1: no connection: Connection refused" in done.stderr
    assert (
        "; asked: GET http://127.0.0.1:1/items/a?api_key=***; no page was kept before it"
        in done.stderr
    )
    assert "To go on from here:" in done.stderr


def test_paused(config: Path, tmp_path: Path, server: FaultServer) -> None:
    """4: the person asked for so many pages."""
    line = ["run", str(config), "--out", str(tmp_path / "out"), "--base-url", server.url,
            "--max-pages", "1"]  # fmt: skip
    done = harvester(*line)
    assert done.returncode == 4
    assert "Paused by --max-pages: 1 partition has more." in done.stderr
    assert f"To go on from here:\n  {typed(line)}" in done.stderr


def test_a_rule_that_says_stop(config: Path, tmp_path: Path) -> None:
    """4: a quota is spent."""
    rule = "resources.items.response_actions=[{status: 429, action: stop}]"
    second = _json({"title": "UsageCapExceeded"}, status="429 Too Many Requests")
    with FaultServer(with_second(second)) as server:
        line = ["run", str(config), "--out", str(tmp_path / "out"), "--base-url", server.url,
                "--set", rule]  # fmt: skip
        done = harvester(*line)
    assert done.returncode == 4
    said = " ".join(done.stderr.split())
    assert "Stopped; everything committed is kept. items shard=a, page 2 (cursor c2): " in said
    assert "UsageCapExceeded" in said
    assert "and its rule says stop; asked: GET" in said
    assert f"To go on from here: {typed(line)}" in said


def test_a_full_disk(config: Path, tmp_path: Path) -> None:
    """4: a file cannot grow; the path and the reason, and what is safe."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    second = _json({"data": [os.urandom(200_000).hex()]})
    with FaultServer(with_second(second)) as server:
        line = ["run", str(config), "--out", str(tmp_path / "out"), "--base-url", server.url]
        done = harvester(*line, preexec=small_files)
        again = harvester(*line)
    said = " ".join(done.stderr.split())
    assert done.returncode == 4
    assert (
        "items/shard=a/part-000002.json.gz: File too large; every page committed so far is safe"
        in said
    )
    assert f"To go on from here: {typed(line)}" in said
    assert again.returncode == 0


def _cut_off(out: Path) -> None:
    part = out / "items/shard=a/part-000001.json.gz"
    part.write_bytes(part.read_bytes()[:-1])


def _flipped(out: Path) -> None:
    path = out / "items/shard=a/journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"status":200', b'"status":201', 1))


DAMAGE: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "short part": (_cut_off, "part-000001.json.gz: "),
    "lost part": (
        lambda out: (out / "items/shard=a/part-000001.json.gz").unlink(),
        "part-000001.json.gz: this part is in the journal, but not on disk",
    ),
    "flipped byte": (_flipped, "journal.jsonl:2: this line is damaged"),
    "lost journal": (
        lambda out: (out / "items/shard=a/journal.jsonl").unlink(),
        "part without its journal.jsonl",
    ),
    "strange part": (
        lambda out: (out / "items/shard=a/part-000009.json.gz").write_bytes(b""),
        "part-000009.json.gz: this part is not in the journal",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_folder(name: str, config: Path, harvested: Path, server: FaultServer) -> None:
    """5: which file, what is wrong with it, what to do; nothing was deleted or asked."""
    damage, told = DAMAGE[name]
    damage(harvested)
    before = {path: path.read_bytes() for path in harvested.rglob("part-*")}
    done = harvester("run", config, "--out", harvested, "--base-url", server.url)
    said = " ".join(done.stderr.split())
    assert done.returncode == 5, said
    assert "Traceback" not in said
    assert told in said
    place = harvested / "items/shard=a"
    assert f"`harvester repair` gets it again where the API still gives it, or move {place}" in said
    assert {path: path.read_bytes() for path in harvested.rglob("part-*")} == before
    place.rename(harvested.parent / "away")  # as the message says
    done = harvester("run", config, "--out", harvested, "--base-url", server.url)
    assert done.returncode == 0, done.stderr


REFUSED: Mapping[str, tuple[list[str], int, tuple[str, ...]]] = {
    "another question": (
        ["run", "CONFIG", "--out", "OUT", "--set", "resources.items.path=others/{shard}"], 5,
        ("holds another harvest", 'resources.items.path was "items/{shard}", is "others/{shard}"',
         "put the YAML back, or harvest into another folder with --out"),
    ),
    "a stranger's folder": (
        ["run", "CONFIG", "--out", "HERE"], 5,
        ("but no harvest.json", "give an empty or a new one with --out"),
    ),
    "a file": (["run", "CONFIG", "--out", "CONFIG"], 2, ("told.yaml: is not a folder",)),
    "no harvest": (
        ["status", "HERE"], 5,
        ("not the folder of a harvest; did you mean OUT?",),
    ),
    "no folder": (["status", "OUT/none"], 2, ("there is no folder OUT/none",)),
    "no file": (["run", "HERE/no.yaml"], 2, ("no.yaml: cannot be read: No such file",)),
    "unknown key": (
        ["check", "CONFIG", "--set", "client.retri={}"], 2,
        ("--set client.retri", "unknown key 'retri'", "retry", "1 problem; nothing was done"),
    ),
    "unknown resource": (
        ["run", "CONFIG", "--out", "OUT", "--resource", "itms"], 2,
        ("--resource itms: unknown resource 'itms': did you mean 'items'?",),
    ),
    "unset variable": (
        ["check", "CONFIG", "--set", "client.headers.X={env.NO_SUCH}"], 2,
        ("--set client.headers.X", "the environment variable NO_SUCH is not set"),
    ),
    "no KEY=VALUE": (["check", "CONFIG", "--set", "x"], 2, ("KEY=VALUE",)),
    "unknown option": (
        ["run", "CONFIG", "--outt", "x"], 2,
        ("--outt", "Possible options: --otel, --out", "for help"),
    ),
    "unknown partition": (
        ["records", "OUT", "--partition", "shrd=a"], 2,
        ("OUT: unknown partition key 'shrd': did you mean 'shard'?",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_before_anything_is_asked(
    name: str, config: Path, harvested: Path, server: FaultServer
) -> None:
    """2 and 5: what is wrong, and what would be right."""
    words, code, told = REFUSED[name]
    places = {"CONFIG": str(config), "OUT": str(harvested), "HERE": str(config.parent)}

    def placed(text: str) -> str:
        for name, place in places.items():
            text = text.replace(name, place)
        return text

    line = [word if "env." in word else placed(word) for word in words]
    asked = len(server.requests)
    done = harvester(*line)
    said = " ".join(done.stderr.split())
    assert done.returncode == code, said
    assert "Traceback" not in said
    for text in told:
        assert placed(text) in said
    assert len(server.requests) == asked


def test_a_folder_in_use(config: Path, tmp_path: Path) -> None:
    """6: by whom, and what to do."""
    with folder.locked(tmp_path / "out", fsync=False):
        done = harvester("run", config, "--out", tmp_path / "out")
    assert done.returncode == 6
    assert f"another run (process {os.getpid()}) is harvesting into this folder" in done.stderr
    assert "wait for it to end, or use another --out" in done.stderr


def test_interrupted(config: Path, tmp_path: Path) -> None:
    """130: what is kept, and the line that goes on."""
    with FaultServer(with_second((Pause(20),))) as server:
        line = ["run", str(config), "--out", str(tmp_path / "out"), "--base-url", server.url,
                "--set", "client.timeout.read=20"]  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "harvester", *line], env={**ENVIRONMENT, "KEY": KEY},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted; everything committed is kept." in said
    assert f"To go on from here:\n  {typed(line)}" in said
    assert "Traceback" not in said


def test_a_bug(config: Path, tmp_path: Path) -> None:
    """1: the one with a traceback; it says what to do with it, and that nothing is lost."""
    code = (
        f"import sys; sys.argv = ['harvester', 'run', {str(config)!r}, '--out', 'out']\n"
        "import harvester.cli\n"
        "from harvester.paging import Paginator\n"
        "def broken(*args): raise ZeroDivisionError('of ours')\n"
        "Paginator.next_cursor = broken\n"
        "harvester.cli.main()"
    )
    with FaultServer(with_second(good(2))) as server:
        config.write_text(YAML.replace("http://127.0.0.1:1/", server.url))
        done = subprocess.run(
            [sys.executable, "-c", code], env={**ENVIRONMENT, "KEY": KEY}, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "ZeroDivisionError: of ours" in done.stderr
    assert "This is a bug in harvester" in done.stderr
    assert "please report the lines above. What was committed is kept." in done.stderr


def test_called_from_a_folder_that_is_gone(config: Path, tmp_path: Path) -> None:
    """What it is, and what to type; nothing was asked."""
    gone = tmp_path / "gone"
    gone.mkdir()
    done = harvester("run", config.absolute(), cwd=gone, preexec=gone.rmdir)
    assert done.returncode == 2, done.stderr
    assert "has been deleted" in done.stderr
    assert "cd " in done.stderr
