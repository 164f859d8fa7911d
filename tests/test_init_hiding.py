"""Secrets of a request go into variables, wherever they stand; nothing else does."""

from base64 import b64encode
from typing import Any

import pytest

from harvester.init.ask import Ask
from harvester.init.curl import ask_of_curl
from harvester.init.hiding import Hidden, hide
from harvester.init.shell import words
from harvester.init.variables import mapped, mark, shown

URL = "https://api.example.org/v1/items"


def hidden(line: str, env: dict[str, str] | None = None) -> Hidden:
    """The request of a line, without its secrets."""
    return hide(ask_of_curl(words(line)), "EX", env or {})


def readable(tree: Any) -> Any:
    """A tree with its variables as `$NAME`."""
    return mapped(tree, shown)


@pytest.mark.parametrize(
    ("options", "auth", "values"),
    [
        ("-H 'Authorization: Bearer s3cr3t'", {"type": "bearer", "token": "$EX_TOKEN"},
         {"EX_TOKEN": "s3cr3t"}),
        ("-H 'authorization: bearer s3cr3t'", {"type": "bearer", "token": "$EX_TOKEN"},
         {"EX_TOKEN": "s3cr3t"}),
        (f"-H 'Authorization: Basic {b64encode(b'me:pw').decode()}'",
         {"type": "http_basic", "username": "$EX_USER", "password": "$EX_PASSWORD"},
         {"EX_USER": "me", "EX_PASSWORD": "pw"}),
        ("-u me:pw", {"type": "http_basic", "username": "$EX_USER", "password": "$EX_PASSWORD"},
         {"EX_USER": "me", "EX_PASSWORD": "pw"}),
        ("-u key:", {"type": "http_basic", "username": "$EX_API_KEY"}, {"EX_API_KEY": "key"}),
        ("-H 'Authorization: Token abc'",
         {"type": "api_key", "name": "Authorization", "prefix": "Token ", "value": "$EX_TOKEN"},
         {"EX_TOKEN": "abc"}),
        ("-H 'Authorization: abc'",
         {"type": "api_key", "name": "Authorization", "value": "$EX_KEY"}, {"EX_KEY": "abc"}),
        ("-H 'X-Api-Key: abc'", {"type": "api_key", "name": "X-Api-Key", "value": "$EX_API_KEY"},
         {"EX_API_KEY": "abc"}),
        ("-H 'PRIVATE-TOKEN: abc'",
         {"type": "api_key", "name": "PRIVATE-TOKEN", "value": "$EX_TOKEN"}, {"EX_TOKEN": "abc"}),
        ("-H 'Ocp-Apim-Subscription-Key: abc'",
         {"type": "api_key", "name": "Ocp-Apim-Subscription-Key", "value": "$EX_API_KEY"},
         {"EX_API_KEY": "abc"}),
        (f"-G {URL} -d api_key=abc",
         {"type": "api_key", "name": "api_key", "value": "$EX_API_KEY", "location": "query"},
         {"EX_API_KEY": "abc"}),
        ("-H \"Authorization: Bearer $MINE\"", {"type": "bearer", "token": "$MINE"}, {}),
        ("-u \"$ME:$PW\"", {"type": "http_basic", "username": "$ME", "password": "$PW"}, {}),
    ],
)  # fmt: skip
def test_credentials_become_auth(options: str, auth: Any, values: dict[str, str]) -> None:
    """Each way to be let in, as the YAML's `auth` with references."""
    found = hidden(f"curl {options} {URL}")
    assert readable(found.auth) == auth
    assert found.values == values
    assert found.ask.user is None
    assert not {name.lower() for name in found.ask.headers} & {"authorization", "x-api-key"}


