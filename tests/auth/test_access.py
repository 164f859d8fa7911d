"""Tokens: fetched once for all workers, renewed in time and when refused, kept out of sight."""

import json
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records, verify
from harvester.auth.access import Access
from harvester.auth.token_file import TokenFile
from harvester.config import Config
from harvester.config import SecretText as S
from harvester.config.load import parse_config
from harvester.engine.check import check_live
from harvester.engine.events import AttemptLost, Event
from harvester.engine.sources import secrets_of
from harvester.errors import (
    CredentialsRefused,
    DataRefused,
    Interrupted,
    PageRefused,
    PageRejected,
)
from harvester.http.request import Credentials
from harvester.results.summary import Summary
from tests.api_server import Answer, ApiServer, Asked
from tests.authorization_server import BASIC, CLIENT_ID, CLIENT_SECRET, Authorization
from tests.support import ENVIRONMENT, command

ENV = {"ID": CLIENT_ID, "SECRET": CLIENT_SECRET, "REFRESH": "refresh-s3cret-0"}
CLIENT = 'access_token_url: "{token_url}", client_id: "{{env.ID}}", client_secret: "{{env.SECRET}}"'
CREDENTIALS = f"{{{{type: oauth2_client_credentials, {CLIENT}}}}}"
REFRESH = f'{{{{type: oauth2_refresh_token, {CLIENT}, refresh_token: "{{{{env.REFRESH}}}}"}}}}'
SESSION = (
    '{{type: session_token, login: {{path: /login, json: {{user: ann, password: "{{env.SECRET}}"}}'
    "}}, token_path: session.jwt}}"
)
HARVEST = """
version: 1
name: items
client:
  base_url: {api}/
  auth: {auth}
  headers: {{User-Agent: lab/1.0, X-Lab: secretive}}
  retry: {{attempts: 3, max_wait: 0.01}}
  allowed_hosts: {hosts}
resources:
  - name: items
    path: items
    params: {{shard: "{{shard}}"}}
    partitions: {{shard: {{range: [1, {shards}]}}}}
    data_selector: data
    paginator: {paginator}
    response_actions: {rules}
concurrency: {{partitions: {shards}}}
"""
CURSOR = "{type: cursor, cursor_path: next, cursor_param: cursor}"
LINKS = "{type: json_link, next_url_path: next}"
PAGES = 5


def items(asked: Asked) -> Answer:
    """A chain of pages for every shard."""
    number = int(asked.params.get("cursor", "1"))
    following = str(number + 1) if number < PAGES else None
    return Answer({"data": [f"{asked.params['shard']}-{number}"], "next": following})


def written(
    api: ApiServer,
    auth: str = CREDENTIALS,
    *,
    shards: int = 1,
    rules: str = "[]",
    paginator: str = CURSOR,
    hosts: str = "[]",
) -> str:
    """The YAML of a harvest of `shards` partitions, all at once."""
    auth = auth.format(token_url=f"{api.origin}/token")
    return HARVEST.format(
        api=api.origin, auth=auth, shards=shards, rules=rules, paginator=paginator, hosts=hosts
    )


