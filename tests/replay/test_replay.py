"""A harvest played back as its API: our own harvester, and others, get what it got."""

import gzip
import http.client
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester import harvest
from harvester.errors import ConfigError
from harvester.replay import Replay
from harvester.replay.links import led_back
from harvester.security.redaction import Secrets
from tests.api_server import Answer, ApiServer, Asked
from tests.integration.test_configs import CONFIGS, emulation_of, loaded
from tests.support import ENVIRONMENT, config, kept

LINKED = """
version: 1
name: items
client:
  base_url: http://127.0.0.1:1/v1/
  auth: {type: api_key, name: key, value: s3cret-key, location: query}
resources:
  - name: items
    path: items
    data_selector: items
    paginator: {type: json_link, next_url_path: next}
"""


def linked_pages(asked: Asked) -> Answer:
    """Three pages; each names the next one by a link that holds the key, and its own by another."""
    assert asked.params["key"] == "s3cret-key"
    number = int(asked.params.get("page", "1"))
    own = f"{asked.origin}/v1/items?page={number}"
    link = f"{asked.origin}/v1/items?page={number + 1}&key=s3cret-key" if number < 3 else None
    text = json.dumps({"items": [{"id": number, "url": own}], "next": link})
    # As PHP writes a slash, and some an ampersand.
    return Answer(text=text.replace("/", "\\/").replace("&", "\\u0026"), headers={"ETag": '"x"'})


# --- The harvest is reproduced -------------------------------------------------------------------


def without_origin(tree: Any, origin: str) -> Any:
    """A journal, or anything of JSON, with a name for the origin that it was harvested from."""
    return json.loads(json.dumps(tree).replace(origin, "ORIGIN"))


def moved_back(page: bytes, served: str, origin: str) -> bytes:
    """A page that was played back, with its next link as it was."""
    for one, other in ((served, origin), (served.replace("/", "\\/"), origin.replace("/", "\\/"))):
        page = page.replace(one.encode(), other.encode())
    return page


def compare(first: Path, origin: str, again: Path, replay: Replay) -> None:
    """The same files, journals and pages, but for the origin and, with it, sizes and hashes."""
    before, after = kept(first), kept(again)
    assert before.keys() == after.keys()
    for folder, old in before.items():
        new = after[folder]
        assert new["files"] == old["files"]
        assert [moved_back(page, replay.origin, origin) for page in new["pages"]] == old["pages"]
        lines = zip(
            without_origin(old["journal"], origin),
            without_origin(new["journal"], replay.origin),
            strict=True,
        )
        pages = iter(zip(old["pages"], new["pages"], strict=True))
        for was, now in lines:
            if was.get("part"):
                same = len(set(next(pages))) == 1
                # A page that is not changed is stored byte for byte as it was.
                for name in () if same else ("bytes", "stored_bytes", "sha256"):
                    del was[name], now[name]
            if was.get("part"):  # a header that led nowhere is not played back
                was["fields"].pop("led", None)
                now["fields"].pop("led", None)
            if was.get("reason") == "results_false":  # said beside a link that led nowhere
                was["reason"] = "no_next_cursor"
            assert now == was


#: Links within records are played back as they were, so these lead to the API itself.
WITH_LINKED_FILES = ("zenodo_files",)
#: Each run asks up to its own second.
UP_TO_NOW = ("okta_system_log",)


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGS if path.stem not in WITH_LINKED_FILES + UP_TO_NOW],
    ids=lambda path: path.stem,
)
def test_every_config_is_harvested_again(path: Path, tmp_path: Path) -> None:
    """Each idiom of paging and auth: harvested from its emulation, then from the replay."""
    emulation = emulation_of(path)
    with ApiServer(emulation.answer) as server:
        original = loaded(path, emulation, server, tmp_path)
        assert harvest(original, out=tmp_path / "first").exit_code == 0
    unknown: list[str] = []
    with Replay(
        tmp_path / "first", unlimited=True, on_unknown=lambda *asked: unknown.append(str(asked))
    ) as replay:
        assert replay.base_url == replay.origin + emulation.base_path
        # Any credentials will do that can sign; an address that is a parameter, or a company that
        # is in the path, is part of the question.
        kept = ("MAILTO", "COMPANY", "PRIVATE_KEY", "SERVICE_ACCOUNT")
        env = {
            name: value if name.endswith(kept) else f"another-{name}"
            for name, value in emulation.env.items()
        }
        again = loaded(path, emulation, replay, tmp_path, env)
        summary = harvest(again, out=tmp_path / "again")
        assert unknown == []
        assert summary.exit_code == 0, summary.failures
        compare(tmp_path / "first", server.origin, tmp_path / "again", replay)


