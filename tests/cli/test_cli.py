"""The command line, in processes of its own: exit codes, JSON, streams, signals, messages."""

import importlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import typer.main

from harvester import __version__, cli
from harvester.cli import app
from harvester.emulator import UNLIMITED, Emulator
from harvester.store import manifest as folder
from tests.support import ENVIRONMENT, ITEMS, SEARCH, Reply, Scripted, chain, write_config

REPOSITORY = Path(__file__).parents[2]
HARVESTER = (sys.executable, "-m", "harvester")
GROUP: Any = typer.main.get_command(app)
COMMANDS = list(GROUP.commands)


def harvester(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*HARVESTER, *map(str, arguments)],
        env={**ENVIRONMENT, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """A configuration for a `Scripted` server."""
    return write_config(tmp_path, ITEMS)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete harvest of two shards, three pages of three records each."""
    folder = tmp_path_factory.mktemp("complete")
    out = folder / "out"
    with Scripted(chain(3)) as server:
        done = harvester(
            "run", write_config(folder, ITEMS), "--out", out, "--base-url", server.base_url,
            "--set", "resources.items.partitions.shard=[a, b]",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def harvested(complete: Path, tmp_path: Path) -> Path:
    """A copy of it, to damage."""
    return shutil.copytree(complete, tmp_path / "out")


# --- The program ---------------------------------------------------------------------------------


def test_version_is_printed_without_heavy_imports() -> None:
    """`--version` answers on stdout, and imports nothing that takes long to."""
    heavy = "{'pydantic', 'requests', 'rich', 'ijson', 'yaml', 'tenacity', 'isal'}"
    code = (
        "import sys; sys.argv = ['harvester', '--version']\n"
        "from harvester.cli import main\n"
        "try: main()\n"
        f"finally: print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.stdout == f"harvester {__version__}\n[]\n"
    assert done.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "x.yaml", "--nonsense"],
        ["run", "x.yaml", "--concurrency", "0"],
        ["run", "x.yaml", "--progress", "loud"],
        ["status", "no-such-folder"],
        ["records", ".", "--partition", "query"],
    ],
    ids=" ".join,
)
def test_bad_usage_exits_2_with_a_hint(arguments: list[str], tmp_path: Path) -> None:
    """What cannot be understood says so on stderr, briefly."""
    done = harvester(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_is_listed() -> None:
    """A command that its module declares, and the list of commands does not name, has no name."""
    package = Path(cli.__file__).parent
    for module in package.glob("[a-z]*.py"):
        importlib.import_module(f"harvester.cli.{module.stem}")
    declared = [
        (info.name or info.callback.__name__, info.callback.__module__)
        for info in app.registered_commands
        if info.callback
    ]
    listed = [(name, GROUP.commands[name].callback.__module__) for name in COMMANDS]
    assert sorted(declared) == sorted(listed)
    with pytest.raises(KeyError):
        GROUP.commands["no-such-command"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_example(command: str) -> None:
    """`--help` says what for, shows lines to type, and names every exit code it can end with."""
    done = harvester(command, "--help")
    assert done.returncode == 0
    assert re.search(rf"^ +harvester {command}( |$)", done.stdout, re.MULTILINE), done.stdout
    assert "Exit codes:" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines()), done.stdout


@pytest.mark.parametrize("command", [[], ["run"]], ids=["first page", "run"])
def test_help_is_a_command_too(command: list[str]) -> None:
    """`harvester help run`, as others have it."""
    done = harvester("help", *command)
    assert done.returncode == 0
    assert done.stdout == harvester(*command, "--help").stdout


def test_the_first_page_lists_the_commands_by_stage() -> None:
    """Before, during and after a harvest; each command once."""
    done = harvester("--help")
    stages = re.split(r"\n(?:(?:Before a|A|After a) harvest|A way back):\n", done.stdout)[1:]
    assert len(stages) == 4
    listed = [re.findall(r"^  ([a-z]+)  ", stage, re.MULTILINE) for stage in stages]
    assert "check" in listed[0]
    assert "run" in listed[1]
    assert "records" in listed[2]
    assert sorted(name for stage in listed for name in stage) == sorted(COMMANDS)


def test_a_bug_shows_its_traceback_and_exits_1() -> None:
    """Only what nobody expected has a traceback, and it asks to be reported."""
    code = (
        "import sys; sys.argv = ['harvester', 'schema']\n"
        "import harvester.config as schema\n"
        "def broken(): raise ZeroDivisionError('?token=hush-hush')\n"
        "schema.json_schema = broken\n"
        "from harvester.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "This is a bug in harvester" in done.stderr
    assert "hush-hush" not in done.stderr


def test_schema_is_that_of_the_file_beside_the_configs() -> None:
    """configs/harvester.schema.json, which editors read, is what `harvester schema` prints."""
    done = harvester("schema")
    assert done.returncode == 0
    kept = (REPOSITORY / "configs" / "harvester.schema.json").read_text()
    assert done.stdout == kept, "run: harvester schema > configs/harvester.schema.json"


# --- Configurations ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "plan", "check"])
def test_all_problems_of_a_configuration_are_told_at_once(command: str, tmp_path: Path) -> None:
    """One line each, `file:line: path: message`, then their number; exit code 2."""
    path = write_config(tmp_path, ITEMS.replace("cursor_path", "cursorpath") + "nonsense: 1\n")
    done = harvester(command, path)
    assert done.returncode == 2
    assert done.stdout == ""
    *problems, count = done.stderr.splitlines()
    assert len(problems) > 1
    for problem in problems:
        assert re.match(rf"{re.escape(str(path))}:\d+: \S+: ", problem), problem
    assert count == f"{len(problems)} problems; nothing was done"


def test_a_missing_configuration_is_told_by_name(tmp_path: Path) -> None:
    """A file that is not there is a problem like any other."""
    done = harvester("run", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "none.yaml: cannot be read: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "confg.yaml"], "did you mean config.yaml?"),
        (["run", "."], "Is a directory; there is config.yaml"),
        (["run", "config.yaml", "--resource", "item"], "unknown resource 'item': did you mean 'it"),
        (["status", "config.yaml"], "config.yaml: no harvest lies in "),
        (["status", "outt"], "there is no folder outt; did you mean out?"),
        (["status", "."], "not the folder of a harvest; did you mean ./out?"),
        (["records", "out", "--resource", "item"], "unknown resource 'item': did you mean 'items'"),
        (["records", "out", "--partition", "shrd=a"], "unknown partition key 'shrd': did you mean"),
        (["records", "out", "--partition", "shard=c"], "unknown shard 'c' (known: a, b)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_slip_is_told_with_what_was_meant(
    arguments: list[str], said: str, harvested: Path, items: Path
) -> None:
    """The nearest file, folder, resource, key or value; never silence, never a traceback."""
    assert harvested.parent == items.parent
    done = harvester(*arguments, cwd=items.parent)
    assert done.returncode in (2, 5)
    assert said in done.stderr
    assert done.stdout == ""


def test_plan_lists_partitions_and_the_least_they_take(tmp_path: Path) -> None:
    """Text for people: the numbers of each resource, and the first partitions."""
    done = harvester(
        "plan", write_config(tmp_path, SEARCH), "--set", "client.rate_limit={requests: 1, per: 2s}"
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "search"
    assert lines[2].split() == ["tweets", "4", "4", "6", "s"]
    assert lines[3] == "  tweets query=from:nasa window=2021-01-01_2021-07-01"


def test_plan_as_json_lists_every_partition(tmp_path: Path) -> None:
    """Resources with their numbers, and all partitions, more than the text shows."""
    done = harvester(
        "plan", write_config(tmp_path, SEARCH), "--json",
        "--set", "resources.tweets.partitions.window.step=1mo",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told.keys() == {"name", "resources", "partitions"}
    assert told["resources"] == [
        {"name": "tweets", "partitions": 24, "least_requests": 24, "least_seconds": 0}
    ]
    assert len(told["partitions"]) == 24
    assert told["partitions"][0] == {
        "resource": "tweets",
        "partition": {"query": "from:nasa", "window": "2021-01-01_2021-02-01"},
    }


EMPTY = "resources.tweets.partitions.window={start: 2021-01-01, end: now, step: 99y}"


def test_a_plan_without_partitions_says_so(tmp_path: Path) -> None:
    """Before the first window has closed, both forms are clear about it."""
    path = write_config(tmp_path, SEARCH)
    assert "No partition is planned yet" in harvester("plan", path, "--set", EMPTY).stdout
    told = json.loads(harvester("plan", path, "--set", EMPTY, "--json").stdout)
    assert told["partitions"] == []


def test_a_run_without_partitions_is_complete(tmp_path: Path) -> None:
    """Nothing to do is no failure, and is said."""
    done = harvester(
        "run", write_config(tmp_path, SEARCH), "--set", EMPTY, "--out", tmp_path / "out", "--json"
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["complete"] is True
    assert "nothing to harvest" in done.stderr


def test_check_shows_the_resources(items: Path) -> None:
    """A good configuration is `ok`, with a line for each resource."""
    done = harvester("check", items)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{items}: ok\n")
    assert "items     cursor              1  none" in done.stdout


def test_check_shows_what_is_suspicious(tmp_path: Path) -> None:
    """Each lint with its line; the configuration is ok all the same, and secrets stay unseen."""
    text = """version: 1
name: odd
client:
  base_url: http://api.example/
  auth: {type: bearer, token: hush-hush-8}
resources:
  - name: a
    paginator: {type: offset, offset_param: page, limit: 100}
  - name: b
    params: {api_key: hush-hush-9}
    paginator: {type: page_number, page_size: 50}
  - name: c
    params: {limit: 50}
    paginator: {type: json_link, next_url_path: "@odata.nextLink", page_size: 50}
"""
    path = write_config(tmp_path, text)
    done = harvester("check", path)
    assert done.returncode == 0, done.stderr
    lints = [line for line in done.stdout.splitlines() if line.startswith("lint: ")]
    assert [line.removeprefix(f"lint: {path}:").split(": ")[:2] for line in lints] == [
        ["4", "client.base_url"],
        ["5", "client.auth.token"],
        ["8", "resources[0].paginator.offset_param"],
        ["10", "resources[1].params.api_key"],
        ["11", "resources[1].paginator.page_size"],
        ["14", "resources[2].paginator.next_url_path"],
    ]
    assert "['@odata.nextLink']" in lints[-1]
    assert "hush-hush" not in done.stdout + done.stderr


def test_check_live_shows_two_pages_and_writes_nothing(items: Path, tmp_path: Path) -> None:
    """Status, records, keys, cursor and rate limit of the first page, and what came of the second;
    no folder is made.
    """
    rates = {"X-Rate-Limit-Limit": "300", "X-Rate-Limit-Remaining": "299"}

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        second = "cursor" in parameters
        data = [{"id": 3}] if second else [{"id": 1, "text": "x"}, {"id": 2}]
        return Reply({"data": data, "next": None if second else "t2"}, headers=rates)

    with Scripted(respond) as server:
        done = harvester("check", items, "--live", "--base-url", server.base_url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n\n")[1] == (
        "resource       status        records  first record  next cursor       rate limit\n"
        "items shard=a     200  2 in 59 bytes  id, text      t2           299 of 300 left\n"
        "items shard=a:\n"
        f"  asked: GET {server.base_url}items?shard=a\n"
        f"  asked: GET {server.base_url}items?shard=a&cursor=t2\n"
        "  second page: 1 other record (by id)\n"
        "  ends with: a page without a cursor at next\n"
    )
    assert len(server.asked) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml"]


def test_check_live_exits_3_when_a_resource_fails(items: Path) -> None:
    """What the server answered is told; the other resources are looked at all the same."""
    with Scripted(lambda path, parameters: Reply({"error": "who are you?"}, 401)) as server:
        done = harvester("check", items, "--live", "--base-url", server.base_url)
    assert done.returncode == 3
    assert "the server answered 401 Unauthorized" in done.stdout
    assert "who are you?" in done.stdout


# --- Runs ----------------------------------------------------------------------------------------


def test_a_complete_run(items: Path, tmp_path: Path) -> None:
    """Exit code 0, the summary alone on stdout, what to type next on stderr."""
    out = tmp_path / "out"
    with Scripted(chain(3)) as server:
        done = harvester("run", items, "--out", out, "--base-url", server.base_url, "--json")
    assert done.returncode == 0, done.stderr
    stored = sum(path.stat().st_size for path in out.rglob("part-*"))
    summary = json.loads(done.stdout)
    assert summary.pop("failures") == []
    assert summary.pop("doubts") == []
    (resource,) = summary.pop("resources")
    run = summary.pop("run")
    assert (run["pages"], run["records"], run["requests"]) == (3, 9, 3)
    assert summary == {"name": "items", "complete": True}
    assert resource.pop("bytes") > 0
    assert resource == {
        "name": "items",
        "partitions": {"total": 1, "complete": 1, "failed": 0, "pending": 0},
        "pages": 3,
        "records": 9,
        "stored_bytes": stored,
        "requests": 3,
        "retries": 0,
        "ends": {"no_next_cursor": 1},
    }
    assert "Complete: 1 partition, 3 pages, 9 records." in done.stderr
    assert f"harvester records {out}" in done.stderr


def test_progress_none_says_nothing_when_all_is_well(items: Path, tmp_path: Path) -> None:
    """For cron: no output, no mail."""
    with Scripted(chain(2)) as server:
        done = harvester(
            "run", items, "--out", tmp_path / "out", "--base-url", server.base_url,
            "--progress", "none",
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def half_broken(path: str, parameters: Mapping[str, str]) -> Reply:
    """Shard b is missing."""
    if parameters["shard"] == "b":
        return Reply({"error": "no such shard"}, 404)
    return chain(2)(path, parameters)


def test_failed_partitions_exit_3_and_the_printed_line_resumes(items: Path, tmp_path: Path) -> None:
    """The others are kept, the failure says why, and the command to type is the one typed."""
    arguments = [
        "run", str(items), "--out", str(tmp_path / "my out"),
        "--set", "resources.items.partitions.shard=[a, b]", "--json",
    ]  # fmt: skip
    with Scripted(half_broken) as server:
        failed = harvester(*arguments, "--base-url", server.base_url)
        server.respond = chain(2)
        *_, again = failed.stderr.splitlines()
        resumed = subprocess.run(
            shlex.split(again), env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
    assert failed.returncode == 3
    told = json.loads(failed.stdout)
    assert told["complete"] is False
    (failure,) = told["failures"]
    assert failure["resource"] == "items"
    assert failure["partition"] == {"shard": "b"}
    assert "404 Not Found" in failure["error"]
    assert "1 of 2 partitions failed" in failed.stderr
    assert shlex.split(again)[-len(arguments) - 2 : -2] == arguments
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["resources"][0]["pages"] == 4


def test_max_pages_pauses_with_4_and_goes_on(items: Path, tmp_path: Path) -> None:
    """Each run adds that many pages to a partition; the one that finds the end exits 0."""
    with Scripted(chain(3)) as server:
        arguments = [
            "run",
            str(items),
            "--out",
            str(tmp_path / "out"),
            "--base-url",
            server.base_url,
        ]
        first = harvester(*arguments, "--max-pages", "2", "--json")
        second = harvester(*arguments, "--max-pages", "2", "--json")
    assert first.returncode == 4
    assert json.loads(first.stdout)["resources"][0]["pages"] == 2
    assert "Paused by --max-pages: 1 partition has more." in first.stderr
    assert second.returncode == 0
    assert json.loads(second.stdout)["resources"][0]["pages"] == 3


def test_a_spent_quota_exits_4(tmp_path: Path) -> None:
    """The real configuration's rule stops the run at UsageCapExceeded; the folder says where."""
    out = tmp_path / "out"
    with Emulator(tweets=3000, bearer="t-o-k-e-n", rate_limit=UNLIMITED, monthly_cap=900) as api:
        done = harvester(
            "run", REPOSITORY / "configs" / "twitter_search_all.yaml", "--out", out, "--json",
            "--base-url", api.base_url, "--set", "client.rate_limit=[]",
            env={"TWITTER_BEARER_TOKEN": "t-o-k-e-n"},
        )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "UsageCapExceeded" in done.stderr
    assert "To go on from here:" in done.stderr
    assert "UsageCapExceeded" in json.loads(done.stdout)["stopped"]
    assert "t-o-k-e-n" not in done.stdout + done.stderr
    assert harvester("verify", out).returncode == 0


def test_a_strangers_folder_exits_5(items: Path, tmp_path: Path) -> None:
    """Files that are no harvest's are left alone."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("x")
    done = harvester("run", items, "--out", tmp_path / "out")
    assert done.returncode == 5
    assert "thesis.tex" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_question_in_the_same_folder_exits_5(items: Path, harvested: Path) -> None:
    """What changed is named, and nothing is asked."""
    done = harvester("run", items, "--out", harvested, "--set", "resources.items.path=others")
    assert done.returncode == 5
    assert 'path was "items", is "others"' in done.stderr


def test_a_locked_folder_exits_6(items: Path, tmp_path: Path) -> None:
    """A second run on the same folder leaves at once, naming the first."""
    with folder.locked(tmp_path / "out", fsync=False):
        done = harvester("run", items, "--out", tmp_path / "out")
    assert done.returncode == 6
    assert f"process {os.getpid()}" in done.stderr


def test_secrets_of_the_command_line_are_masked(items: Path, tmp_path: Path) -> None:
    """A token given with --set is in neither stream, nor in the line that resumes."""
    token = "hush-hush-7"
    with Scripted(lambda path, parameters: Reply({"error": token}, 403)) as server:
        done = harvester(
            "run", items, "--out", tmp_path / "out", "--base-url", server.base_url, "--json",
            "--set", f"client.auth={{type: bearer, token: {token}}}",
        )  # fmt: skip
    assert done.returncode == 3
    assert token not in done.stdout + done.stderr
    assert "token: ***" in done.stderr


def waited_for(found: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    """Wait until `found()`; fail when the process ends before."""
    deadline = time.monotonic() + 30
    while not found():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def held(items: Path, tmp_path: Path) -> Iterator[tuple[Scripted, list[str], Event]]:
    """A server that stops in the middle of page 3 until told to go on, and the run's arguments."""
    release = Event()

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        reply = chain(4)(path, parameters)
        return Reply(reply.body, hold=release) if parameters.get("cursor") == "3" else reply

    with Scripted(respond) as server:
        yield (
            server,
            ["run", str(items), "--out", str(tmp_path / "out"), "--base-url", server.base_url],
            release,
        )
        release.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signals_end_a_run_cleanly_and_it_resumes(
    held: tuple[Scripted, list[str], Event], number: signal.Signals
) -> None:
    """Exit code 130 within the page, with JSON and the resume line; then nothing is doubled."""
    server, arguments, release = held
    process = subprocess.Popen(
        [*HARVESTER, *arguments, "--json"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    waited_for(lambda: len(server.asked) == 3, process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    told = json.loads(stdout)
    assert (told["complete"], told["resources"][0]["pages"]) == (False, 2)
    assert "Interrupted; everything committed is kept." in stderr
    assert "Traceback" not in stderr
    release.set()
    done = harvester(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resources"][0]["records"] == 12
    assert [asked.get("cursor") for asked in server.asked] == [None, "2", "3", "3", "4"]


# --- Reading a harvest ---------------------------------------------------------------------------


def test_status_in_both_forms(harvested: Path) -> None:
    """A table for people; the numbers of `run --json` for programs."""
    text = harvester("status", harvested)
    assert text.returncode == 0
    assert text.stdout.startswith("items: complete: 2 partitions, 6 pages, 18 records.")
    told = json.loads(harvester("status", harvested, "--json").stdout)
    assert told.keys() >= {"name", "complete", "resources", "failures", "doubts"}
    assert (told["under_way"], told["pid"], told["stalled"]) == (False, None, False)
    assert told["resources"][0]["partitions"] == {
        "total": 2, "complete": 2, "failed": 0, "pending": 0,
    }  # fmt: skip


def test_verify_passes_a_good_folder(harvested: Path) -> None:
    """Exit code 0 and `ok` in both forms, deep or not."""
    assert harvester("verify", harvested).stdout == "ok: 6 parts, each as its journal says\n"
    done = harvester("verify", harvested, "--deep", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"ok": True, "parts": 6, "problems": []}


def test_verify_names_a_damaged_part_and_exits_5(harvested: Path) -> None:
    """One flipped byte is found, and named relative to the folder."""
    part = harvested / "items" / "shard=a" / "part-000002.json.gz"
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    text = harvester("verify", harvested)
    assert text.returncode == 5
    assert "items/shard=a/part-000002.json.gz: its SHA-256 differs" in text.stdout
    told = json.loads(harvester("verify", harvested, "--json").stdout)
    assert told["ok"] is False
    assert [problem["path"] for problem in told["problems"]] == [
        "items/shard=a/part-000002.json.gz"
    ]


@pytest.mark.parametrize("command", ["status", "records"])
def test_a_damaged_journal_exits_5(command: str, harvested: Path) -> None:
    """A damaged line in the middle is named with its file and number, without a traceback."""
    journal = harvested / "items" / "shard=a" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], lines[1].replace(b"200", b"201"), *lines[2:]]))
    done = harvester(command, harvested)
    assert done.returncode == 5
    assert f"{journal}:2: this line is damaged" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["status", "verify", "records"])
