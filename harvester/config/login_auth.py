"""Declares the auth schemes for which a person logs in once: `harvester login`."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from harvester.config.options import Text
from harvester.config.request_options import Parameters
from harvester.config.secret_text import Referring, SecretLine
from harvester.config.token_auth import OAuth2Options, TokenURL

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _loopback(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK or port == -1 or parts.query:
        raise ValueError(
            f"{url!r} does not lead to this machine; such as http://127.0.0.1/ (any free port) or "
            "http://localhost:8080/callback"
        )
    return url


class OAuth2Login(OAuth2Options):
    """What the ways to log in have in common. `harvester login` asks once; its refresh token is
    kept, and every run gets access tokens by it.
    """

    client_secret: SecretLine | None = None
    """The client's secret, where it has one."""
    token_file: Annotated[Text, Referring()] | None = None
    """Where the login is kept; relative to this file. Left out: in the harvest's folder."""


class OAuth2AuthorizationCode(OAuth2Login):
    """OAuth 2.0 by a person in a browser on this machine (RFC 6749, section 4.1; RFC 8252), with
    PKCE (RFC 7636). Needs `pip install 'api-harvester[login]'`.
    """

    type: Literal["oauth2_authorization_code"]
    authorization_url: TokenURL
    """The page that asks the person, which `harvester login` opens."""
    authorization_params: Annotated[Parameters, Referring()] = Field(default_factory=dict)
    """Further parameters of that page, such as `access_type: offline` at Google."""
    redirect_url: Annotated[str, AfterValidator(_loopback)] = "http://127.0.0.1/"
    """Where the browser is sent back to, as it is registered with the API; without a port, any
    free one."""


class OAuth2DeviceCode(OAuth2Login):
    """OAuth 2.0 by a person with a browser anywhere, who types in a code (RFC 8628)."""

    type: Literal["oauth2_device_code"]
    device_authorization_url: TokenURL
    """Where a code for the person is asked for."""
