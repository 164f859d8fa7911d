"""Has each auth scheme in a file of its own, and finds the one that a configuration asks for."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from harvester.auth.scheme import AnyScheme, Scheme
from harvester.config import AuthOptions

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")  # its class registers itself

__all__ = ["scheme_of"]


def scheme_of(options: AuthOptions | None, env: Mapping[str, str]) -> AnyScheme:
    """The scheme of a client's `auth` section; `env` are the variables that it names."""
    return Scheme.registered[type(options)](options, env)
