"""Has a sample of each auth scheme, and the servers that it lets a harvest into.

Whoever adds a scheme adds a `Sample` here; the suite in `test_schemes` runs over it by itself. All
secrets in it hold `s3cret`, so that they can be looked for.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType

from harvester.config import (
    ApiKey,
    AwsSigV4,
    Bearer,
    Hmac,
    HttpBasic,
    HttpDigest,
    JwtBearer,
    OAuth1,
    OAuth2AuthorizationCode,
    OAuth2ClientCredentials,
    OAuth2DeviceCode,
    OAuth2RefreshToken,
    SessionToken,
)
from tests.api_server import Answer, Asked
from tests.authorization_server import CLIENT_SECRET, Authorization

Api = Callable[[Asked], Answer]


@dataclass(frozen=True)
class Sample:
    """A scheme as it is configured. `auth` is the YAML's section, with `ORIGIN` for the server's;
    `env` has what it refers to; `lets_in` says whether a request shows what it should, and is None
    where an authorization server stands before the API; `derived` is what else gives a secret away;
    `needs` is a library without which there is no such scheme.
    """

    auth: str
    env: Mapping[str, str] = field(default_factory=dict)
    lets_in: Callable[[Asked], bool] | None = None
    derived: tuple[str, ...] = ()
    needs: str = "json"  # a library
    logged_in: bool = False  # a person has to log in before a run

    def guarded(self, api: Api) -> Api:
        """The API, behind what lets requests in. A refusal says what it was shown."""
        if self.lets_in is None:
            return Authorization(api, uses=2, rotates=True, refresh_token="refresh-s3cret-0")
        lets_in = self.lets_in

        def guard(asked: Asked) -> Answer:
            shown = {"headers": dict(asked.headers), "query": dict(asked.query)}
            return api(asked) if lets_in(asked) else Answer({"error": "no", **shown}, 401)

        return guard

    @property
    def written_out(self) -> str:
        """The section with its secrets in it, as nobody should write it."""
        text = self.auth
        for name, value in self.env.items():
            text = text.replace(f"{{env.{name}}}", value)
        return text


@dataclass(frozen=True)
class Challenging(Sample):
    """Answers with a challenge, by whose nonce the proof is made; each is good for two requests."""

    def guarded(self, api: Api) -> Api:
        """The API, behind a check of RFC 7616."""
        nonces: dict[str, int] = {}

        def guard(asked: Asked) -> Answer:
            scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
            given = dict(re.findall(r'(\w+)="?([^",]*)"?', rest))
            nonce = given.get("nonce", "")
            if scheme == "Digest" and nonces.get(nonce, 0) > 0:
                nonces[nonce] -= 1
                if given["response"] == self._proof(asked, given):
                    return api(asked)
            nonces[f"nonce-{len(nonces)}"] = 2
            challenge = f'Digest realm="items", nonce="nonce-{len(nonces) - 1}", qop="auth"'
            told = {"WWW-Authenticate": f"{challenge}, algorithm=SHA-256"}
            return Answer({"error": asked.headers.get("authorization")}, 401, told)

        return guard

    def _proof(self, asked: Asked, given: Mapping[str, str]) -> str:
        def digest(*texts: str) -> str:
            return hashlib.sha256(":".join(texts).encode()).hexdigest()

        owner = digest(self.env["NAME"], "items", self.env["PASSWORD"])
        asked_for = digest(asked.method, asked.target)
        assert given["uri"] == asked.target
        return digest(owner, given["nonce"], given["nc"], given["cnonce"], "auth", asked_for)


JWT_KEY = "hmac-s3cret-0123456789abcdef0123456789"


@dataclass(frozen=True)
class Asserting(Sample):
    """Exchanges a signed token."""

    def guarded(self, api: Api) -> Api:
        """The API behind a server that knows the key."""
        import jwt

        def takes(assertion: str) -> bool:
            found = jwt.decode(assertion, JWT_KEY, ["HS256"], audience="items", issuer="me")
            return bool(0 < found["exp"] - found["iat"] <= 300)

        return Authorization(api, uses=2, takes=takes)


def _header(name: str, value: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.headers.get(name) == value


def _signature(asked: Asked) -> str | None:
    if asked.headers.get("x-key") != "key-s3cret-1":
        return None
    text = f"{asked.headers['x-time']}{asked.method}{asked.target}".encode() + asked.body
    return hmac.digest(b"sign-s3cret-2", text, "sha256").hex()


PAIR = b64encode(b"user-s3cret-2:pass-s3cret-1").decode()
_AWS = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d{8})/eu-central-1/execute-api/aws4_request, "
    r"SignedHeaders=(host;x-amz-date;x-amz-security-token), Signature=([0-9a-f]{64})"
)


def signed_for_aws(asked: Asked) -> bool:
    """Signature Version 4, checked by hand as AWS describes it."""
    found = _AWS.fullmatch(asked.headers.get("authorization", ""))
    if found is None or asked.headers.get("x-amz-security-token") != "aws-session-s3cret":
        return False
    day, names, signature = found.groups()
    path, _, query = asked.target.partition("?")
    headers = "".join(f"{name}:{asked.headers[name]}\n" for name in names.split(";"))
    empty = hashlib.sha256(asked.body).hexdigest()
    canonical = "\n".join(
        [asked.method, path, "&".join(sorted(query.split("&"))), headers, names, empty]
    )
    scope = f"{day}/eu-central-1/execute-api/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", asked.headers["x-amz-date"], scope, digest])
    key = b"AWS4aws-s3cret-key"
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == signature


CLIENT = 'access_token_url: "ORIGIN/token", client_id: the-client, client_secret: "{env.SECRET}"'
OWNER = 'resource_owner_key: "{env.OWNER}", resource_owner_secret: "{env.OWN}"'
OF_CLIENT = {"NAME": "ann", "SECRET": CLIENT_SECRET}

SAMPLES: dict[type, Sample] = {
    NoneType: Sample("null", lets_in=lambda asked: "authorization" not in asked.headers),
    Bearer: Sample(
        '{type: bearer, token: "{env.TOKEN}"}',
        {"TOKEN": "token-s3cret-1"},
        _header("authorization", "Bearer token-s3cret-1"),
    ),
    ApiKey: Sample(
        '{type: api_key, name: X-Key, prefix: "Key ", value: "{env.KEY}"}',
        {"KEY": "key-s3cret-1"},
        _header("x-key", "Key key-s3cret-1"),
    ),
    HttpBasic: Sample(
        '{type: http_basic, username: "{env.NAME}", password: "{env.PASSWORD}"}',
        {"NAME": "user-s3cret-2", "PASSWORD": "pass-s3cret-1"},
        _header("authorization", f"Basic {PAIR}"),
        derived=(PAIR,),
    ),
    HttpDigest: Challenging(
        '{type: http_digest, username: "{env.NAME}", password: "{env.PASSWORD}"}',
        {"NAME": "user-s3cret-2", "PASSWORD": "pass-s3cret-1"},
        lambda asked: False,
    ),
    AwsSigV4: Sample(
        '{type: aws_sigv4, access_key_id: AKIDEXAMPLE, secret_access_key: "{env.SECRET}",'
        ' session_token: "{env.SESSION}", region: eu-central-1, service: execute-api}',
        {"SECRET": "aws-s3cret-key", "SESSION": "aws-session-s3cret"},
        lets_in=signed_for_aws,
        needs="botocore",
    ),
    Hmac: Sample(
        '{type: hmac, key: "{env.KEY}", key_name: X-Key, secret: "{env.SECRET}",'
        ' signed: "{timestamp}{method}{path_and_query}{body}", timestamp_name: X-Time,'
        " name: X-Sign}",
        {"KEY": "key-s3cret-1", "SECRET": "sign-s3cret-2"},
        lambda asked: asked.headers.get("x-sign") == _signature(asked),
    ),
    OAuth1: Sample(
        f'{{type: oauth1, client_key: "{{env.KEY}}", client_secret: "{{env.SECRET}}", {OWNER}}}',
        {"KEY": "k-s3cret-1", "SECRET": "c-s3cret-2", "OWNER": "o-s3cret-3", "OWN": "o-s3cret-4"},
        lambda asked: 'oauth_consumer_key="k-s3cret-1"' in asked.headers.get("authorization", ""),
    ),
    OAuth2ClientCredentials: Sample(f"{{type: oauth2_client_credentials, {CLIENT}}}", OF_CLIENT),
    OAuth2RefreshToken: Sample(
        f'{{type: oauth2_refresh_token, {CLIENT}, refresh_token: "{{env.REFRESH}}"}}',
        {**OF_CLIENT, "REFRESH": "refresh-s3cret-0"},
    ),
    OAuth2AuthorizationCode: Sample(
        f'{{type: oauth2_authorization_code, {CLIENT}, authorization_url: "ORIGIN/authorize"}}',
        OF_CLIENT,
        logged_in=True,
    ),
    OAuth2DeviceCode: Sample(
        f'{{type: oauth2_device_code, {CLIENT}, device_authorization_url: "ORIGIN/device"}}',
        OF_CLIENT,
        logged_in=True,
    ),
    JwtBearer: Asserting(
        '{type: jwt_bearer, access_token_url: "ORIGIN/token", algorithm: HS256, issuer: me,'
        ' audience: items, key: "{env.KEY}"}',
        {"KEY": JWT_KEY},
        needs="jwt",
    ),
    SessionToken: Sample(
        "{type: session_token, token_path: session.jwt,"
        ' login: {path: login, json: {user: "{env.NAME}", password: "{env.SECRET}"}}}',
        OF_CLIENT,
    ),
}
