"""Borrows the credentials of a run from the process that drives it.

A worker in another process asks for no token of its own: two that did would spend each other's
refresh tokens. It asks the driver for the one in use, and tells which one was refused.
"""

from collections.abc import Callable
from typing import Any

from harvester.auth.access import Access, Held, Lent
from harvester.auth.scheme import RenewableScheme
from harvester.config import SecretText
from harvester.errors import CredentialsRefused
from harvester.http import Credentials

#: Asks for the token in use; with the number of one that was refused, and why, for another.
Lend = Callable[[int, CredentialsRefused | None], Lent]


class BorrowedAccess(Access):
    """`Access` whose tokens are lent. Credentials that never change are the worker's own."""

    _lend: Lend
    _tell: Callable[[int], None]
    _refusal: CredentialsRefused | None = None
    _borrowed = 0

    def lent_by(self, lend: Lend, tell: Callable[[int], None]) -> None:
        """Who lends; `tell` hears the number of each token that the API took for the first time."""
        self._lend, self._tell = lend, tell
        self._accepted = 0

    def accepted(self, used: Credentials) -> None:
        """The API took these credentials."""
        super().accepted(used)
        held = self._held
        if held is not None and held.credentials is used and held.number > self._accepted:
            self._accepted = held.number
            self._tell(held.number)

    def renew(self, used: Credentials, refusal: CredentialsRefused) -> None:
        """Ask for others in the place of these."""
        held = self._held
        if held is not None and held.credentials is used:
            self._refusal = refusal
        super().renew(used, refusal)

    def _fetch(self, scheme: RenewableScheme[Any]) -> Held:
        refusal, self._refusal = self._refusal, None
        lent = self._lend(self._borrowed if refusal else 0, refusal)
        self._borrowed = lent.number
        token = SecretText(lent.token)
        self._secrets.learn("auth.access_token", token)
        now = self._clock()
        placed = scheme.placed(token)
        return Held(placed, now + lent.renew_in_s, now + lent.expires_in_s, "", lent.number)
