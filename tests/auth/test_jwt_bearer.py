"""Signed tokens: each algorithm, sent as they are or exchanged, with what vendors' keys say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest
from harvester.auth.access import Access
from harvester.config import Config
from harvester.config.load import parse_config
from harvester.engine.sources import secrets_of
from harvester.errors import ConfigError, PageRefused
from harvester.results.summary import Summary
from tests.api_server import Answer, ApiServer, Asked

jwt = pytest.importorskip("jwt")
asymmetric = pytest.importorskip("cryptography.hazmat.primitives.asymmetric")
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402

YAML = """
version: 1
name: items
client:
  base_url: ORIGIN/
  auth: {type: jwt_bearer, key: "{env.KEY}", MORE}
resources:
  - {name: items, path: items, data_selector: data, paginator: {type: single_page}}
"""


def pem(private: Any) -> tuple[str, str]:
    """A private key and its public one."""
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key.decode(), public.decode()


RSA, RSA_PUBLIC = pem(rsa.generate_private_key(65537, 2048))
EC, EC_PUBLIC = pem(ec.generate_private_key(ec.SECP256R1()))


def configured(more: str, key: str, origin: str = "http://127.0.0.1:1") -> Config:
    """A harvest with these options."""
    text = YAML.replace("MORE", more).replace("ORIGIN", origin)
    return parse_config(text, "x.yaml", env={"KEY": key})


def run(answer: Callable[[Asked], Answer], more: str, key: str, out: Path) -> Summary:
    """A harvest; nothing of the key or of a token is on disk."""
    with ApiServer(answer) as api:
        summary = harvest(configured(more, key, api.origin), out=out)
    for file in out.rglob("*.json*"):
        if not file.name.startswith("part-"):
            text = file.read_text()
            assert "PRIVATE" not in text
            assert "eyJ" not in text
    return summary


def bearer(asked: Asked) -> str:
    """The token of a request."""
    return asked.headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize(
    ("algorithm", "key", "public"),
    [("RS256", RSA, RSA_PUBLIC), ("ES256", EC, EC_PUBLIC), ("HS256", "k" * 32, "k" * 32)],
)
def test_a_token_that_is_sent_as_it_is(
    tmp_path: Path, algorithm: str, key: str, public: str
) -> None:
    """App Store Connect: the JWT opens the API itself, with a key id and an audience."""

    def api(asked: Asked) -> Answer:
        token = bearer(asked)
        found = jwt.decode(token, public, [algorithm], audience="appstoreconnect-v1")
        assert jwt.get_unverified_header(token)["kid"] == "2X9R4HXF34"
        assert found["iss"] == "57246542"
        assert found["bid"] == "org.example"
        assert found["exp"] - found["iat"] == 1200
        return Answer({"data": [1]})

    more = (
        f"algorithm: {algorithm}, key_id: 2X9R4HXF34, issuer: '57246542', lifetime: 20m,"
        " audience: appstoreconnect-v1, claims: {bid: org.example}"
    )
    assert run(api, more, key, tmp_path / "out").complete


def test_a_service_account_of_google(tmp_path: Path) -> None:
    """Its JSON file gives key, issuer and key id; the grant's scope and audience are claims."""

    def api(asked: Asked) -> Answer:
        if asked.path == "/token":
            assertion = asked.form["assertion"]
            url = f"{asked.origin}/token"
            found = jwt.decode(assertion, RSA_PUBLIC, ["RS256"], audience=url)
            assert (found["iss"], found["scope"]) == ("robot@example.org", "a.read b.read")
            assert jwt.get_unverified_header(assertion)["kid"] == "key-1"
            return Answer({"access_token": "ya29-s3cret", "expires_in": 3599})
        assert bearer(asked) == "ya29-s3cret"
        return Answer({"data": [1]})

    account = {"private_key": RSA, "private_key_id": "key-1", "client_email": "robot@example.org"}
    more = 'access_token_url: "ORIGIN/token", scope: a.read b.read'
    assert run(api, more, json.dumps(account, indent=2), tmp_path / "out").complete


def test_an_app_of_github(tmp_path: Path) -> None:
    """The JWT is shown in a header, the token stands under another name; a key in one line."""

    def api(asked: Asked) -> Answer:
        if asked.path == "/app/installations/7/access_tokens":
            assert asked.method == "POST"
            found = jwt.decode(bearer(asked), RSA_PUBLIC, ["RS256"], options={"verify_aud": False})
            assert found["iss"] == "12345"
            return Answer({"token": "ghs-s3cret", "expires_at": "2030-01-01T00:00:00Z"}, 201)
        assert bearer(asked) == "ghs-s3cret"
        return Answer({"data": [1]})

    more = (
        'access_token_url: "ORIGIN/app/installations/7/access_tokens", exchange: header,'
        " issuer: '12345', token_path: token"
    )
    assert run(api, more, RSA.replace("\n", "\\n"), tmp_path / "out").complete


def test_a_token_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    """Without a request; one that is refused is replaced once."""
    config = configured("algorithm: HS256, lifetime: 5m", "k" * 32)
    now = 0.0
    access = Access(config, secrets_of(config), tmp_path, clock=lambda: now)
    first = access.credentials()
    assert access.credentials() is first
    now = 250.0
    assert access.credentials() is not first


@pytest.mark.parametrize("key", ["no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n", '{"a": 1}', EC])
def test_a_key_that_does_not_fit(tmp_path: Path, key: str) -> None:
    """It is said, and the key is not."""
    config = configured("algorithm: RS256", key)
    with pytest.raises(PageRefused, match=r"auth\.key") as caught:
        Access(config, secrets_of(config), tmp_path).credentials()
    assert key not in str(caught.value)


def test_only_a_key_may_have_several_lines() -> None:
    """A token in a header may not."""
    assert configured("algorithm: RS256", RSA).env["KEY"] == RSA
    with pytest.raises(ConfigError, match="line break"):
        configured("issuer: '{env.KEY}'", RSA)


def test_it_needs_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And says how to get it."""
    monkeypatch.setattr("harvester.auth.schemes.jwt_bearer.find_spec", lambda name: None)
    config = configured("algorithm: HS256", "k" * 32)
    with pytest.raises(ConfigError, match=r"pip install 'api-harvester\[jwt\]'"):
        Access(config, secrets_of(config), tmp_path)