def configured(
    api: ApiServer,
    auth: str = CREDENTIALS,
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> Config:
    """The harvest, with `env` over `ENV`."""
    return parse_config(written(api, auth, **options), "test.yaml", env={**ENV, **(env or {})})


def access(config: Config, out: Path, clock: Callable[[], float] = lambda: 0.0) -> Access:
    """What gives the credentials of a run."""
    return Access(config, secrets_of(config), out, clock=clock)


def token(granted: Credentials) -> str:
    """The token of a header."""
    return granted.headers["Authorization"].removeprefix("Bearer ")


def no_secret_in(out: Path, *shown: Any) -> None:
    """No file but the one for it, and nothing that was shown, holds a secret."""
    for file in out.rglob("*"):
        if file.is_file() and file.name != ".tokens.json" and not file.name.startswith("part-"):
            assert "s3cret" not in file.read_text(), file
    assert "s3cret" not in repr(shown)


# --- One token for all ---------------------------------------------------------------------------


@pytest.mark.parametrize("auth", [CREDENTIALS, REFRESH, SESSION])
def test_a_harvest_of_eight_workers_asks_for_one_token(tmp_path: Path, auth: str) -> None:
    """Each scheme, from its first request to records without a secret on disk."""
    server = Authorization(items)
    seen: list[Event] = []
    with ApiServer(server) as api:
        config = configured(api, auth, shards=8)
        summary = harvest(config, out=tmp_path / "out", on_event=seen.append)
    assert summary.exit_code == 0, summary.failures
    assert (server.token_requests, server.refused) == (1, 0)
    assert len(list(iter_records(tmp_path / "out"))) == 8 * PAGES
    assert verify(tmp_path / "out", deep=True).ok
    no_secret_in(tmp_path / "out", summary, seen)


@pytest.mark.parametrize("auth", [CREDENTIALS, REFRESH, SESSION])
def test_tokens_that_die_early_are_replaced_once_each(tmp_path: Path, auth: str) -> None:
    """A storm of 401s: one renewal for each token, no page lost, no page twice."""
    server = Authorization(items, uses=12, rotates=True)
    with ApiServer(server) as api:
        summary = harvest(configured(api, auth, shards=8), out=tmp_path / "out")
    assert summary.exit_code == 0, summary.failures
    assert 4 <= server.token_requests <= 5  # 40 pages, 12 to a token
    assert server.refused >= server.token_requests - 1
    assert len(set(iter_records(tmp_path / "out"))) == 8 * PAGES
    no_secret_in(tmp_path / "out", summary)


def test_the_token_request(tmp_path: Path) -> None:
    """RFC 6749 section 4.4, in the body; and nothing else of the harvest."""
    server = Authorization(items)
    more = "{{type: oauth2_client_credentials, scope: a b, access_token_request_data: "
    with ApiServer(server) as api:
        access(configured(api, f"{more}{{{{audience: x}}}}, {CLIENT}}}}}"), tmp_path).credentials()
        (asked,) = api.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/token", ())
    assert asked.form == {
        "grant_type": "client_credentials",
        "scope": "a b",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "audience": "x",
    }
    assert asked.headers["user-agent"] == "lab/1.0"
    assert not asked.headers.keys() & {"x-lab", "authorization"}


def test_the_client_in_a_header(tmp_path: Path) -> None:
    """Form-encoded before it is put together (RFC 6749 section 2.3.1), and not in the body."""
    server = Authorization(items)
    auth = f"{{{{type: oauth2_client_credentials, client_auth: basic, {CLIENT}}}}}"
    with ApiServer(server) as api:
        config = configured(api, auth)
        access(config, tmp_path).credentials()
        (asked,) = api.asked
    assert asked.headers["authorization"] == BASIC
    assert asked.form == {"grant_type": "client_credentials"}
    assert BASIC.removeprefix("Basic ") not in secrets_of(config).redact(BASIC)


def test_a_token_goes_where_the_configuration_says(tmp_path: Path) -> None:
    """In a header of any name, with its prefix, or in the query, without one."""
    place = SESSION.removesuffix("}}") + ", name: X-Session, prefix: 'Token '}}"
    query = SESSION.removesuffix("}}") + ", name: session, location: query}}"
    with ApiServer(Authorization(items)) as api:
        granted = access(configured(api, place), tmp_path).credentials()
        assert granted.headers == {"X-Session": "Token session-s3cret-1"}
        granted = access(configured(api, query), tmp_path).credentials()
        assert granted.params == {"session": "session-s3cret-2"}
        assert "s3cret" not in repr(granted)


# --- In time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires_in", "good_until"),
    [(3600, 3540), ("3600", 3540), (100, 90), (None, 3540), ("soon", 3540), (0, 3540)],
)
def test_a_token_is_replaced_before_it_expires(
    tmp_path: Path, expires_in: object, good_until: float
) -> None:
    """A minute before, or a tenth of its life where that is less; an hour where nobody says."""
    now = 0.0
    with ApiServer(Authorization(items, expires_in=expires_in)) as api:
        granting = access(configured(api), tmp_path, lambda: now)
        first = granting.credentials()
        now = good_until - 0.1
        assert granting.credentials() is first
        now = good_until
        assert token(granting.credentials()) == "access-s3cret-2"