def test_second_secrets_stay_where_they_are_as_references() -> None:
    """One of them is the `auth`; the others are references in their places."""
    found = hidden(
        "curl -H 'Authorization: Bearer aaa' -H 'X-Api-Key: bbb' -b 'sid=ccc' "
        f"'{URL}?token=ddd&n=1'"
    )
    assert readable(found.auth) == {"type": "bearer", "token": "$EX_TOKEN"}
    assert readable(found.ask.headers) == {"X-Api-Key": "$EX_X_API_KEY", "Cookie": "$EX_COOKIE"}
    assert readable(dict(found.ask.params)) == {"token": "$EX_TOKEN_2", "n": "1"}
    assert found.values == {
        "EX_TOKEN": "aaa", "EX_X_API_KEY": "bbb", "EX_COOKIE": "sid=ccc", "EX_TOKEN_2": "ddd",
    }  # fmt: skip


def test_the_same_secret_twice_is_one_variable() -> None:
    """A token that stands in the header and in the query is exported once."""
    found = hidden(f"curl -H 'Authorization: Bearer aaa' '{URL}?token=aaa'")
    assert found.values == {"EX_TOKEN": "aaa"}


def test_bodies() -> None:
    """Passwords in JSON and forms, at any depth."""
    found = hidden(
        f"""curl --json '{{"user": {{"password": "pw", "name": "me"}}, "n": 1}}' {URL}"""
    )
    assert readable(found.ask.json) == {"user": {"password": "$EX_PASSWORD", "name": "me"}, "n": 1}
    found = hidden(f"curl -d apiKey=abc -d page=1 {URL}")
    assert readable(dict(found.ask.form)) == {"apiKey": "$EX_API_KEY", "page": "1"}


@pytest.mark.parametrize(
    "text",
    ["ghp_abcdefghijklmnop", "glpat-abcdefghijkl", "sk_live_abcdefghij", "xoxb-123-abcdefgh",
     "AIzaSyD-abcdefghijklmnopqrstu", "eyJhbGciOiJIUzI1.eyJzdWIiOi.abcdefgh"],
)  # fmt: skip
def test_tokens_are_known_by_their_shape(text: str) -> None:
    """Wherever they stand: here in a parameter of no telling name, in the path and in a header."""
    found = hidden(f"curl -H 'X-Thing: {text}' '{URL}/{text}?who={text}'")
    told = repr((found.ask.url, found.ask.params, found.ask.headers))
    assert text not in told
    assert list(found.values.values()) == [text]


@pytest.mark.parametrize(
    "line",
    [
        f"curl '{URL}?next_token=abc&page_token=def&pageToken=x&continuationToken=y'",
        f"curl '{URL}?sort_key=name&primary_key=id&keyword=x&author=me&monkey=1'",
        f"curl -H 'X-GitHub-Api-Version: 2022-11-28' -H 'Idempotency-Key: 1' {URL}",
        f"curl -H 'User-Agent: me@example.org' '{URL}?mailto=me@example.org'",
    ],
)
def test_what_is_no_secret(line: str) -> None:
    """Cursors and sort keys have names like secrets', and are none."""
    found = hidden(line)
    assert (found.values, found.auth) == ({}, None)


def test_what_a_shell_filled_in_becomes_its_variable_again() -> None:
    """The value of a secret variable of the environment is recognized; of others it is not."""
    env = {"SHOP_TOKEN": "0123456789abcdef", "HOME": "/home/somebody", "SHORT_TOKEN": "v1"}
    found = hidden(
        f"curl -H 'Authorization: Bearer 0123456789abcdef' {URL}?home=/home/somebody", env
    )
    assert found.auth == {"type": "bearer", "token": mark("SHOP_TOKEN")}
    assert (found.values, dict(found.ask.params)) == ({}, {"home": "/home/somebody"})
    assert found.ask.url == URL


def test_a_signature_of_one_request_is_told_of() -> None:
    """It is good for no other request, so it is not sent along."""
    found = hidden(f"curl -H 'Authorization: OAuth oauth_consumer_key=\"a\"' {URL}")
    assert (found.auth, found.ask.headers) == (None, {})
    assert "signature of one request" in found.notes[0]


def test_no_repr_shows_a_secret() -> None:
    """Neither the request's nor what is made of it."""
    ask = Ask(URL, user="me", password="s3cr3t", headers={"X-Api-Key": "k3y"})
    assert "s3cr3t" not in repr(ask)
    assert "k3y" not in repr(ask)
    assert "s3cr3t" not in repr(hide(ask, "EX", {}))
