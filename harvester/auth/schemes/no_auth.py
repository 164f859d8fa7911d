"""Lets requests go without credentials."""

from types import NoneType

from harvester.auth.scheme import StaticScheme
from harvester.http import Credentials


class NoAuth(StaticScheme[None], options=NoneType):
    """No `auth` at all."""

    def credentials(self) -> Credentials:
        """None."""
        return Credentials()
