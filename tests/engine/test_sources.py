"""From a configuration to what is asked: origins, and which values are secrets."""

from typing import Any

import pytest

from harvester.config.load import parse_config
from harvester.engine.sources import secrets_of, sources_of
from harvester.security.origins import Origin
from harvester.security.redaction import Secrets
from tests.yaml_texts import config, whole

NO_SECRETS = Secrets({})


def origins(resource: str = "", base_url: str | None = None, **env: str) -> set[str]:
    """The origins that a configuration spells out."""
    asked = parse_config(
        whole(resource).replace("    path: items\n", ""),
        "test.yaml",
        base_url=base_url,
        env=env,
    )
    found = sources_of(asked, NO_SECRETS)["items"].endpoint.origins.configured
    return {str(origin) for origin in found}


API = "https://api.example.org:443"


@pytest.mark.parametrize(
    ("resource", "env", "expected"),
    [
        ("path: items", {}, {API}),
        ("path: https://data.example.org/x", {}, {API, "https://data.example.org:443"}),
        ("path: HTTPS://Data.example.org:8443/x", {}, {API, "https://data.example.org:8443"}),
        ("path: https://api.example.org/v2", {}, {API}),
        (
            "path: x\nnext_request: {path: 'http://next.example.org/x'}",
            {}, {API, "http://next.example.org:80"},
        ),
        (
            'path: "https://{env.HOST}/x/{v}"\npartitions: {v: [a]}',
            {"HOST": "eu.example.org"}, {API, "https://eu.example.org:443"},
        ),
        ('path: "{env.URL}"', {"URL": "https://eu.example.org/x"},
         {API, "https://eu.example.org:443"}),
        # what a value makes of a URL is not spelled out
        ('path: "{v}"\npartitions: {v: ["https://evil.example.org/"]}', {}, {API}),
        ('path: "https://{v}/x"\npartitions: {v: [evil.example.org]}', {}, {API}),
        ('path: "https://data.example.org{v}/x"\npartitions: {v: [.evil.example]}', {}, {API}),
        ('path: "https://x.example.org/{v}"\npartitions: {v: [a]}', {},
         {API, "https://x.example.org:443"}),
    ],
)  # fmt: skip
def test_origins(resource: str, env: dict[str, str], expected: set[str]) -> None:
    """Only hosts that the user wrote, in the YAML or the environment, get credentials."""
    assert origins(resource, **env) == expected


def test_base_url_from_the_environment() -> None:
    """And from the command line."""
    assert origins("path: x", "{env.URL}", URL="http://127.0.0.1:8000/v1") == {
        "http://127.0.0.1:8000"
    }


def test_allowed_hosts() -> None:
    """By name, with whether they get credentials."""
    asked = config(client="allowed_hosts: [CDN.example.org, {host: 'eu.x:81', credentials: true}]")
    found = sources_of(asked, NO_SECRETS)["items"].endpoint.origins
    assert found.allowed == {"cdn.example.org": False, "eu.x:81": True}
    assert found.configured == {Origin("https", "api.example.org", 443)}


def test_fingerprint_is_of_what_shapes_requests() -> None:
    """Secrets, rates and agents may change in the middle of a harvest; the query may not."""

    def of(resource: str = "", client: str = "", **options: Any) -> str:
        asked = parse_config(
            whole(resource, client), "test.yaml", env={"TOKEN": "one", "OTHER": "two"}, **options
        )
        return sources_of(asked, secrets_of(asked))["items"].fingerprint

    same = of()
    assert of(client='auth: {type: bearer, token: "{env.TOKEN}"}') == same
    assert of(client="headers: {User-Agent: x, X-Api-Key: y}") == same
    assert of(client="rate_limit: {requests: 1, per: 1s}\nretry: {attempts: 2}") == same
    assert of(base_url="http://127.0.0.1:8000/") == same
    assert of("rate_limit: {requests: 1, per: 1s}") == same
    for other in (
        of("params: {a: 1}"),
        of("data_selector: data"),
        of("paginator: {type: offset}"),
        of("headers: {X-Version: '2'}"),
        of(base_url="http://127.0.0.1:8000/v2/"),
    ):
        assert other != same


# --- Secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resource", "client"),
    [
        ("", "auth: {type: bearer, token: literal-s3cret}"),
        ("", "auth: {type: api_key, name: k, value: literal-s3cret, location: query}"),
        ("", "auth: {type: http_basic, username: literal-s3cret}"),
        ("", "auth: {type: http_basic, username: me, password: literal-s3cret}"),
        ("", "headers: {X-Api-Key: literal-s3cret}"),
        ("headers: {Cookie: literal-s3cret}", ""),
        ("params: {api_key: literal-s3cret}", ""),
        ("params: {api_key: [other, literal-s3cret]}", ""),
        ("first_params: {access_token: literal-s3cret}", ""),
        ("next_request: {params: {access_token: literal-s3cret}}", ""),
        ("method: POST\nform: {password: literal-s3cret}", ""),
        ("method: POST\njson: {login: [{password: literal-s3cret}]}", ""),
        ("method: POST\njson: {secret: {inner: literal-s3cret}}", ""),
        ('params: {q: "{env.TOKEN}"}', ""),  # its own name says so
    ],
)
def test_what_is_a_secret(resource: str, client: str) -> None:
    """Variables, credentials, and what is written straight into the YAML under a secret's name."""
    secrets = secrets_of(config(resource, client))
    value = "s3cret-token" if "TOKEN" in resource else "literal-s3cret"
    assert secrets.redact(f"a {value} b") == "a *** b"
    assert secrets.conceal(f"?x={value}") != f"?x={value}"
    assert secrets.reveal(secrets.conceal({value: [value]})) == {value: [value]}


def test_what_is_made_of_secrets() -> None:
    """The header of basic auth gives the password away, with and without its scheme."""
    secrets = secrets_of(
        config(client='auth: {type: http_basic, username: me, password: "{env.TOKEN}"}')
    )
    assert secrets.redact("Authorization: Basic bWU6czNjcmV0LXRva2Vu") == "Authorization: ***"
    assert secrets.redact('{"sent": "bWU6czNjcmV0LXRva2Vu"}') == '{"sent": "***"}'
    assert secrets.redact("me") == "me"


@pytest.mark.parametrize(
    "resource",
    [
        'params: {token: "{cursor}"}\npaginator: {type: cursor, cursor_path: next}',
        'params: {key: "{issue}"}\npartitions: {issue: [ABCD-1]}',
        'params: {key: "page {page}"}\npaginator: {type: page_number, page_param: null}',
    ],
)
def test_what_a_page_fills_in_is_no_secret(resource: str) -> None:
    """A cursor sent as `token` is a place in the harvest; the journal needs it as it is."""
    secrets = secrets_of(config(resource))
    for text in ("ABSENT", "ABCD-1", "page 1", "{cursor}"):
        assert secrets.redact(text) == text
        assert secrets.conceal(text) == text