def test_a_link_that_holds_a_secret_is_led_back(tmp_path: Path) -> None:
    """Some servers echo the key in their links; the journal has a reference there, not the key.
    Links in the records themselves stay as they were.
    """
    with ApiServer(linked_pages) as server:
        first = config(tmp_path, LINKED, f"{server.origin}/v1/")
        assert harvest(first, out=tmp_path / "first").exit_code == 0
    with Replay(tmp_path / "first") as replay:
        again = config(tmp_path, LINKED, replay.base_url)
        assert harvest(again, out=tmp_path / "again").exit_code == 0
        compare(tmp_path / "first", server.origin, tmp_path / "again", replay)
        status, headers, body = ask(replay, "/v1/items?key=whatever")
    assert (status, headers["etag"]) == (200, '"x"')
    [first_page, *_] = kept(tmp_path / "first")["items"]["pages"]
    old, new = (one.replace("/", "\\/").encode() for one in (server.origin, replay.origin))
    at = first_page.rindex(old)
    assert body == first_page[:at] + new + first_page[at + len(old) :]
    assert json.loads(body)["items"][0]["url"].startswith(server.origin)


def ask(
    replay: Replay,
    target: str,
    *,
    method: str = "GET",
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """One request by another client: status, headers with lower-case names, and body."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(replay.origin).port, timeout=10)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()


# --- What is asked, and what comes back ----------------------------------------------------------

POSTED = """
version: 1
name: posted
client:
  base_url: http://127.0.0.1:1/
resources:
  - name: posts
    path: search
    method: POST
    params: {api_key: s3cret-key}
    json: {filter: {text: "{word}", size: 2}, token: hidden-token}
    headers: {X-Tenant: "{tenant}"}
    partitions: {word: [a, b], tenant: [one, two]}
    data_selector: hits
    paginator: {type: cursor, cursor_path: next, cursor_header: X-Cursor}
    response_actions:
      - {when: {path: error.code, in: [gone, lost]}, action: ignore}
  - name: pages
    path: pages
    data_selector: $
    paginator: {type: header_cursor, cursor_header_name: X-Next, cursor_param: from}
"""


def posted_pages(asked: Asked) -> Answer:
    """Two pages a word and tenant, told apart by headers alone; word b of tenant two is gone."""
    if asked.path == "/pages":
        number = int(asked.params.get("from", "0"))
        headers = {"X-Next": str(number + 1), "X-Rate-Limit-Remaining": str(9 - number)}
        return Answer([number], headers=headers if number < 2 else {})
    assert asked.params == {"api_key": "s3cret-key"}
    word, tenant = asked.json["filter"]["text"], asked.headers["x-tenant"]
    if (word, tenant) == ("b", "two"):
        return Answer({"error": {"code": "lost"}})
    cursor = asked.headers.get("x-cursor")
    return Answer({"hits": [{"at": [word, tenant, cursor]}], "next": None if cursor else "c2"})


@pytest.fixture(scope="module")
def posted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, Replay]]:
    """The folder of a harvest of `posted_pages`, its origin, and a replay of it."""
    folder = tmp_path_factory.mktemp("posted")
    with ApiServer(posted_pages) as server:
        first = config(folder, POSTED, f"{server.origin}/")
        assert harvest(first, out=folder / "first").exit_code == 0
    with Replay(folder / "first") as replay:
        yield folder / "first", server.origin, replay


def test_headers_and_rules_are_met_again(posted: tuple[Path, str, Replay], tmp_path: Path) -> None:
    """What only a header tells apart, a cursor in one, and an answer that a rule ignored."""
    first, origin, replay = posted
    text = POSTED.replace("s3cret-key", "another-key").replace("hidden-token", "another-token")
    again = config(tmp_path, text, replay.base_url)
    summary = harvest(again, out=tmp_path / "again")
    assert summary.exit_code == 0, summary.failures
    compare(first, origin, tmp_path / "again", replay)


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "identity", "gzip;q=0", ""])
def test_the_stored_bytes_are_sent_as_they_are(
    accepted: str, posted: tuple[Path, str, Replay]
) -> None:
    """To whoever takes gzip; inflated to others. Status and kept headers are those recorded."""
    first, _, replay = posted
    status, headers, body = ask(replay, "/pages?from=1", headers={"Accept-Encoding": accepted})
    assert status == 200
    assert headers["x-next"] == "2"
    assert headers["x-rate-limit-remaining"] == "8"
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(body)
    stored = (first / "pages" / "part-000002.json.gz").read_bytes()
    if "gzip" in accepted and "q=0" not in accepted.replace("q=0.5", ""):
        assert headers["content-encoding"] == "gzip"
        assert body == stored
    else:
        assert "content-encoding" not in headers
        assert body == gzip.decompress(stored)


def test_the_recorded_date_is_the_only_one(posted: tuple[Path, str, Replay]) -> None:
    """The server adds no headers of its own that an API might have."""
    first, _, replay = posted
    _, headers, _ = ask(replay, "/pages")
    recorded = json.loads((first / "pages/journal.jsonl").read_bytes().splitlines()[1])["response"]
    ours = {"content-type", "content-length", "x-next"}
    assert {name: value for name, value in headers.items() if name not in ours} == recorded
    status, head, body = ask(replay, "/pages", method="HEAD")
    assert (status, head, body) == (200, headers, b"")


def test_a_body_is_compared_as_json(posted: tuple[Path, str, Replay]) -> None:
    """Order and blanks do not count, what is said does; a secret may be anything."""
    replay = posted[2]
    headers = {"X-Tenant": "two", "X-Cursor": "c2", "Content-Type": "application/json"}
    body = '{ "token": "x", "filter": {"size": 2, "text": "a"} }'
    target = "/search?api_key=x"
    status, _, page = ask(replay, target, method="POST", body=body, headers=headers)
    assert (status, json.loads(page)["hits"]) == (200, [{"at": ["a", "two", "c2"]}])
    other = body.replace('"a"', '"c"')
    status, _, page = ask(replay, target, method="POST", body=other, headers=headers)
    assert status == 404
    assert "text" in json.loads(page)["near"][0]["body"]


@pytest.mark.parametrize(
    ("target", "near"), [("/pages?from=9", "/pages"), ("/page", "/pages"), ("/", "/")]
)
def test_an_unknown_request_is_told_what_is_near(
    target: str, near: str, posted: tuple[Path, str, Replay]
) -> None:
    """A 404 in JSON: what was asked, and what could have been."""
    status, headers, body = ask(posted[2], target)
    assert (status, headers["content-type"]) == (404, "application/json")
    said = json.loads(body)
    assert said["asked"] == {"method": "GET", "url": target}
    assert said["near"][0]["url"].startswith(near)


def test_only_this_machine_by_its_own_name(posted: tuple[Path, str, Replay]) -> None:
    """A web page that has its own name lead here gets nothing."""
    replay = posted[2]
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example:1", "[x"):
        assert ask(replay, "/pages", headers={"Host": host})[0] == 403
    assert ask(replay, "/pages", headers={"Host": "localhost"})[0] == 200


def test_odd_requests_do_no_harm(posted: tuple[Path, str, Replay]) -> None:
    """A body without a length, too long or no JSON; an absolute target, as proxies get it."""
    replay = posted[2]
    chunked = {"Transfer-Encoding": "chunked"}
    assert ask(replay, "/search", method="POST", headers=chunked)[0] == 411
    assert ask(replay, "/search", method="POST", headers={"Content-Length": "99999999"})[0] == 413
    assert ask(replay, "/search", method="POST", headers={"Content-Length": "-1"})[0] == 413
    assert ask(replay, "/search", method="POST", body="[" * 5000)[0] == 404
    assert ask(replay, f"{replay.origin}/pages?from=1")[0] == 200
    assert ask(replay, "/pages?from=1#top")[0] == 200


def test_the_rate_limit_can_be_left_out(posted: tuple[Path, str, Replay]) -> None:
    """`unlimited`: a client that heeds those headers waits for nothing."""
    with Replay(posted[0], unlimited=True) as replay:
        headers = ask(replay, "/pages")[1]
    assert "x-next" in headers
    assert "x-rate-limit-remaining" not in headers


SCROLL = """
version: 1
name: scroll
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: items
    params: {slice: "{slice}"}
    next_request: {path: scroll, params: {id: "{cursor}"}}
    partitions: {slice: [1, 2]}
    data_selector: items
    paginator: {type: cursor, cursor_path: id, cursor_may_repeat: true, stop_after_empty_page: true}
"""


def test_a_cursor_that_stays_the_same_is_answered_in_turn(tmp_path: Path) -> None:
    """A scroll: the same request, other pages each time. Begun anew, also in the middle, it
    begins anew.
    """
    turns: dict[str, int] = {}

    def answer(asked: Asked) -> Answer:
        if asked.path == "/items":
            return Answer({"id": f"s{asked.params['slice']}", "items": [0]})
        turn = turns[asked.params["id"]] = turns.get(asked.params["id"], 0) + 1
        return Answer({"id": asked.params["id"], "items": [turn] if turn < 4 else []})

    with ApiServer(answer) as server:
        assert harvest(config(tmp_path, SCROLL, f"{server.origin}/"), out=tmp_path / "1").complete
    with Replay(tmp_path / "1") as replay:
        for target in ("/items?slice=1", "/scroll?id=s1", "/scroll?id=s1"):
            assert ask(replay, target)[0] == 200
        for name in ("2", "3"):
            again = config(tmp_path, SCROLL, replay.base_url)
            assert harvest(again, out=tmp_path / name).complete
            compare(tmp_path / "1", server.origin, tmp_path / name, replay)


def test_an_unfinished_harvest_is_played_as_far_as_it_is(tmp_path: Path) -> None:
    """The link behind the last page leads to a 404 that says so."""
    with ApiServer(linked_pages) as server:
        first = config(tmp_path, LINKED, f"{server.origin}/v1/")
        assert harvest(first, out=tmp_path / "first", max_pages=2).paused
    with Replay(tmp_path / "first") as replay:
        assert replay.index.pages == 2
        again = config(tmp_path, LINKED, replay.base_url)
        summary = harvest(again, out=tmp_path / "again")
        assert summary.exit_code == 3
        assert "never asked this" in summary.failures[0].error
        assert summary.resources[0].pages == 2


def test_a_part_that_is_gone_or_damaged_is_told(tmp_path: Path) -> None:
    """As a fault of the server, with what to do; a damaged one breaks off, and so is no page."""
    with ApiServer(linked_pages) as server:
        first = config(tmp_path, LINKED, f"{server.origin}/v1/")
        assert harvest(first, out=tmp_path / "first").complete
    (tmp_path / "first/items/part-000001.json.gz").unlink()
    (tmp_path / "first/items/part-000002.json.gz").write_bytes(b"damaged")
    faults: list[str] = []
    with Replay(tmp_path / "first", on_fault=faults.append) as replay:
        with pytest.raises(http.client.IncompleteRead):
            ask(replay, "/v1/items?page=2&key=x")
        status, _, body = ask(replay, "/v1/items?key=x")
    assert "part-000002.json.gz" in faults[0]
    assert status == 500
    assert "harvester verify" in json.loads(body)["error"]


# --- Links ---------------------------------------------------------------------------------------

LINK = "https://api.example/v1/items?after=a/b&n=2"
SPELLINGS = st.sampled_from(
    [
        LINK.encode(),
        LINK.replace("/", "\\/").encode(),
        LINK.replace("&", "\\u0026").encode(),
        LINK.replace("items", "\\u0069tems").encode(),
    ]
)
TEXTS = st.sampled_from(
    ["", "x", '"', '\\"', "\\", "https://api.example/v1", f'see "{LINK}" there', LINK + "0", "http",
     f" {LINK}", "https://api.example/v1/" + "x" * 700]
)  # fmt: skip


@given(
    before=st.lists(TEXTS),
    after=st.lists(TEXTS),
    spelled=SPELLINGS,
    cuts=st.lists(st.integers(0, 900)),
)
def test_only_the_link_is_led_back(
    before: list[str], after: list[str], spelled: bytes, cuts: list[int]
) -> None:
    """In any spelling, whatever strings are about it, and wherever chunks end."""
    ahead, behind = json.dumps(before)[1:-1].encode(), json.dumps(after)[1:-1].encode()
    body = b'{"b":[%b],"next":"%b","a":[%b],"self":"%b"}' % (ahead, spelled, behind, spelled)
    found = b"".join(led_back(cut(body, cuts), LINK, "http://127.0.0.1:1"))
    values = json.loads(found)
    led = LINK.replace("https://api.example", "http://127.0.0.1:1")
    ours = b"http:\\/\\/127.0.0.1:1" if b"\\/" in spelled else b"http://127.0.0.1:1"
    assert values == {"b": before, "next": led, "a": after, "self": led}
    rest = spelled[len(re.match(rb"https:\\?/\\?/api.example", spelled)[0]) :]  # type: ignore[index]
    assert b'"next":"%b%b"' % (ours, rest) in found


def cut(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """The data in chunks, some of them empty."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    for start, end in pairwise(places):
        yield data[start:end]
        yield b""


def test_a_link_is_found_byte_by_byte() -> None:
    """The smallest chunks; a secret in the journal's link stands for any text."""
    body = json.dumps({"next": LINK + "&key=s3cret", "text": "x" * 5000}).encode()
    chunks = (body[place : place + 1] for place in range(len(body)))
    link = Secrets({"env.KEY": "s3cret"}).conceal(LINK + "&key=s3cret")
    found = b"".join(led_back(chunks, link, "http://127.0.0.1:1"))
    assert found == body.replace(b"https://api.example", b"http://127.0.0.1:1")


# --- From the command line -----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("as_json", [False, True], ids=["plain", "json"])
def test_the_command_serves_until_it_is_ended(
    number: int, as_json: bool, posted: tuple[Path, str, Replay], tmp_path: Path
) -> None:
    """Its first line says where; the command line harvests from it, and others ask it."""
    first = posted[0]
    arguments = [sys.executable, "-m", "harvester", "serve", str(first)]
    with subprocess.Popen(
        arguments + ["--json"] * as_json, env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as serving:  # fmt: skip
        try:
            assert serving.stdout is not None
            line = serving.stdout.readline()
            base_url = line.strip()
            if as_json:
                line += "".join(serving.stdout.readline() for _ in range(4))
                said = json.loads(line)
                assert said["pages"] == 9
                base_url = said["base_url"]
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", base_url)
            (tmp_path / "posted.yaml").write_text(POSTED)
            command: list[str | Path] = [sys.executable, "-m", "harvester", "run"]
            command += [tmp_path / "posted.yaml", "--out", tmp_path / "again"]
            command += ["--base-url", base_url]
            again = subprocess.run(
                command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
            )
            assert again.returncode == 0, again.stderr
            with urllib.request.urlopen(f"{base_url}pages?from=2", timeout=10) as page:
                assert page.read() == b"[2]"
            with pytest.raises(urllib.error.HTTPError) as missing:
                urllib.request.urlopen(f"{base_url}nothing", timeout=10)
            missing.value.close()
        finally:
            serving.send_signal(number)
        told = serving.stderr.read() if serving.stderr else ""
        assert serving.wait(timeout=10) == 0
    assert "404 GET /nothing: never harvested" in told
    assert "Traceback" not in told
    replayed, once_more = kept(tmp_path / "again"), kept(first)
    assert {folder: each["pages"] for folder, each in replayed.items()} == {
        folder: each["pages"] for folder, each in once_more.items()
    }


def test_a_taken_port_is_told(posted: tuple[Path, str, Replay]) -> None:
    """As a mistake of whoever chose it."""
    first, _, replay = posted
    port = urlsplit(replay.origin).port or 0
    with pytest.raises(ConfigError, match=f"port {port}: "):
        Replay(first, port=port)
