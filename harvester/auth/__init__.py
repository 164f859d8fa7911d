"""Obtains what lets a request in: one class for each auth scheme.

A `Scheme` is one way in, each one class in a file of `schemes`; `token_answers` reads what token
endpoints say; `login` lets a person
log in once. `access` is the one object per run that has the credentials of the moment, renews
them for all workers at once, and refuses to loop; `token_file` keeps refresh tokens that the server
replaced.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harvester.auth.access import (
    Access,
    Lent,
)
from harvester.auth.borrowed import (
    BorrowedAccess,
)
from harvester.auth.schemes import (
    scheme_of,
)

if TYPE_CHECKING:
    from harvester.auth.login import Prompts as Prompts
    from harvester.auth.login import log_in as log_in

__all__ = [
    "Access",
    "BorrowedAccess",
    "Lent",
    "Prompts",
    "log_in",
    "scheme_of",
]


def __getattr__(name: str) -> Any:
    if name in ("Prompts", "log_in"):  # a run needs no server that a browser comes back to
        return getattr(import_module("harvester.auth.login"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
