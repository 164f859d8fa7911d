"""`harvester init` as a whole: its bounds, what it does when an API will not, and its command."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester.config.load import load_config
from harvester.errors import ConfigError
from harvester.scaffold.deciding import NoFirstPage
from harvester.scaffold.probing import MOST_REQUESTS
from harvester.scaffold.proposing import Proposal, named, propose
from harvester.scaffold.reading import given
from harvester.scaffold.telling import rate_of
from tests.api_server import Answer, ApiServer, Asked
from tests.support import ENVIRONMENT

SECRET = "hush-hush-0123456789"


def proposed(text: str, env: Mapping[str, str] | None = None, **options: Any) -> Proposal:
    """What `init` makes of a line; the waits are noted in `WAITED`."""
    WAITED.clear()
    found = given([text], lambda: "", env=env or {}, offline=options.get("offline", False))
    name = named([one.ask for one in found.wanted], options.pop("name", None))
    return propose(
        found.wanted, name=name, source=found.source, env=env or {}, sleep=WAITED.append, **options
    )


WAITED: list[float] = []


def init(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", "init", *arguments], cwd=cwd, input=stdin,
        env={**ENVIRONMENT, **(env or {})}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def rows(start: int, count: int) -> list[dict[str, Any]]:
    """Records."""
    return [{"id": n, "x": "y"} for n in range(start, start + count)]


# --- Bounds --------------------------------------------------------------------------------------


def test_an_api_that_never_pages_is_left_in_peace() -> None:
    """Six requests at most, whatever is guessed; and the file says that nothing was found."""
    with ApiServer(lambda asked: Answer(rows(0, 100))) as server:
        proposal = proposed(f"curl {server.origin}/items")
        assert len(server.asked) == proposal.requests <= MOST_REQUESTS
    assert not proposal.proven
    assert "type: single_page" in proposal.text
    assert any("nothing was found" in line for line in proposal.unsure)
    assert any("page_number" in note for note in proposal.notes)


def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    """Retry-After between the pages, and a used-up limit that a good answer announces."""

    def answer(asked: Asked) -> Answer:
        start = int(asked.params.get("at", 0))
        if start and len(server.asked) == 2:
            return Answer({"message": "too many"}, 429, {"Retry-After": "7"})
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3"}
        link = f"/items?at={start + 5}" if start < 10 else None
        return Answer({"items": rows(start, 5), "next": link}, headers=headers)

    with ApiServer(answer) as server:
        proposal = proposed(f"curl {server.origin}/items")
    assert proposal.proven
    assert proposal.requests == 3
    assert [round(wait) for wait in WAITED] == [3, 7]


def test_a_long_wait_is_not_waited_for() -> None:
    """What the page itself says is written, unproven, and that is told."""

    def answer(asked: Asked) -> Answer:
        if "at" in asked.params:
            return Answer({"message": "too many"}, 429, {"Retry-After": "900"})
        return Answer({"items": rows(0, 5), "next": "/items?at=5"})

    with ApiServer(answer) as server:
        proposal = proposed(f"curl {server.origin}/items")
    assert WAITED == []
    assert not proposal.proven
    assert "next_url_path: next" in proposal.text
    assert any("not proven" in line and "15 min" in line for line in proposal.unsure)


def test_a_page_that_is_too_large_is_not_looked_at() -> None:
    """Pages are parsed whole here, so they have to be small; the message says so."""
    page = Answer(text=json.dumps({"items": ["x" * (9 << 20)]}))
    with ApiServer(lambda asked: page) as server, pytest.raises(NoFirstPage, match="8,388,608"):
        proposed(f"curl {server.origin}/items")


# --- What is not followed ------------------------------------------------------------------------


def test_no_request_goes_where_a_link_leads_astray() -> None:
    """A next link to another origin is neither asked for nor written."""
    strange: list[Asked] = []

    def elsewhere(asked: Asked) -> Answer:
        strange.append(asked)
        return Answer([])

    with ApiServer(elsewhere) as other:

        def answer(asked: Asked) -> Answer:
            link = {"Link": f'<{other.origin}/items?page=2>; rel="next"'}
            return Answer({"next": f"{other.origin}/items", "items": rows(0, 7)}, headers=link)

        with ApiServer(answer) as server:
            proposal = proposed(f"curl -H 'Authorization: Bearer {SECRET}' {server.origin}/items")
        assert other.origin not in proposal.text
    assert strange == []


def test_a_server_that_echoes_the_secret_does_not_get_it_written() -> None:
    """Keys, links and error messages may hold what was sent."""

    def answer(asked: Asked) -> Answer:
        if "page" in asked.params:
            return Answer({"error": f"bad key {SECRET}"}, 400)
        return Answer({"items": [{"id": 1, SECRET: 2}], "next": f"/items?page=2&key={SECRET}"})

    with ApiServer(answer) as server:
        proposal = proposed(f"curl '{server.origin}/items?key={SECRET}'")
    told = repr(
        (proposal.text, proposal.findings, proposal.notes, proposal.unsure, proposal.exports)
    )
    assert SECRET not in told
    assert proposal.values == {"ITEMS_API_KEY": SECRET}


def test_what_a_server_says_cannot_break_out_of_a_comment() -> None:
    """Line breaks and escape sequences in keys become blanks and marks."""
    page = {"items": [{"id": 1, "a\nversion: 2\n": 2, "\x1b[2Jb": 3}]}
    with ApiServer(lambda asked: Answer(page)) as server:
        proposal = proposed(f"curl {server.origin}/items")
    assert "\x1b" not in proposal.text
    assert "\nversion: 2" not in proposal.text


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer({"message": "who?"}, 401), "answered 401"),
        (Answer(text="<html>Log in</html>"), "no JSON"),
        (Answer(status=204), "204"),
        (Answer(text=""), "no JSON"),
        (Answer(text='{"items": [1, 2'), "no JSON"),
        (Answer(text="[" * 5000 + "]" * 5000), "no JSON"),
        (Answer(status=302, headers={"Location": "https://other.example/"}), "another origin"),
    ],
)
def test_no_page_is_no_file(answer: Answer, told: str) -> None:
    """What the server said, and what to do; exit code 3."""
    with ApiServer(lambda asked: answer) as server, pytest.raises(NoFirstPage) as failed:
        proposed(f"curl {server.origin}/items")
    assert told in str(failed.value)
    assert "--offline" in str(failed.value)
    assert failed.value.exit_code == 3


@pytest.mark.parametrize(
    "page", [None, 5, "text", True, [], {}, [1, 2], [[1], [2]], {"a": {"b": {}}}, {"items": []}]
)
def test_any_json_gives_a_file_that_loads(page: Any, tmp_path: Path) -> None:
    """However little it is like a page."""
    with ApiServer(lambda asked: Answer(page)) as server:
        proposal = proposed(f"curl {server.origin}/items")
    path = tmp_path / "a.yaml"
    path.write_text(proposal.text)
    assert load_config(path, env={}).resources[0].name == "items"


def test_a_variable_that_is_not_set_is_told_before_anything_is_asked() -> None:
    """A request without its token would only be refused."""
    with ApiServer(lambda asked: Answer([])) as server:
        with pytest.raises(ConfigError, match=r"\$MY_TOKEN.*--offline"):
            proposed(f'curl -H "Authorization: Bearer $MY_TOKEN" {server.origin}/items')
        assert server.asked == []


def test_offline_asks_nothing() -> None:
    """What the line says by itself: its request, its secrets, its page number."""
    proposal = proposed(
        f"curl -u me:{SECRET} 'https://shop.example.org/v1/orders?page=1&per_page=50'", offline=True
    )
    assert proposal.requests == 0
    assert proposal.name == "example-orders"
    assert "{type: page_number, page_param: page, base_page: 1}" in proposal.text
    assert "per_page: 50" in proposal.text
    assert SECRET not in proposal.text


def test_rate_limits() -> None:
    """A budget where the headers name limit and period; words where they do not."""
    exact = rate_of({"ratelimit-limit": "3000", "ratelimit-policy": "3000;w=300"})
    assert exact.budgets == [{"requests": 3000, "per": "5m"}]
    assert rate_of({"ratelimit-policy": '"default";q=60;w=60'}).budgets == [
        {"requests": 60, "per": "1m"}
    ]
    crossref = {"x-rate-limit-limit": "3", "x-rate-limit-interval": "1s"}
    assert rate_of(crossref).budgets == [{"requests": 3, "per": "1s"}]
    window = rate_of(
        {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "299", "x-rate-limit-reset": "899",
         "date": "Mon, 01 Jan 2024 00:00:00 GMT"}
    )  # fmt: skip
    assert window.budgets == []
    assert "{requests: 300, per: 15m}" in window.message
    assert rate_of({}).message == rate_of({"x-ratelimit-limit": "many"}).message == ""


# --- The command ---------------------------------------------------------------------------------


def test_the_command_says_what_it_decided_and_never_overwrites(tmp_path: Path) -> None:
    """The file, and on stderr the reasons and what to type next; a second time it is refused."""

    def answer(asked: Asked) -> Answer:
        start = int(asked.params.get("at", 0))
        return Answer({"items": rows(start, 5), "next": f"/items?at={start + 5}"})

    with ApiServer(answer) as server:
        line = f"curl -H 'X-Api-Key: {SECRET}' {server.origin}/items"
        done = init(line, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        assert SECRET not in done.stderr
        for told in ("5 records at items", "json_link", "proven", "wrote items.yaml",
                     "export ITEMS_API_KEY=…", "check items.yaml --live"):  # fmt: skip
            assert told in done.stderr
        before = (tmp_path / "items.yaml").read_bytes()
        asked = len(server.asked)
        done = init(line, cwd=tmp_path)
        assert (done.returncode, len(server.asked)) == (2, asked)
        assert "--force" in done.stderr
        assert (tmp_path / "items.yaml").read_bytes() == before
        assert init("--force", line, "--name", "items", cwd=tmp_path).returncode == 0
        done = init(line, "--out", "-", "--offline", cwd=tmp_path)
        assert done.stdout.startswith("# Made by `harvester init`")
    assert [path.name for path in tmp_path.iterdir()] == ["items.yaml"]


def test_a_line_as_the_shell_splits_it(tmp_path: Path) -> None:
    """Curl's own options reach curl's reader, -h and --name among them not ours; a value that is
    a secret variable's becomes that variable.
    """
    env = {"SHOP_TOKEN": SECRET}
    done = init(
        "--offline", "--out", "a.yaml", "curl", "-sSL", "-H", f"Authorization: Bearer {SECRET}",
        "-G", "https://shop.example.org/items", "-d", "name=x", "--compressed",
        cwd=tmp_path, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "a.yaml").read_text()
    assert "{env.SHOP_TOKEN}" in text
    assert "params: {name: x}" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (["wget https://x.org"], "", "neither a curl line nor one URL"),
        (["-"], "", "nothing was given"),
        (["https://x.org/", "https://y.org/"], "", "one thing to begin with"),
        (["missing.yaml"], "", "no such file"),
        (["curl", "--name", "x", "https://x.org"], "", "before the word curl"),
        (["--name", "a b", "--offline", "https://x.org/"], "", "--name"),
        (["--out", ".", "--offline", "https://x.org/"], "", "a folder"),
        (["curl 'https://x.org"], "", "never closed"),
    ],
)
def test_bad_input_is_told_and_exits_2(
    arguments: list[str], stdin: str, told: str, tmp_path: Path
) -> None:
    """One clear line each, and no file."""
    done = init(*arguments, cwd=tmp_path, stdin=stdin)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The folder is missing, or is a file: what and where, before anything is asked."""
    done = init("--offline", "--out", "no/such/a.yaml", "https://x.org/items", cwd=tmp_path)
    assert done.returncode == 2
    assert "no/such: there is no such folder" in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "file").write_text("")
    done = init("--out", "file/a.yaml", "http://127.0.0.1:9/items", cwd=tmp_path)
    assert done.returncode == 2
    assert "file: is no folder" in done.stderr


def test_no_page_exits_3(tmp_path: Path) -> None:
    """Nothing listens there: nothing is written."""
    done = init("http://127.0.0.1:9/items", cwd=tmp_path)
    assert done.returncode == 3
    assert "no connection" in done.stderr
    assert list(tmp_path.iterdir()) == []
