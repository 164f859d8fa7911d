"""Gives the credentials of a static scheme, for tests."""

from collections.abc import Mapping

from harvester.auth.scheme import StaticScheme
from harvester.auth.schemes import scheme_of
from harvester.config import AuthOptions
from harvester.http.request import Credentials


def credentials(options: AuthOptions | None, env: Mapping[str, str]) -> Credentials:
    """What each request carries; nothing yet where a token must be asked for first."""
    scheme = scheme_of(options, env)
    return scheme.credentials() if isinstance(scheme, StaticScheme) else Credentials()
