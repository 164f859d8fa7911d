"""Shows a token in the Authorization header (RFC 6750)."""

from harvester.auth.scheme import StaticScheme, placed
from harvester.config import Bearer
from harvester.http import Credentials


class BearerToken(StaticScheme[Bearer], options=Bearer):
    """`type: bearer`."""

    def credentials(self) -> Credentials:
        """The token."""
        return placed(f"Bearer {self.text(self.options.token)}", "Authorization", "header")
