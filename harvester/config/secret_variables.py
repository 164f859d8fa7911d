"""Tells from the name of a variable of the environment whether it holds a credential."""

import re
from typing import Final

from harvester.patterns import pattern

_SECRET_VARIABLE: Final = pattern(
    r"(?:^|_)(?:(?:api|access|app|auth|client|consumer|license|master|private|secret|service"
    r"|session|subscription)_?keys?|auth|authorization|bearer|cookie|credentials?|jwt|pass"
    r"|passphrase|passwd|password|pat|pwd|secret|signature|token)(?:_|[0-9]*$)",
    re.IGNORECASE,
)


def is_secret_variable(name: str) -> bool:
    """Whether the name of a variable says that it is a credential."""
    return _SECRET_VARIABLE.search(name) is not None