def test_a_folder_that_is_no_harvest_exits_5(command: str, tmp_path: Path) -> None:
    """The folder is named, and what it lacks."""
    done = harvester(command, tmp_path)
    assert done.returncode == 5
    assert done.stdout == ""
    assert f"error: {tmp_path}: no harvest.json here" in done.stderr


def test_records_are_json_lines_in_order(harvested: Path) -> None:
    """All of them, and those of one partition."""
    ids = [json.loads(line)["id"] for line in harvester("records", harvested).stdout.splitlines()]
    assert ids == [
        f"{shard}-{page}-{item}" for shard in "ab" for page in (1, 2, 3) for item in (0, 1, 2)
    ]
    chosen = harvester("records", harvested, "--resource", "items", "--partition", "shard=b")
    assert [json.loads(line)["id"] for line in chosen.stdout.splitlines()] == ids[9:]


@pytest.mark.parametrize(
    ("option", "value"), [("--resource", "nothing"), ("--partition", "nothing=1")]
)
def test_records_refuses_a_choice_that_cannot_match(
    option: str, value: str, harvested: Path
) -> None:
    """A misspelt choice is an error that names what there is, not an empty file."""
    done = harvester("records", harvested, option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown " in done.stderr
    assert "(known: " in done.stderr


def test_records_ends_quietly_when_its_reader_has_enough(items: Path, tmp_path: Path) -> None:
    """`records | head -n 1`: no message, no traceback, exit code 0."""

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        return Reply({"data": [{"text": "x" * 1000} for _ in range(4000)]})

    with Scripted(respond) as server:
        harvester("run", items, "--out", tmp_path / "out", "--base-url", server.base_url)
    process = subprocess.Popen(
        [*HARVESTER, "records", str(tmp_path / "out")],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b'{"text": "' + b"x" * 1000 + b'"}\n'
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0
