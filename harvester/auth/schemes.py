"""Auth schemes: what is added to a request that may carry credentials.

The schemes here need nothing but their configuration. Those that fetch a token first, and renew
it, are in `access`, by which every request gets its credentials.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from harvester.config import (
    ApiKey,
    Auth,
    Bearer,
    HttpBasic,
    OAuth1,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    SessionToken,
)
from harvester.errors import ConfigError
from harvester.http import Credentials
from harvester.model import Scope, render


def credentials(auth: Auth | None, env: Mapping[str, str]) -> Credentials:
    """The credentials of an auth scheme, with its references filled in; none where it needs a
    token first.

    Bearer is RFC 6750, basic RFC 7617 (UTF-8), OAuth 1 RFC 5849. Raises `ConfigError` where the
    library that signs for OAuth 1 is not installed.
    """
    scope = Scope(env=env)
    match auth:
        case None | OAuth2ClientCredentials() | OAuth2RefreshToken() | SessionToken():
            return Credentials()
        case Bearer(token=token):
            return Credentials(headers={"Authorization": f"Bearer {render(token, scope)}"})
        case ApiKey(name=name, value=value, location=location, prefix=prefix):
            return placed(f"{prefix}{render(value, scope)}", name, location)
        case HttpBasic(username=username, password=password):
            pair = f"{render(username, scope)}:{render(password, scope)}"
            return Credentials(headers={"Authorization": basic(pair)})
        case OAuth1():
            return Credentials(sign=_oauth1(auth, scope))


def placed(text: str, name: str, location: str) -> Credentials:
    """A key or token in the header or query parameter of this name."""
    if location == "query":
        return Credentials(params={name: text})
    return Credentials(headers={name: text})


def basic(pair: str) -> str:
    """The value of a basic Authorization header for `USER:PASSWORD`."""
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _oauth1(auth: OAuth1, scope: Scope) -> Callable[[Any], Any]:
    try:
        from requests_oauthlib import OAuth1 as Signature  # an extra, and it takes time to load
    except ImportError:
        raise ConfigError(
            "auth: oauth1 needs a library to sign with: pip install 'harvester[oauth1]'"
        ) from None
    rendered: dict[str, Any] = {
        name: str(render(value, scope))
        for name in ("client_key", "client_secret", "resource_owner_key", "resource_owner_secret",
                     "realm")
        if (value := getattr(auth, name)) is not None
    }  # fmt: skip
    sign: Callable[[Any], Any] = Signature(**rendered, signature_method=auth.signature_method)
    return sign
