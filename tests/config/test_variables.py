"""What a variable of the environment is to a harvest: a credential, or a part of its question."""

import pytest

from harvester.config.load import parse_config
from harvester.config.secret_variables import is_secret_variable
from harvester.config.variables import (
    hidden,
    is_free_header,
    looks_secret,
    renewable,
)

YAML = """
version: 1
name: t
client:
  base_url: https://api.example.org/
  {client}
resources:
  - name: items
    method: POST
    {resource}
"""
TOKEN = "aB3dE6gH9jK2"  # none
WORDS = "cats and dogs"


def roles(resource: str, client: str = "", value: str = WORDS) -> tuple[bool, bool]:
    """Whether the variable `IT` may change at any time, and whether it is hidden."""
    text = YAML.format(resource=resource, client=client)
    config = parse_config(text, "t.yaml", env={"IT": value, "MY_TOKEN": "other"})
    return "IT" in renewable(config), "IT" in hidden(config)


@pytest.mark.parametrize(
    ("resource", "client", "free", "concealed"),
    [
        ('params: {api_key: "{env.IT}"}', "", True, True),
        ('params: {api_key: ["{env.IT}"]}', "", True, True),
        ('headers: {X-Api-Key: "Key {env.IT}"}', "", True, True),
        ('json: {login: {password: "{env.IT}"}}', "", True, True),
        ('next_request: {params: {access_token: "{env.IT}"}}', "", True, True),
        ("", 'headers: {Authorization: "{env.IT}"}', True, True),
        ("", 'auth: {type: bearer, token: "{env.IT}"}', True, True),
        ("", 'auth: {type: http_basic, username: "{env.IT}"}', True, True),
        ("", 'auth: {type: http_basic, username: me, password: "{env.IT}"}', True, True),
        # who asks is no secret, and may stand in the path too
        ("", 'auth: {type: http_basic, username: "{env.IT}", password: x}', False, True),
        ('params: {q: "{env.IT}"}', "", False, False),
        ('path: "lists/{env.IT}"', "", False, False),
        ('json: {where: [{is: "{env.IT}"}]}', "", False, False),
        ('headers: {X-Tenant: "{env.IT}"}', "", False, False),
        ("", 'headers: {Accept-Language: "{env.IT}"}', False, False),
    ],
)
def test_roles(resource: str, client: str, free: bool, concealed: bool) -> None:
    """By the places where it stands."""
    assert roles(resource, client) == (free, concealed)


def test_what_looks_like_a_token_is_hidden() -> None:
    """Wherever it chooses records; there its value cannot change unnoticed. A header that only
    traces requests may change, so a cursor must not refer to it.
    """
    assert roles('params: {q: "{env.IT}"}', value=TOKEN) == (False, True)
    assert roles('headers: {X-Trace: "{env.IT}"}', value=TOKEN) == (False, False)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (TOKEN, True),
        ("0123456789abcdef0123", True),
        ("2024", False),
        ("2024-01-01T00:00:00Z", False),
        ("from:nasa since last summer", False),
        ("1234567890123456789012", False),
    ],
)
def test_looks(value: str, secret: bool) -> None:
    """Dates, numbers and words are none."""
    assert looks_secret(value) is secret


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("TOKEN", True), ("GITHUB_TOKEN", True), ("TOKEN2", True), ("API_KEY", True),
        ("NASA_API_KEY", True), ("CLIENT_SECRET", True), ("DB_PASSWORD", True), ("MY_PAT", True),
        ("QUERY", False), ("AUTHOR", False), ("PROJECT_KEY", False), ("KEYWORD", False),
        ("YEAR", False), ("COMPASS", False), ("TOKENS", False), ("PATH_OF", False),
    ],
)  # fmt: skip
def test_names(name: str, secret: bool) -> None:
    """What a variable is called says enough."""
    assert is_secret_variable(name) is secret


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("User-Agent", True), ("accept", True), ("traceparent", True), ("X-Request-ID", True),
        ("X-Trace", True), ("X-Trace-Id", True), ("X-B3-TraceId", True), ("From", True),
        ("X-Correlation-ID", True), ("X-Amzn-Trace-Id", True), ("Cache-Control", True),
        ("X-Tenant", False), ("Accept-Language", False), ("Range", False), ("X-Version", False),
        ("X-Tracer-Only", False), ("Content-Type", False), ("Prefer", False),
        ("X-Space", False), ("X-GitHub-Api-Version", False), ("X-Project-Id", False),
    ],
)  # fmt: skip
def test_headers_that_choose_nothing(name: str, free: bool) -> None:
    """Those that say who asks and which request it is; all others may choose records."""
    assert is_free_header(name) is free