def test_a_token_that_is_due_still_opens_doors(tmp_path: Path) -> None:
    """Where the endpoint is in trouble, until it has expired; then the trouble is told."""
    now = 0.0
    server = Authorization(items)
    with ApiServer(server) as api:
        granting = access(configured(api), tmp_path, lambda: now)
        first = granting.credentials()
        server.trouble = lambda asked: Answer({}, 503, {"Retry-After": "7"})
        now = 3541
        assert granting.credentials() is first
        assert granting.credentials() is first  # without asking again at once
        assert server.token_requests == 2
        now = 3601
        with pytest.raises(PageRejected, match="answered 503 Service Unavailable") as caught:
            granting.credentials()
        assert caught.value.hint_s == 7
        server.trouble = lambda asked: None
        assert granting.credentials() is not first


def test_one_renewal_for_all_who_were_refused(tmp_path: Path) -> None:
    """Eight threads with one refused token: one of them renews."""
    server = Authorization(items)
    refusal = CredentialsRefused("the server answered 401", status=401)
    with ApiServer(server) as api, ThreadPoolExecutor(8) as pool:
        granting = access(configured(api), tmp_path)
        stale = granting.credentials()
        list(pool.map(lambda _: granting.renew(stale, refusal), range(8)))
        assert server.token_requests == 2
        assert token(granting.credentials()) == "access-s3cret-2"


# --- Refusals ------------------------------------------------------------------------------------


def refused(tmp_path: Path, server: Authorization, auth: str = CREDENTIALS, **options: Any) -> str:
    """What is told of a harvest that fails, without a secret."""
    seen: list[Event] = []
    with ApiServer(server) as api:
        config = configured(api, auth, **options)
        summary = harvest(config, out=tmp_path / "out", on_event=seen.append)
    assert summary.exit_code == 3
    no_secret_in(tmp_path / "out", summary, seen)
    return summary.failures[0].error


def test_a_second_refusal_ends_it(tmp_path: Path) -> None:
    """A fresh token that opens nothing is not replaced, for this partition or any other."""
    server = Authorization(items, uses=0)
    told = refused(tmp_path, server, shards=3)
    assert "the server answered 401 Unauthorized" in told
    assert "the token was fetched a moment ago" in told
    assert server.token_requests == 2
    assert server.refused <= 6


def test_a_client_that_is_not_known(tmp_path: Path) -> None:
    """Said once to the endpoint, which may lock the client out, and told without the secret."""
    server = Authorization(items)
    told = refused(tmp_path, server, shards=8, env={"SECRET": "wr0ng-s3cret"})
    assert "answered 401 Unauthorized: invalid_client: *** is wrong; are client_id" in told
    assert server.token_requests == 1
    assert server.refused == 0


def test_a_refresh_token_that_has_expired(tmp_path: Path) -> None:
    """The message says what to do."""
    server = Authorization(items, refresh_token="another")
    told = refused(tmp_path, server, REFRESH)
    assert "400 Bad Request: invalid_grant; the refresh token has expired" in told


def test_a_login_that_is_wrong(tmp_path: Path) -> None:
    """With the vendor's words."""
    told = refused(tmp_path, Authorization(items), SESSION, env={"SECRET": "wr0ng-s3cret"})
    assert "the login at http://127.0.0.1:" in told
    assert "answered 403 Forbidden: Invalid password; is the login right" in told


