"""Auth schemes: the examples of their RFCs, and that no repr shows them."""

import hashlib
import hmac
import logging
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from harvester import harvest
from harvester.config import ApiKey, Auth, Bearer, HttpBasic, OAuth1
from harvester.config import SecretText as S
from harvester.config.load import parse_config
from harvester.errors import ConfigError
from harvester.http.request import Credentials
from tests.api_server import Answer, ApiServer, Asked
from tests.auth.granted import credentials

ENV = {"TOKEN": "mF_9.B5f-4.1JqM", "PASSWORD": "open sesame"}


@pytest.mark.parametrize(
    ("auth", "headers", "params"),
    [
        (None, {}, {}),
        # RFC 6750 section 2.1
        (
            Bearer(type="bearer", token=S("{env.TOKEN}")),
            {"Authorization": "Bearer mF_9.B5f-4.1JqM"},
            {},
        ),
        # RFC 7617 section 2
        (
            HttpBasic(type="http_basic", username=S("Aladdin"), password=S("{env.PASSWORD}")),
            {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
            {},
        ),
        # RFC 7617 section 2.1, UTF-8
        (
            HttpBasic(type="http_basic", username=S("test"), password=S("123£")),
            {"Authorization": "Basic dGVzdDoxMjPCow=="},
            {},
        ),
        # Stripe: the key as the user name, no password
        (
            HttpBasic(type="http_basic", username=S("sk_test")),
            {"Authorization": "Basic c2tfdGVzdDo="},
            {},
        ),
        (
            ApiKey(type="api_key", name="X-Api-Key", value=S("{env.TOKEN}")),
            {"X-Api-Key": "mF_9.B5f-4.1JqM"},
            {},
        ),
        (
            ApiKey(type="api_key", name="Authorization", value=S("{env.TOKEN}"), prefix="Token "),
            {"Authorization": "Token mF_9.B5f-4.1JqM"},
            {},
        ),
        (
            ApiKey(type="api_key", name="key", value=S("a{env.TOKEN}"), location="query"),
            {},
            {"key": "amF_9.B5f-4.1JqM"},
        ),
    ],
)
def test_credentials(auth: Auth | None, headers: dict[str, str], params: dict[str, str]) -> None:
    """What each scheme adds to a request."""
    assert credentials(auth, ENV) == Credentials(headers, params)


def test_no_repr_shows_credentials() -> None:
    """Neither the credentials nor the scheme show a secret, even one written into the YAML."""
    basic = HttpBasic(type="http_basic", username=S("user-s3cret"), password=S("pass-s3cret"))
    bearer = Bearer(type="bearer", token=S("token-s3cret"))
    key = ApiKey(type="api_key", name="k", value=S("value-s3cret"), location="query")
    for auth in (basic, bearer, key):
        assert "s3cret" not in repr(auth) + str(auth)
        assert "s3cret" not in repr(credentials(auth, {}))


# --- OAuth 1 -------------------------------------------------------------------------------------

KEYS = {
    "KEY": "client-k3y",
    "SECRET": "client-s3cret&",
    "OWNER": "owner-k3y",
    "OWN": "owner-s3cret",
}
SIGNED = """
version: 1
name: signed
client:
  base_url: {origin}/
  retry: {{attempts: 3, max_wait: 0}}
  auth:
    type: oauth1
    client_key: "{{env.KEY}}"
    client_secret: "{{env.SECRET}}"
    resource_owner_key: "{{env.OWNER}}"
    resource_owner_secret: "{{env.OWN}}"
resources:
  - name: items
    path: items
    params: {{q: "a b&c=é", q2: [1, 2]}}
    paginator: {{type: cursor, cursor_path: next, cursor_param: cursor}}
    data_selector: data
"""


def _signature(asked: Asked) -> dict[str, str]:
    """The parameters of the Authorization header, whose signature is checked as in RFC 5849."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    assert scheme == "OAuth"
    given = {
        name.strip(): unquote(value.strip('"'))
        for name, _, value in (item.partition("=") for item in rest.split(","))
    }
    signature = given.pop("oauth_signature")
    pairs = sorted(
        (quote(name, safe="~"), quote(value, safe="~"))
        for name, value in [*asked.query, *given.items()]
    )
    normalized = "&".join(f"{name}={value}" for name, value in pairs)
    parts = (asked.method, asked.origin + asked.path, normalized)
    base = "&".join(quote(part, safe="~") for part in parts)
    key = "&".join(quote(KEYS[name], safe="~") for name in ("SECRET", "OWN"))
    wanted = hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()
    assert signature == b64encode(wanted).decode()
    return given


def test_oauth1_signs_each_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Retries and redirects have signatures of their own; no log holds what these are made of."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    def answer(asked: Asked) -> Answer:
        given = _signature(asked)
        assert (given["oauth_consumer_key"], given["oauth_token"]) == ("client-k3y", "owner-k3y")
        seen.append(given["oauth_nonce"])
        if len(seen) == 1:
            return Answer({}, 503)
        if len(seen) == 2:
            return Answer(None, 302, {"Location": "/items?moved=1"})
        more = "cursor" not in dict(asked.query)
        return Answer({"data": [int(more)], "next": "x" if more else None})

    with ApiServer(answer) as api:
        config = parse_config(SIGNED.format(origin=api.origin), "test.yaml", env=KEYS)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.exit_code == 0, summary.failures
    assert len(set(seen)) == len(seen) == 4
    assert not any(value in caplog.text for value in KEYS.values())
    for file in (tmp_path / "out").rglob("journal.jsonl"):
        assert not any(value in file.read_text() for value in KEYS.values())


def test_oauth1_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that cannot be followed, with the command that helps."""
    monkeypatch.setitem(sys.modules, "requests_oauthlib", None)
    auth = OAuth1(type="oauth1", client_key=S("k"), client_secret=S("s"))
    with pytest.raises(ConfigError, match=r"pip install 'api-harvester\[oauth1\]'"):
        credentials(auth, {})


def test_no_repr_shows_a_signature() -> None:
    """Nor what it is made with."""
    auth = OAuth1(type="oauth1", client_key=S("k-s3cret"), client_secret=S("s-s3cret"))
    assert "s3cret" not in repr(auth) + repr(credentials(auth, {}))


# --- In the body ---------------------------------------------------------------------------------

IN_BODY = """
version: 1
name: posted
client:
  base_url: ORIGIN/
  auth: {type: api_key, name: api_key, value: "{env.KEY}", location: body}
  allowed_hosts: HOSTS
resources:
  - {name: items, path: items, method: POST, MORE
     data_selector: data, paginator: {type: json_link, next_url_path: next}}
"""


@pytest.mark.parametrize("more", ["json: {q: a},", "form: {q: a},", ""])
def test_a_key_in_the_body(tmp_path: Path, more: str) -> None:
    """In the form where there is one, else in the JSON; of it nothing is stored."""

    def answer(asked: Asked) -> Answer:
        sent = asked.form if "form" in more else asked.json
        assert sent == {**({"q": "a"} if more else {}), "api_key": "body-s3cret"}
        said = {"echo": "body-s3cret", "next": f"{asked.origin}/items?page=2&k=body-s3cret"}
        return Answer({"data": [len(asked.query)], **({} if asked.query else said)})

    with ApiServer(answer) as api:
        text = IN_BODY.replace("ORIGIN", api.origin).replace("MORE", more).replace("HOSTS", "[]")
        config = parse_config(text, "x.yaml", env={"KEY": "body-s3cret"})
        assert harvest(config, out=tmp_path / "out").complete
        assert len(api.asked) == 2
    for file in (tmp_path / "out").rglob("*.json*"):
        if not file.name.startswith("part-"):
            assert "s3cret" not in file.read_text(), file


def test_a_key_in_the_body_goes_to_no_other_host(tmp_path: Path) -> None:
    """A host that is only allowed gets the body without it."""
    with ApiServer(lambda asked: Answer({"data": [2]})) as other:
        link = f"{other.origin}/items"
        with ApiServer(lambda asked: Answer({"data": [1], "next": link})) as api:
            hosts = f'["{other.origin.removeprefix("http://")}"]'
            text = IN_BODY.replace("ORIGIN", api.origin).replace("MORE", "json: {q: a},")
            config = parse_config(text.replace("HOSTS", hosts), "x", env={"KEY": "body-s3cret"})
            assert harvest(config, out=tmp_path / "out").complete
        (asked,) = other.asked
        assert asked.json == {"q": "a"}


def test_a_get_has_no_body_for_a_key() -> None:
    """It is said when the YAML is loaded."""
    text = IN_BODY.replace("method: POST, MORE", "").replace("HOSTS", "[]")
    with pytest.raises(ConfigError, match=r"auth\.location: 'items' sends a GET"):
        parse_config(text.replace("ORIGIN", "http://127.0.0.1:1"), "x", env={"KEY": "k-s3cret"})
