"""The client section: shorthands, defaults, and secrets that stay out of sight."""

from pathlib import Path
from typing import get_args

import pytest

from harvester.config import AUTH_OPTIONS, AllowedHost, Budget, Limits, Retry, Timeout
from harvester.config.wording import listed
from harvester.errors import ConfigError
from tests.support import ITEMS
from tests.support import config as loaded
from tests.yaml_texts import config, said

TYPES = [get_args(each.model_fields["type"].annotation)[0] for each in AUTH_OPTIONS]


def test_defaults_are_safe() -> None:
    """What a configuration without options gets."""
    client = config().client
    assert client.timeout == Timeout(connect=10, read=60, page=3600)
    assert client.retry == Retry(attempts=10, max_wait=900, deadline=6 * 3600)
    assert client.limits.wire_bytes == 64 << 30
    assert client.limits.string_bytes == 8 << 20
    assert client.auth is None
    assert client.rate_limit == ()
    assert client.trust_env is False


def test_units_are_read() -> None:
    """Durations become seconds, sizes bytes."""
    client = config(client="timeout: {read: 5m}\nlimits: {wire_bytes: 2GB, depth: 9}").client
    assert client.timeout.read == 300
    assert client.limits == Limits(wire_bytes=2_000_000_000, depth=9)


def test_one_budget_needs_no_list() -> None:
    """A single mapping is a list of one."""
    one = config(client="rate_limit: {requests: 3, per: 1s}").client.rate_limit
    many = config(client="rate_limit: [{requests: 3, per: 1s}]").client.rate_limit
    assert one == many == (Budget(requests=3, per=1),)


def test_a_host_may_be_just_its_name() -> None:
    """Text stands for a host without credentials, in lower case."""
    hosts = config(client="allowed_hosts: [CDN.example.org, {host: 'x:8443', credentials: true}]")
    assert hosts.client.allowed_hosts == (
        AllowedHost(host="cdn.example.org"),
        AllowedHost(host="x:8443", credentials=True),
    )


def test_secrets_are_in_no_repr() -> None:
    """Nor are the values of the environment."""
    found = config(client="auth: {type: http_basic, username: '{env.TOKEN}', password: hunter2}")
    assert found.env == {"TOKEN": "s3cret-token"}
    assert "hunter2" not in repr(found)
    assert "s3cret" not in repr(found)


OAUTH2 = "type: oauth2_client_credentials, access_token_url: 'https://x/'"


@pytest.mark.parametrize("auth", ["", "auth: {type: bearer, token: x}"])
def test_reauth_needs_something_to_renew(auth: str) -> None:
    """A rule that could do nothing is a mistake."""
    rules = "response_actions: [{status: 403, action: reauth}]"
    why = "those of bearer cannot" if auth else "there is no auth"
    assert said(rules, auth) == [
        "resources[0].response_actions[0].action: reauth needs credentials that can be renewed; "
        + why
    ]
    login = "auth: {type: session_token, login: {path: a}, token_path: d}"
    assert said(rules, login) == []


def test_secrets_of_a_login_are_masked() -> None:
    """In harvest.json: whatever a login sends, and what stands under the name of a secret."""
    login = "{path: a, json: {who: me, pin: 1234, x: '{env.TOKEN}'}, headers: {X-Api-Key: abc}}"
    found = config(client=f"auth: {{type: session_token, login: {login}, token_path: d}}")
    assert found.reference_dict()["client"]["auth"]["login"] == {
        "path": "a",
        "json": {"who": "***", "pin": "***", "x": "{env.TOKEN}"},
        "headers": {"X-Api-Key": "***"},
    }
    auth = f"auth: {{{OAUTH2}, client_id: me, client_secret: s3cret}}"
    written = config(client=auth).reference_dict()["client"]["auth"]
    assert (written["client_id"], written["client_secret"]) == ("me", "***")