@pytest.mark.parametrize(
    ("answer", "told", "requests"),
    [
        (Answer({"error": "server_error"}, 500), "answered 500 Internal Server Error", 3),
        (Answer(text="<html>", status=200), "answered 200 OK with what is no JSON", 3),
        (Answer({"token": "s3cret-token"}), "the answer has no text at access_token", 1),
        (Answer({"access_token": 5}), "the answer has no text at access_token", 1),
        (Answer({"ok": False, "error": "bad_code"}), "at access_token: bad_code", 1),
        (Answer({"access_token": "x" * (1 << 20)}), "larger than 1,048,576 bytes", 1),
        (Answer(status=302, headers={"Location": "https://evil.example/"}), "was redirected", 1),
    ],
)
def test_answers_that_are_no_token(
    tmp_path: Path, answer: Answer, told: str, requests: int
) -> None:
    """What may pass is tried again, the rest is not; nobody is redirected."""
    server = Authorization(items, trouble=lambda asked: answer)
    assert told in refused(tmp_path, server)
    assert server.token_requests == requests


def test_a_rule_that_says_fail_is_heeded(tmp_path: Path) -> None:
    """A 401 is renewed unless the YAML says otherwise."""
    server = Authorization(items, uses=2)
    refused(tmp_path, server, rules="[{status: 401, action: fail}]")
    assert (server.token_requests, server.refused) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Answer({"error": "ExpiredToken"}, 400), "{status: 400, action: reauth}"),
        (Answer({"ok": False, "data": []}), "{when: {path: ok, equals: false}, action: reauth}"),
    ],
)  # fmt: skip
def test_reauth(tmp_path: Path, answer: Answer, rule: str) -> None:
    """A rule may say that the token has run out, whatever the status; no wait, no try used up."""
    expired = iter([False, False, True, False, True])

    def api(asked: Asked) -> Answer:
        return answer if next(expired, False) else items(asked)

    server = Authorization(api)
    seen: list[Event] = []
    with ApiServer(server) as listening:
        config = configured(listening, rules=f"[{rule}]")
        summary = harvest(config, out=tmp_path / "out", on_event=seen.append)
    assert summary.exit_code == 0, summary.failures
    assert server.token_requests == 3
    assert [event.wait_s for event in seen if isinstance(event, AttemptLost)] == [0, 0]
    assert len(set(iter_records(tmp_path / "out"))) == PAGES
    assert (summary.resources[0].requests, summary.resources[0].retries) == (PAGES + 2, 2)


# --- Tokens in links, tokens elsewhere -----------------------------------------------------------


def test_a_link_that_echoes_the_token(tmp_path: Path) -> None:
    """It is concealed in the journal, and followed with the token of now, by a later run too."""

    def api(asked: Asked) -> Answer:
        number = int(asked.params.get("page", "1"))
        token = asked.headers["authorization"].removeprefix("Bearer ")
        link = f"/items?shard=1&page={number + 1}&access_token={token}"
        if number > 1:
            assert asked.params["access_token"] == token
        return Answer({"data": [number], "next": link if number < PAGES else None})

    server = Authorization(api, uses=2)
    with ApiServer(server) as listening:
        config = configured(listening, paginator=LINKS)
        harvest(config, out=tmp_path / "out", max_pages=1)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.exit_code == 0, summary.failures
    assert len(list(iter_records(tmp_path / "out"))) == PAGES
    no_secret_in(tmp_path / "out")


def test_a_token_goes_to_no_other_origin(tmp_path: Path) -> None:
    """Not with a link to an allowed host that gets no credentials."""

    def elsewhere(asked: Asked) -> Answer:
        assert "authorization" not in asked.headers
        return Answer({"data": ["last"], "next": None})

    with ApiServer(elsewhere) as other:
        link = f"{other.origin}/items"
        server = Authorization(lambda asked: Answer({"data": ["first"], "next": link}))
        with ApiServer(server) as api:
            host = other.origin.removeprefix("http://")
            config = configured(api, paginator=LINKS, hosts=f"['{host}']")
            summary = harvest(config, out=tmp_path / "out")
        assert len(other.asked) == 1
    assert summary.exit_code == 0, summary.failures


