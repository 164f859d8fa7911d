"""What servers, files and machines can do to a command: never a crash, never exit code 1."""

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harvester import (
    ConfigError,
    Summary,
    harvest,
    iter_records,
    load_config,
    status,
    verify,
    write_report,
)
from harvester.engine.check import check_live
from harvester.results.last_run import write_last_run
from harvester.results.summary import Failures
from harvester.terminal.plain import PlainDisplay
from harvester.terminal.progress import Progress
from tests.support import ENVIRONMENT, ITEMS, Reply, Respond, Scripted, chain, write_config

HARVESTER = (sys.executable, "-m", "harvester")
LONG = "1" + "0" * 400


def harvester(
    *arguments: str | Path, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; no traceback, no exit code 1."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [*HARVESTER, *map(str, arguments)],
        env={**ENVIRONMENT, **(env or {})},
        capture_output=True, text=True, timeout=60, check=False, **options,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode != 1, done.stderr
    return done


def run(
    folder: Path, respond: Respond, text: str = ITEMS, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Harvest the YAML from a `Scripted` server into `folder`/out."""
    with Scripted(respond) as server:
        path = write_config(folder, text.replace("http://127.0.0.1:1/", server.base_url))
        return harvester("run", path, "--out", folder / "out", **options)


# --- Numbers -------------------------------------------------------------------------------------

WINDOWED = ITEMS.replace('{shard: "{shard}"}', '{from: "{w.start:iso}"}').replace(
    "{shard: [a]}", "{w: {start: 2021-01-01, end: 2021-02-01, step: 1mo}}"
)
CURSOR = "{type: cursor, cursor_path: next, cursor_param: cursor}"


def in_process(folder: Path, respond: Respond, text: str = ITEMS, **env: str) -> Summary:
    """Harvest by the library, everything shown as `--progress plain` shows it, and look at the
    folder in each way.
    """
    with Scripted(respond) as server:
        text = text.replace("http://127.0.0.1:1/", server.base_url)
        loaded = load_config(write_config(folder, text), env=env)
        display = PlainDisplay(Progress(loaded), file=io.StringIO())
        summary = harvest(loaded, out=folder / "out", on_event=display.take)
        list(check_live(loaded))
        if summary.complete:
            harvest(loaded, out=folder / "out")
    assert verify(folder / "out", deep=True).ok
    assert status(folder / "out").complete == summary.complete
    write_report(folder / "out")
    return summary


@pytest.mark.parametrize("number", [LONG, f"-{LONG}", "0." + "3" * 300, "1e400", f'"{LONG}"'])
@pytest.mark.parametrize("key", ["progress_path", "total_path"])
def test_row_100_a_number_that_is_only_shown(number: str, key: str, tmp_path: Path) -> None:
    """Of 400 digits, or none that a float can hold: the page is kept, the number goes for none."""
    if key == "progress_path":
        text = WINDOWED.replace("data_selector", "progress_path: at\n    data_selector", 1)
    else:
        text = WINDOWED.replace(CURSOR, "{type: page_number, total_path: at}")

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if parameters.get("page", "1") != "1":
            return Reply({"data": []})
        return Reply(b'{"data": [{"id": 1}], "at": %b}' % number.encode())

    summary = in_process(tmp_path, respond, text)
    assert summary.complete, summary.failures
    assert list(iter_records(tmp_path / "out")) == [b'{"id": 1}']


@pytest.mark.parametrize("expires", [LONG, f"-{LONG}", "1e400", f'"{LONG}"', "null", "[]"])
def test_row_100_a_token_that_never_expires(expires: str, tmp_path: Path) -> None:
    """`expires_in` beyond any clock: as if nobody had said."""
    auth = (
        "auth: {type: oauth2_client_credentials, access_token_url: http://127.0.0.1:1/token, "
        'client_id: me, client_secret: "{env.HUSH}"}'
    )
    pages = chain(2)

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if path.endswith("token"):
            return Reply(b'{"access_token": "of-the-test", "expires_in": %b}' % expires.encode())
        return pages(path, parameters)

    text = ITEMS.replace("  retry:", f"  {auth}\n  retry:")
    summary = in_process(tmp_path, respond, text, HUSH="hush-hush")
    assert summary.complete, summary.failures
    assert len(list(iter_records(tmp_path / "out"))) == 6


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": LONG},
        {"Retry-After": "-" + LONG},
        {"X-RateLimit-Remaining": LONG, "X-RateLimit-Reset": LONG},
        {"RateLimit": f"limit={LONG}, remaining={LONG}, reset={LONG}"},
        {"Date": f"Thu, 01 Jan {LONG} 00:00:00 GMT"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_row_100_headers(headers: Mapping[str, str], tmp_path: Path) -> None:
    """A wait of 400 digits is none that anybody can heed; the page that came with it counts."""
    pages = chain(2)
    summary = in_process(
        tmp_path, lambda path, parameters: Reply(pages(path, parameters).body, headers=headers)
    )
    assert summary.complete, summary.failures


FURTHER = {
    "record": "",
    "parent": "  - {name: kids, path: kids, params: {n: '{n}'}, data_selector: data,\n"
    "     paginator: {type: single_page}, partitions: {n: {resource: items, field: id}}}\n",
}
SINCE = "incremental: {cursor_path: 'data[*].id', param: since, initial_value: 0, lookback: 1d}"
SMALLEST = "{type: keyset, cursor_path: 'data[*].id', take: min, step: -1, cursor_param: cursor}"
INSTEAD = {
    "incremental": ("data_selector", f"{SINCE}\n    data_selector"),
    "keyset": (CURSOR, SMALLEST),
}


@pytest.mark.parametrize("place", ["record", "parent", "incremental", "keyset", "cursor"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_row_100_where_it_is_acted_upon(place: str, digits: int, tmp_path: Path) -> None:
    """It is kept and sent digit by digit, or the page is refused by the name of the limit."""
    number = b"1" + b"0" * digits
    text = ITEMS.replace(*INSTEAD.get(place, ("", ""))) + FURTHER.get(place, "")
    cursor = number if place == "cursor" else b"null"
    body = b'{"data": [{"id": %b}], "next": %b}' % (number, cursor)

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        first = path.endswith("items") and not {"cursor", "since"} & parameters.keys()
        return Reply(body if first or place == "incremental" else {"data": []})

    summary = in_process(tmp_path, respond, text)
    if not summary.complete:
        assert all("limits.number_chars" in failure.error for failure in summary.failures)
    elif place == "record":
        assert list(iter_records(tmp_path / "out")) == [b'{"id": %b}' % number]


# --- Files of a harvest's folder -----------------------------------------------------------------


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete harvest of three pages, in out."""
    folder = tmp_path_factory.mktemp("complete")
    assert run(folder, chain(3)).returncode == 0
    return folder / "out"


@pytest.fixture
def harvested(complete: Path, tmp_path: Path) -> Path:
    """A copy, to spoil."""
    subprocess.run(["cp", "-r", complete, tmp_path / "out"], check=True)
    return tmp_path / "out"


NOTED: list[Any] = [
    None, 1, [], "text", {"failed": None}, {"failed": {"items": None}, "failures": []},
    {"failed": {"items": "2"}, "failures": []}, {"failed": {"items": -5}, "failures": []},
    {"failed": {"items": 1}, "failures": None}, {"failed": {"items": 1}, "failures": {"a": 1}},
    {"failed": {"items": 1e400}, "failures": [None, 1, [], {}, {"resource": 1}]},
    {"failed": {}, "failures": [{"resource": "items", "partition": {"shard": 1}, "error": 2}]},
    {"failed": {}, "failures": [], "tally": {"since": 1, "runs": 1e400, "run_s": "x"}},
    {"failed": {}, "failures": [], "tally": {"since": "", "runs": 1, "run_s": float("nan"),
                                             "waits_s": {"a": float("inf")}, "errors": {"b": -1}}},
]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [*map(json.dumps, NOTED), "", "{", "[" * 100_000, '{"failed": {"items": 1%s}}' % ("0" * 5000),
     "\x00\xff", "\ufeff{}"],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_row_102_an_odd_last_run(text: str, harvested: Path) -> None:
    """What it notes is only for people: the journals are the truth, and they are whole."""
    path = harvested / "last_run.json"
    path.write_text(text, encoding="latin-1" if "\xff" in text else "utf-8")
    told = status(harvested)
    assert told.complete
    assert asdict(told.resources[0].partitions) == {
        "total": 1, "complete": 1, "failed": 0, "pending": 0,
    }  # fmt: skip
    assert verify(harvested).ok
    write_report(harvested)
    write_last_run(harvested, Failures())  # as the next run does


def odd(path: Path, kind: str) -> None:
    """Put something that is no file where a file should be."""
    path.unlink(missing_ok=True)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link to nothing":
            path.symlink_to("nowhere")
        case "device":
            path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing", "device"])
def test_row_102_a_last_run_that_is_no_file(kind: str, harvested: Path) -> None:
    """It says nothing; nobody waits for it, and it is not read for ever."""
    odd(harvested / "last_run.json", kind)
    for command in ("status", "verify", "records"):
        assert harvester(command, harvested).returncode == 0
    assert run(harvested.parent, chain(3)).returncode in (0, 4, 5)


# --- Partitions that are secrets -----------------------------------------------------------------

SECRETS = ITEMS.replace('{shard: "{shard}"}', '{%s: "{%s}"}').replace("{shard: [a]}", "%s")
PARENT = """  - {name: parents, path: parents, data_selector: data, paginator: {type: single_page}}
"""


@pytest.mark.parametrize(
    ("sent", "key", "partitions", "place"),
    [
        ("api_key", "api_key", "{api_key: [aaaa, bbbb]}", "api_key"),
        ("q", "token", "{token: [aaaa]}", "token"),
        ("q", "access_token", "{access_token: {file: keys.csv, column: id}}", "access_token"),
        ("q", "id", "{id: {file: keys.csv, column: client_secret}}", "id.column"),
        ("q", "id", "{id: {file: keys.csv, column: id, include: {password: p}}}",
         "id.include.password"),
        ("q", "api_token", "{api_token: {resource: parents, field: t}}", "api_token"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["check", "run", "plan"])
def test_row_101_a_partition_of_secrets(
    command: str, sent: str, key: str, partitions: str, place: str, tmp_path: Path
) -> None:
    """Is refused by every command that would make something of it, with the place, before a folder
    is there.
    """
    (tmp_path / "keys.csv").write_text("id,client_secret,p\n1,hush-hush,hush\n")
    path = write_config(tmp_path, SECRETS % (sent, key, partitions) + PARENT)
    with pytest.raises(ConfigError) as caught:
        load_config(path, env={})
    assert [problem.path for problem in caught.value.problems] == [
        f"resources[0].partitions.{place}"
    ]
    if place == "api_key":
        done = harvester(command, path, cwd=tmp_path)
        assert done.returncode == 2
        assert '"{env.API_KEY}"' in done.stderr
        assert sorted(tmp_path.iterdir()) == [path, tmp_path / "keys.csv"]


@pytest.mark.parametrize("sent", ["api_key", "client_secret", "access_token"])
def test_row_101_a_partition_sent_as_a_secret(sent: str, tmp_path: Path) -> None:
    """Whatever its key is called."""
    path = write_config(tmp_path, SECRETS % (sent, "k", "{k: [aaaa]}"))
    with pytest.raises(ConfigError, match=rf"resources\[0\].params.{sent}: the values of '{sent}'"):
        load_config(path, env={})


@pytest.mark.parametrize(
    ("sent", "key"), [("key", "key"), ("token", "symbol"), ("q", "page_token")]
)
def test_a_partition_that_only_sounds_secret(sent: str, key: str, tmp_path: Path) -> None:
    """The key of a work, the symbol of a coin: no secrets."""
    load_config(write_config(tmp_path, SECRETS % (sent, key, f"{{{key}: [aaaa]}}")), env={})


# --- Variables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "auth",
    [
        '{type: bearer, token: "{env.HUSH}"}',
        '{type: api_key, name: key, value: "{env.HUSH}", location: query}',
        '{type: http_basic, username: me, password: "{env.HUSH}"}',
    ],
)
def test_row_103_a_variable_that_is_no_text(auth: str, tmp_path: Path) -> None:
    """Bytes that are no UTF-8: named with the place, and the value is not shown."""
    text = ITEMS.replace("  retry:", f"  auth: {auth}\n  retry:")
    path = write_config(tmp_path, text)
    done = harvester("run", path, env={"HUSH": os.fsdecode(b"hush\xff\xfehush")}, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{path}:6: client.auth." in done.stderr
    assert "the environment variable HUSH is not UTF-8 text" in done.stderr
    assert "hush" not in done.stderr


def test_row_103_other_variables_do_not_matter(tmp_path: Path) -> None:
    """Nobody reads them; not even an error looks into them."""
    env = {"OTHER_TOKEN": os.fsdecode(b"\xff\xfe"), "PATH2": os.fsdecode(b"\x80")}
    assert run(tmp_path, chain(1), env=env).returncode == 0
    done = harvester("status", tmp_path / "nowhere", env=env)
    assert done.returncode == 2


# --- The machine ---------------------------------------------------------------------------------


def test_row_103_a_yaml_that_is_no_file(tmp_path: Path) -> None:
    """A pipe is read once, and not waited for where nobody writes; no device is read for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"version: 1\nname: caf\xe9\n")
    for name, told in (
        ("pipe", "a pipe that nobody writes into"),
        ("folder", "Is a directory"),
        ("/dev/zero", "over 4 MiB"),
        ("/dev/null", "the file is empty"),
        ("latin.yaml", "latin.yaml:2: not UTF-8 text"),
    ):
        done = harvester("check", tmp_path / name)
        assert done.returncode == 2, name
        assert told in done.stderr
    reader, writer = os.pipe()
    os.write(writer, ITEMS.encode())
    os.close(writer)
    done = harvester("check", f"/dev/fd/{reader}", pass_fds=[reader])
    os.close(reader)
    assert done.returncode == 0, done.stderr


#: Runs the command line where the machine gives so many threads and no more.
FEW_THREADS = """
import sys, threading
left, real = [int(sys.argv.pop(1))], threading._start_new_thread
def start(*given, **named):
    if not left[0]:
        raise RuntimeError("can't start new thread")
    left[0] -= 1
    return real(*given, **named)
threading._start_new_thread = start
from harvester.cli import main
main()
"""


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_row_103_no_more_threads(threads: int, tmp_path: Path) -> None:
    """The run ends with what to do, and what to type; the next one goes on."""
    shards = "resources.items.partitions.shard=[a, b, c, d, e]"
    with Scripted(chain(3)) as server:
        words = [
            "run", str(write_config(tmp_path, ITEMS)), "--out", str(tmp_path / "out"),
            "--base-url", server.base_url, "--set", shards,
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", FEW_THREADS, str(threads), *words], env=ENVIRONMENT,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert done.returncode == 4
        assert "no more threads: raise the limit (ulimit -u)" in " ".join(done.stderr.split())
        assert harvester(*words).returncode == 0
    assert len(list(iter_records(tmp_path / "out"))) == 45
    assert verify(tmp_path / "out", deep=True).ok


ODD: list[dict[str, str]] = [
    {"TERM": "weird", "COLUMNS": "0"}, {"TERM": "", "COLUMNS": "x"}, {"COLUMNS": "1"},
    {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}, {"TZ": "Nowhere/Land", "HOME": ""},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_row_103_odd_surroundings(odd: dict[str, str], tmp_path: Path) -> None:
    """None of this has to do with a harvest."""
    assert run(tmp_path, chain(1), env=odd).returncode == 0


def test_row_103_no_working_folder(tmp_path: Path) -> None:
    """It was removed while we stood in it: what is named in full is found, the rest is told."""
    path = write_config(tmp_path, ITEMS)
    code = (
        "import os, sys\n"
        f"os.mkdir({str(tmp_path / 'gone')!r}); os.chdir({str(tmp_path / 'gone')!r})\n"
        f"os.rmdir({str(tmp_path / 'gone')!r})\n"
        "from harvester.cli import main\nmain()"
    )
    for words, codes in (
        (["check", str(path)], (0,)),
        (["check", "config.yaml"], (2,)),
        (["run", str(path)], (2, 4)),
        (["status", "data"], (2, 5)),
    ):
        done = subprocess.run(
            # -P, as the command itself has it: imports do not look into the folder that is gone.
            [sys.executable, "-P", "-c", code, *words], env=ENVIRONMENT, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode in codes, done.stderr
        assert "Traceback" not in done.stderr


# --- Terminals -----------------------------------------------------------------------------------

OBEYED = "a\x1b[31mred\x9b2J\u202e\x7f[bold]b[/bold]"


def on_terminal(*arguments: str | Path) -> str:
    """What a command writes to a terminal, stdout and stderr together."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(
            HARVESTER[0], [*HARVESTER, *map(str, arguments)], {**ENVIRONMENT, "TERM": "xterm"}
        )
    written = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
        while piece := os.read(terminal, 1 << 16):
            written += piece
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) in (0, 3, 5)
    return written.decode()


def test_row_99_a_terminal_obeys_nothing(tmp_path: Path) -> None:
    """A server's text in records, values, errors and JSON: shown, and none of it an order. Through
    a pipe `records` gives every byte as it came.
    """
    text = ITEMS + (
        "  - {name: kids, path: kids, params: {n: '{n}'}, data_selector: data,\n"
        "     paginator: {type: single_page}, partitions: {n: {resource: items, field: id}}}\n"
    )
    body = json.dumps({"data": [{"id": OBEYED}], "next": None}, ensure_ascii=False)

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        if path.endswith("kids"):
            return Reply(OBEYED.encode(), status=403)
        return Reply(body.encode())

    out = tmp_path / "out"
    assert run(tmp_path, respond, text).returncode == 3
    with Scripted(respond) as server:
        path = write_config(tmp_path, text.replace("http://127.0.0.1:1/", server.base_url))
        commands: list[list[str | Path]] = [
            ["run", path, "--out", out, "--progress", "plain"],
            ["status", out], ["status", out, "--json"], ["verify", out], ["records", out],
            ["plan", path, "--json"], ["check", path, "--live"],
        ]  # fmt: skip
        for words in commands:
            told = on_terminal(*words)
            assert not {"\x9b", "\u202e", "\x7f"} & set(told), words
            assert "\x1b[31mred" not in told, words
    piped = subprocess.run(
        [*HARVESTER, "records", str(out)], env=ENVIRONMENT, capture_output=True, check=True
    )
    assert piped.stdout == body[body.index("[") + 1 : body.rindex("]")].encode() + b"\n"
    shown = on_terminal("records", out).strip()
    assert json.loads(shown) == {"id": OBEYED}
