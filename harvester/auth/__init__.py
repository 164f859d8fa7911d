"""Obtains what lets a request in: one class for each auth scheme.

A `Scheme` is one way in, each one class in a file of `schemes`; `token_answers` reads what token
endpoints say; `login` lets a person
log in once. `access` is the one object per run that has the credentials of the moment, renews
them for all workers at once, and refuses to loop; `token_file` keeps refresh tokens that the server
replaced.
"""

from harvester.auth.access import (
    Access,
)
from harvester.auth.login import (
    Prompts,
    log_in,
)
from harvester.auth.schemes import (
    scheme_of,
)

__all__ = [
    "Access",
    "Prompts",
    "log_in",
    "scheme_of",
]