# --- Rotated refresh tokens ----------------------------------------------------------------------


@pytest.fixture
def rotating() -> Iterator[tuple[Authorization, ApiServer]]:
    """A server whose refresh tokens are good once."""
    server = Authorization(items, rotates=True)
    with ApiServer(server) as api:
        yield server, api


def run(api: ApiServer, out: Path, **env: str) -> Summary:
    """A run with a refresh token, one more page than before."""
    return harvest(configured(api, REFRESH, env), out=out, max_pages=1)


def test_a_rotated_token_is_kept_for_the_next_run(
    tmp_path: Path, rotating: tuple[Authorization, ApiServer]
) -> None:
    """In a file that only its owner may read, without a trace of the configured one."""
    server, api = rotating
    for number in range(1, 4):
        summary = run(api, tmp_path / "out")
        assert not summary.failures
        stored = json.loads((tmp_path / "out" / ".tokens.json").read_text())
        assert stored["refresh_token"] == server.refresh_token == f"refresh-s3cret-{number}"
        assert "refresh-s3cret-0" not in str(stored)
    assert stat.S_IMODE((tmp_path / "out" / ".tokens.json").stat().st_mode) == 0o600
    assert [form["refresh_token"][-1] for form in server.forms] == ["0", "1", "2"]
    assert verify(tmp_path / "out", deep=True).ok
    no_secret_in(tmp_path / "out")


