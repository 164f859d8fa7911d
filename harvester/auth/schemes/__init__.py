"""Has each auth scheme in a file of its own, and finds the one that a configuration asks for."""

from collections.abc import Mapping

from harvester.auth.scheme import AnyScheme, Scheme
from harvester.config import AuthOptions
from harvester.on_demand import member, members

__all__ = ["all_schemes", "scheme_of"]


def scheme_of(options: AuthOptions | None, env: Mapping[str, str]) -> AnyScheme:
    """The scheme of a client's `auth` section; `env` are the variables that it names."""
    named = getattr(options, "type", "no_auth")
    return member(Scheme.registered, type(options), __name__, named)(options, env)


def all_schemes() -> dict[type[AuthOptions | None], type[AnyScheme]]:
    """Every scheme, by the model of its configuration."""
    members(__name__)
    return Scheme.registered
