"""Secrets of a request go into variables, wherever they stand; nothing else does."""

import re
from base64 import b64encode
from typing import Any

import pytest

from harvester.scaffold.ask import Ask
from harvester.scaffold.curl import ask_of_curl
from harvester.scaffold.hiding import Hidden, hide
from harvester.scaffold.proposing import named
from harvester.scaffold.shell import words
from harvester.scaffold.variables import mapped, mark, shown

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
     "123456789:AAabcdefghijklmnopqrstuvwxyz012345",
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


BOT = "987654321:AAxyzabcdefghijklmnopqrstuvwxyz98765"
RANDOM = "k3Jd9fQ0zX7pLm2Rt8Vw5Yb1"
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (f"bot{BOT}/getUpdates", BOT),
        (f"bot{BOT.replace(':', '%3A')}/getUpdates", BOT.replace(":", "%3A")),
        (f"services/T024BE7LD/B024BE7LE/{RANDOM}", RANDOM),
        (f"v3/{UUID.replace('-', '')}/blocks", UUID.replace("-", "")),
        (f"api/key/{UUID}/items", UUID),
        (f"feed/token/{UUID}", UUID),
        ("api-key/a1b2c3d4e5/items", "a1b2c3d4e5"),
        (f"{UUID}/items", UUID),
        ("items;token=abcdef12/all", "abcdef12"),
    ],
)
def test_row_69_tokens_in_paths_are_masked(path: str, secret: str) -> None:
    """Bots, web hooks and feeds have them there; neither the URL nor a name is made of one."""
    ask = ask_of_curl(words(f"curl 'https://api.example.org/{path}'"))
    found = hide(ask, "EX", {})
    assert secret not in found.ask.url
    assert list(found.values.values()) == [secret]
    assert "/" + "/".join(p for p in path.split("/") if secret not in p)[:3] in found.ask.url
    assert secret.lower() not in named([ask], None)


@pytest.mark.parametrize(
    "path",
    [
        f"v1/databases/{UUID}/query", "v1/organizations/12345678901234567890/users",
        "repos/simonw/datasette/commits/0123456789abcdef0123456789abcdef01234567",
        "datasets/covid-19-cases-by-age-2020-2021/rows", "v2/getAllUserAccountsByRegion2024/list",
        "api/v1/keys", "tokens/all", "v1/spaces/ENGINEERINGDOCUMENTATION/pages",
    ],
)  # fmt: skip
def test_ids_and_words_in_paths_stay(path: str) -> None:
    """What the path itself says is an id of something, and what people have called so."""
    found = hidden(f"curl https://api.example.org/{path}")
    assert (found.values, found.ask.url) == ({}, f"https://api.example.org/{path}")


def test_referers_cookies_and_proxies() -> None:
    """Each may hold what opens something; a Referer that is a bare page stays."""
    found = hidden(
        f"curl -e 'https://x.org/a?sid=s3cr3t' -b 'sid={RANDOM}; theme=dark' "
        f"-x http://me:pr0xy@proxy.example:8080 -H 'X-Device: {RANDOM[::-1]}' {URL}"
    )
    assert readable(found.ask.headers) == {
        "Referer": "$EX_REFERER", "Cookie": "$EX_COOKIE", "X-Device": "$EX_X_DEVICE",
    }  # fmt: skip
    assert readable(found.ask.client) == {"proxy": "$EX_PROXY_URL"}
    assert found.derived == [RANDOM]
    found = hidden(f"curl -e https://x.org/app/ {URL}")
    assert (found.ask.headers, found.values) == ({"Referer": "https://x.org/app/"}, {})


@pytest.mark.parametrize(
    ("header", "auth", "told"),
    [
        ("Authorization: Token abc", {"prefix": "Token "}, "what follows `Token ` .*without"),
        ("Authorization: Bearer abc", {"type": "bearer"}, "what follows `Bearer ` .*without"),
        ("X-Api-Key: Key abc", {"prefix": "Key "}, "what follows `Key ` .*without"),
        ("X-Api-Key: abc", {"type": "api_key"}, "the whole value of the header X-Api-Key"),
        ("Authorization: abc", {"type": "api_key"}, "the whole value of the header Auth"),
        (f"Authorization: Basic {b64encode(b'me:pw').decode()}", {"type": "http_basic"},
         "the user name of the header"),
    ],
)  # fmt: skip
def test_what_a_variable_holds_is_said(header: str, auth: dict[str, str], told: str) -> None:
    """Exactly: a prefix that stands in the YAML must not be exported once more."""
    found = hidden(f"curl -H '{header}' {URL}")
    assert found.auth is not None
    assert auth.items() <= found.auth.items()
    assert re.match(told, next(iter(found.explanations.values())))
