"""Lists the auth schemes that a client's `auth` may name: what its requests show to be let in.

The options of each are one model under `AuthOptions`, or under `RenewableOptions` where it holds a
token for a while and can get another; what it does is one class in `harvester.auth.schemes`. An
option that holds a secret is a `SecretText`: all that is done with secrets follows from that.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, get_args

from harvester.config.auth_options import AuthOptions
from harvester.config.deferred import ByType
from harvester.config.hmac_auth import Hmac
from harvester.config.login_auth import (
    OAuth2AuthorizationCode,
    OAuth2DeviceCode,
)
from harvester.config.secret_text import block_options, referring_options, secret_options
from harvester.config.static_auth import ApiKey, AwsSigV4, Bearer, HttpBasic, HttpDigest, OAuth1
from harvester.config.token_auth import (
    JwtBearer,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    SessionToken,
)
from harvester.config.wording import KeyPath

Auth = Annotated[
    Bearer
    | ApiKey
    | HttpBasic
    | HttpDigest
    | OAuth2ClientCredentials
    | OAuth2RefreshToken
    | OAuth2AuthorizationCode
    | OAuth2DeviceCode
    | SessionToken
    | JwtBearer
    | OAuth1
    | Hmac
    | AwsSigV4,
    ByType(),
]
"""Any of them, told apart by `type`."""

AUTH_OPTIONS: tuple[type[AuthOptions], ...] = get_args(get_args(Auth)[0])
"""The same, as classes."""


@cache
def auth_secrets() -> frozenset[str]:
    """The options of any scheme that hold secrets."""
    return frozenset(name for options in AUTH_OPTIONS for name in secret_options(options))


def auth_references() -> Iterator[str]:
    """The options of any scheme in which references to the environment are read."""
    yield from dict.fromkeys(name for each in AUTH_OPTIONS for name in referring_options(each))


def may_break(path: KeyPath) -> bool:
    """Whether the text at a place of the YAML may have several lines."""
    blocks = {name for each in AUTH_OPTIONS for name in block_options(each)}
    return path[:2] == ("client", "auth") and path[2:3] != () and path[2] in blocks