def test_a_look_at_the_api_keeps_what_it_was_given(
    tmp_path: Path, rotating: tuple[Authorization, ApiServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check --live` uses up a refresh token too: the first run finds the new one, and its folder
    is no stranger's for it.
    """
    monkeypatch.chdir(tmp_path)
    server, api = rotating
    (seen,) = check_live(configured(api, REFRESH))
    assert (seen.error, seen.records) == (None, 1)
    assert harvest(configured(api, REFRESH)).complete
    assert (server.token_requests, server.revoked) == (2, False)


def test_a_newly_configured_token_counts_more_than_the_stored_one(
    tmp_path: Path, rotating: tuple[Authorization, ApiServer]
) -> None:
    """Whoever agreed anew means the new one."""
    server, api = rotating
    run(api, tmp_path / "out")
    server.refresh_token = "new-s3cret-token"
    assert not run(api, tmp_path / "out", REFRESH="new-s3cret-token").failures
    assert not run(api, tmp_path / "out", REFRESH="new-s3cret-token").failures
    assert len(server.forms) == 3


def test_the_file_may_be_elsewhere(
    tmp_path: Path, rotating: tuple[Authorization, ApiServer]
) -> None:
    """Relative to the YAML's folder; folders on the way are made."""
    server, api = rotating
    auth = REFRESH.removesuffix("}}") + ", token_file: private/tokens.json}}"
    config = configured(api, auth)
    config = config.with_env(config.env, tmp_path)
    assert harvest(config, out=tmp_path / "out").complete
    assert server.refresh_token in (tmp_path / "private" / "tokens.json").read_text()
    assert not (tmp_path / "out" / ".tokens.json").exists()


def test_the_token_is_on_disk_before_the_access_token_is_used(
    tmp_path: Path, rotating: tuple[Authorization, ApiServer]
) -> None:
    """A kill at any later instant finds it there: the API looks at the disk with each request."""
    server, api = rotating
    stored = TokenFile(tmp_path / "out" / ".tokens.json")
    looked = threading.Event()

    def look(asked: Asked) -> Answer:
        looked.set()
        assert stored.current(S(ENV["REFRESH"])) == server.refresh_token
        return items(asked)

    server.api = look
    server.uses = 2
    assert harvest(configured(api, REFRESH), out=tmp_path / "out").complete
    assert looked.is_set()
    assert server.token_requests == 3


def test_killed_before_the_first_answer(
    tmp_path: Path, rotating: tuple[Authorization, ApiServer]
) -> None:
    """The access token was on its way when the run was killed: the next run has what it needs."""
    server, api = rotating
    path = tmp_path / "config.yaml"
    text = written(api, REFRESH)
    for name, value in ENV.items():
        text = text.replace(f"{{env.{name}}}", value)  # in the file itself: masked all the same
    path.write_text(text)
    arguments = command(path, f"{api.origin}/", tmp_path / "out")
    killed: list[int] = []

    def kill(asked: Asked) -> Answer:
        if not killed:
            killed.append(process.pid)
            process.kill()
        return items(asked)

    server.api = kill
    process = subprocess.Popen(arguments, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    assert process.wait() == -signal.SIGKILL
    again = subprocess.run(
        arguments, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60
    )
    assert again.returncode == 0, again.stderr
    assert not server.revoked
    assert server.token_requests == 2
    no_secret_in(tmp_path / "out", again.stdout, again.stderr)


def test_two_runs_share_a_file(tmp_path: Path) -> None:
    """No refresh token is ever sent twice, which would revoke all of them."""
    server = Authorization(items, uses=3, rotates=True)
    server.trouble = lambda asked: time.sleep(0.05)  # both would ask with the same one
    with ApiServer(server) as api:
        auth = REFRESH.removesuffix("}}") + ", token_file: tokens.json}}"
        config = configured(api, auth, shards=2)
        config = config.with_env(config.env, tmp_path)
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(harvest, config, out=tmp_path / name) for name in "ab"]
            assert [run.result().exit_code for run in runs] == [0, 0]
    assert not server.revoked
    assert server.token_requests >= 2 * 2 * PAGES / 3


def test_two_configured_tokens_share_a_file(tmp_path: Path) -> None:
    """What descends from the one does not take the place of what descends from the other."""
    file = TokenFile(tmp_path / "t.json")
    file.write(S("a"), S("a1"))
    file.write(S("b"), S("b1"))
    file.write(S("b"), S("b2"))
    assert (file.current(S("a")), file.current(S("b")), file.current(S("c"))) == ("a1", "b2", "c")
    for number in range(20):
        file.write(S(str(number)), S("x"))
    assert file.current(S("a")) == "a"
    assert len(json.loads((tmp_path / "t.json").read_bytes())["others"]) == 7


def test_who_waits_for_the_lock_can_be_stopped(tmp_path: Path) -> None:
    """And a lock that cannot be had at all keeps nobody from asking."""
    file = TokenFile(tmp_path / "new" / "t.json")
    with file.locked(lambda: False), pytest.raises(Interrupted), file.locked(lambda: True):
        raise AssertionError("two hold it")
    with file.locked(lambda: False):
        pass
    (tmp_path / "no-folder").write_text("")
    with TokenFile(tmp_path / "no-folder" / "t.json").locked(lambda: False):
        pass


def test_a_killed_write_leaves_the_token_before(tmp_path: Path) -> None:
    """The temporary file of a killed run is in nobody's way."""
    file = TokenFile(tmp_path / "t.json")
    file.write(S("a"), S("b"))
    (tmp_path / "t.json.tmp").write_text('{"began')
    assert file.current(S("a")) == "b"
    file.write(S("a"), S("c"))
    assert (file.current(S("a")), file.current(S("x"))) == ("c", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["t.json"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Rather than using up the configured token, which may revoke all others."""
    (tmp_path / "t.json").write_text("{")
    with pytest.raises(DataRefused, match=r"t\.json: cannot be read"):
        TokenFile(tmp_path / "t.json").current(S("a"))


def test_static_credentials_cannot_be_renewed(tmp_path: Path) -> None:
    """The refusal stands as it was."""
    with ApiServer(items) as api:
        config = configured(api, "{{type: bearer, token: '{{env.SECRET}}'}}")
        granting = access(config, tmp_path)
        with pytest.raises(PageRefused, match="no"):
            granting.renew(granting.credentials(), CredentialsRefused("no", status=401))
        assert api.asked == []