@pytest.mark.parametrize(
    ("client", "fault"),
    [
        ("timeout: {read: soon}", ("client.timeout.read: expected a duration such as 10s, 15m, 1h, "
         "1d, 1w or 500ms (a bare number is seconds), got 'soon'")),
        ("timeout: {read: 0}", "client.timeout.read: a duration here is above zero, as in 10s"),
        ("timeout: {conect: 1}", ("client.timeout.conect: unknown key 'conect': did you mean "
         "'connect'?")),
        ("rate_limit: {requests: 0, per: 1s}", ("client.rate_limit.requests: must be at least 1, "
         "got 0")),
        (
            f"rate_limit: {{requests: {10**9 + 1}, per: 1s}}",
            "client.rate_limit.requests: must be at most 1000000000, got 1000000001",
        ),
        ("rate_limit: [{requests: 1}]", "client.rate_limit[0].per: this key is missing"),
        ("rate_limit: fast", "client.rate_limit: expected a mapping (key: value), got 'fast'"),
        ("allowed_hosts: ['https://x']", ("client.allowed_hosts[0]: expected a host name such as "
         "api.example.org or api.example.org:8443, without https://, got 'https://x'")),
        ("trust_env: yes", "client.trust_env: expected true or false, got 'yes'"),
        ("limits: {wire_bytes: 3K}", ("client.limits.wire_bytes: expected a size such as 8MiB, "
         "8MB, 64KiB or a number of bytes, got '3K'")),
        ("headers: {X-A: 3}", "client.headers.X-A: expected text, got a number; put it in quotes"),
        ("headers: {Accept-Encoding: br}", ("client.headers.Accept-Encoding: harvester sets this "
         "header itself; take it out")),
        ("headers: {a b: x}", ("client.headers['a b']: not the name of a header: letters, digits "
         "and '-', no blanks or colons")),
        ("headers: {X-A: x, x-a: y}", "client.headers.x-a: stands twice: 'X-A' is the same header"),
        ('headers: {X-A: "a\\nb"}', ("client.headers.X-A: holds a line break or another control "
         "character")),
        ("auth: {type: beare, token: x}", ("client.auth.type: unknown type 'beare': did you mean "
         "'bearer'?")),
        ("auth: {token: x}", f"client.auth.type: expected a type: {listed(TYPES, 'or')}"),
        ("auth: {type: oauth1}", ("client.auth.client_key: this key is missing",
         "client.auth.client_secret: this key is missing")),
        (f"auth: {{{OAUTH2}, client_id: x, client_secret: '{{cursor}}'}}",
         "client.auth.client_secret: only {env.NAME} can stand here, not {cursor}"),
        (f"auth: {{{OAUTH2}, client_id: x, client_secret: y, scopes: z}}",
         "client.auth.scopes: unknown key 'scopes': did you mean 'scope'?"),
        (("auth: {type: oauth2_client_credentials, client_id: x, client_secret: y, "
          "access_token_url: 'https://me:pw@x/'}"), ("client.auth.access_token_url: a URL holds "
         "no user name or password; use auth: {type: http_basic, …}")),
        (("auth: {type: oauth2_refresh_token, access_token_url: https://x/, client_id: a, "
          "refresh_token: b, client_auth: basic}"),
         "client.auth.client_auth: basic needs a client_secret"),
        ("auth: {type: session_token, login: {path: a, json: {}, form: {b: c}}, token_path: d}",
         "client.auth.login.form: a request has one body: json or form"),
        ("auth: {type: session_token, login: {path: a}, token_path: d, name: 'a b'}",
         ("client.auth.name: not the name of a header: letters, digits and '-', no blanks or "
          "colons")),
        (("auth: {type: oauth1, client_key: a, client_secret: b, resource_owner_key: c}"),
         ("client.auth.resource_owner_key: resource_owner_key and resource_owner_secret go "
          "together")),
        ("auth: secret", "client.auth: expected a mapping (key: value), got text"),
        ("auth: {type: bearer, token: 12345}", ("client.auth.token: expected text, got a number; "
         "put it in quotes")),
        ("auth: {type: bearer, token: ''}", "client.auth.token: is empty"),
        ("auth: {type: api_key, name: a b, value: x}", ("client.auth.name: not the name of a "
         "header: letters, digits and '-', no blanks or colons")),
        ("proxy: ftp://x", "client.proxy: expected a URL that begins with https:// or http://"),
    ],
)  # fmt: skip
def test_faults(client: str, fault: str | tuple[str, ...]) -> None:
    """Each in words for people, at its place; no message holds a secret."""
    assert said(client=client) == ([fault] if isinstance(fault, str) else list(fault))


def test_a_key_in_the_query_may_have_any_name() -> None:
    """Only headers restrict names."""
    found = config(client="auth: {type: api_key, name: 'a b', value: x, location: query}")
    assert found.client.auth is not None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("client.retry.budget=0", "a share above 0 and at most 1"),
        ("client.retry.budget=120%", "as 0.2 or 20%"),
        ("client.per_host={'https://x.org': {requests: 1, per: 1s}}", "without https://"),
        ("resources[0].per_host={x.org: {requests: 1, per: 1s}}", "it stands in client"),
        ("resources[0].restart_after={records: 9}", "it stands in the paginator"),
        ("client.adaptive_pace=often", "adaptive_pace"),
    ],
)
def test_limits_that_are_no_limits(tmp_path: Path, change: str, told: str) -> None:
    """Each is said with what may stand there, or where it stands."""
    with pytest.raises(ConfigError, match=told):
        loaded(tmp_path, ITEMS, "http://127.0.0.1:1/", change)


def test_a_share_may_be_written_in_percent(tmp_path: Path) -> None:
    """As people say it."""
    asked = loaded(tmp_path, ITEMS, "http://127.0.0.1:1/", "client.retry.budget=20%")
    assert asked.client.retry.budget == 0.2
