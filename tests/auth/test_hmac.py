"""Declared signatures, against servers that check them as vendors document."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from requests import Request as Asking

from harvester import harvest
from harvester.auth.scheme import StaticScheme
from harvester.auth.schemes import scheme_of
from harvester.config import Config
from harvester.config.load import parse_config
from harvester.errors import ConfigError
from tests.api_server import Answer, ApiServer, Asked

YAML = """
version: 1
name: items
client:
  base_url: ORIGIN/
  auth: {type: hmac, secret: "{env.SECRET}", key: "{env.KEY}", MORE}
resources:
  - {name: items, path: v1/items, params: {q: "a b&c=é", limit: 2}, data_selector: data,
     paginator: {type: json_link}}
"""
PAGES = 3
BINANCE = (
    "key_name: X-MBX-APIKEY, timestamp: ms, timestamp_name: timestamp, timestamp_location: query,"
    ' signed: "{query}", name: signature, location: query'
)
COINBASE = (
    "key_name: CB-ACCESS-KEY, secret_encoding: base64, timestamp_name: CB-ACCESS-TIMESTAMP,"
    ' signed: "{timestamp}{method}{path_and_query}{body}", encoding: base64, name: CB-ACCESS-SIGN'
)
SHOPEE = (
    "key_name: partner_id, key_location: query, timestamp_name: timestamp,"
    ' timestamp_location: query, signed: "{key}{path}{timestamp}", name: sign, location: query'
)
SECRET = base64.b64encode(b"sign-s3cret").decode()


def configured(more: str, origin: str = "http://127.0.0.1:1", secret: str = SECRET) -> Config:
    """A harvest that is signed."""
    text = YAML.replace("MORE", more).replace("ORIGIN", origin)
    return parse_config(text, "x.yaml", env={"SECRET": secret, "KEY": "key-s3cret"})


def binance(asked: Asked) -> bool:
    """The query but for the signature, which is last; the time is now, in milliseconds."""
    query, _, signature = asked.target.partition("?")[2].rpartition("&signature=")
    assert abs(int(asked.params["timestamp"]) / 1000 - time.time()) < 60
    assert asked.headers["x-mbx-apikey"] == "key-s3cret"
    return signature == hmac.digest(SECRET.encode(), query.encode(), "sha256").hex()


def coinbase(asked: Asked) -> bool:
    """Time, method, path with its query, and the body; the secret is base64, and the signature."""
    text = f"{asked.headers['cb-access-timestamp']}{asked.method}{asked.target}".encode()
    digest = hmac.digest(b"sign-s3cret", text + asked.body, "sha256")
    return asked.headers["cb-access-sign"] == base64.b64encode(digest).decode()


def shopee(asked: Asked) -> bool:
    """The key, the path and the time."""
    text = f"{asked.params['partner_id']}{asked.path}{asked.params['timestamp']}"
    assert asked.params["partner_id"] == "key-s3cret"
    return asked.params["sign"] == hmac.digest(SECRET.encode(), text.encode(), "sha256").hex()


@pytest.mark.parametrize(
    ("more", "checks"), [(BINANCE, binance), (COINBASE, coinbase), (SHOPEE, shopee)]
)
def test_each_request_is_signed(tmp_path: Path, more: str, checks: Callable[[Asked], bool]) -> None:
    """Also where the next link has the signature of the one before; interrupted once, on disk is
    neither key nor secret.
    """

    def answer(asked: Asked) -> Answer:
        assert checks(asked)
        page = int(asked.params.get("page", "1"))
        assert asked.params["q"] == "a b&c=é"
        head = asked.target.replace(f"page={page}&", "")
        link = f"{asked.origin}{head.replace('?', f'?page={page + 1}&', 1)}"
        return Answer({"data": [page], **({"next": link} if page < PAGES else {})})

    with ApiServer(answer) as api:
        for pages in (1, None):
            summary = harvest(configured(more, api.origin), out=tmp_path / "out", max_pages=pages)
        assert summary.complete
        assert len(api.asked) == PAGES
    for file in (tmp_path / "out").rglob("*.json*"):
        if not file.name.startswith("part-"):
            assert "s3cret" not in file.read_text()
            assert SECRET not in file.read_text()


def signed(more: str, method: str = "GET", body: bytes | None = None) -> dict[str, str]:
    """The headers and parameters of one signed request."""
    config = configured(more)
    scheme = scheme_of(config.client.auth, config.env)
    assert isinstance(scheme, StaticScheme)
    sign = scheme.credentials().sign
    assert sign is not None
    prepared = sign(Asking(method, "https://api.example.org?a=1", data=body).prepare())
    return {**prepared.headers, **dict(parse_qsl(urlsplit(prepared.url).query))}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_every_part_can_be_signed(algorithm: str) -> None:
    """With every digest; the path of a bare host is the root."""
    found = signed(
        'signed: "{method}\\n{host}\\n{path}\\n{query}\\n{body_sha256}\\n{key}", name: X-Sign,'
        f" prefix: 'V1 ', algorithm: {algorithm}",
        "POST",
        b"body",
    )
    digest = hashlib.sha256(b"body").hexdigest()
    text = f"POST\napi.example.org\n/\na=1\n{digest}\nkey-s3cret".encode()
    assert found["X-Sign"] == "V1 " + hmac.digest(SECRET.encode(), text, algorithm).hex()


def test_a_time_in_iso() -> None:
    """As OKX wants it."""
    found = signed("signed: '{timestamp}', name: S, timestamp: iso, timestamp_name: T")
    assert len(found["T"]) == len("2021-01-01T00:00:00.000Z")
    assert found["T"].endswith("Z")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("signed: '{methd}', name: S", "{methd} is no part .* did you mean {method}"),
        ("signed: '{zzzzzzz}', name: S", "known are method, path"),
        ("signed: '{body}', name: 'a b'", "auth.name: not the name of a header"),
        ("signed: '{body}', name: S, key_name: 'a b'", "auth.key_name: not the name"),
        ("signed: '{body}', name: S, timestamp_name: 'a b'", "auth.timestamp_name: not the name"),
    ],
)
def test_what_is_refused(more: str, told: str) -> None:
    """When the YAML is loaded, at its place."""
    with pytest.raises(ConfigError, match=told):
        configured(more)


def test_a_key_that_is_not_given() -> None:
    """It can be neither sent nor signed."""
    text = YAML.replace('key: "{env.KEY}", MORE', "signed: '{key}', name: S")
    with pytest.raises(ConfigError, match=r"auth\.key: is named, and not given"):
        parse_config(text.replace("ORIGIN", "http://127.0.0.1:1"), "x.yaml", env={"SECRET": "s"})


def test_a_secret_in_another_encoding() -> None:
    """It is said before anything is asked, and the secret is not."""
    config = configured(COINBASE, secret="no base64 s3cret")
    scheme = scheme_of(config.client.auth, config.env)
    assert isinstance(scheme, StaticScheme)
    with pytest.raises(ConfigError, match="not base64") as caught:
        scheme.credentials()
    assert "s3cret" not in str(caught.value)
