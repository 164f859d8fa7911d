"""What lets a request in.

`schemes` turns each auth scheme into headers and parameters; `access` is the one object per run
that has the credentials of the moment, renews them for all workers at once, and refuses to loop;
`token_requests` asks for tokens, `token_file` keeps those that the server replaced.
"""

from harvester.auth.access import (
    Access,
)
from harvester.auth.schemes import (
    credentials,
)
from harvester.auth.token_requests import (
    client_header,
)

__all__ = [
    "Access",
    "client_header",
    "credentials",
]
