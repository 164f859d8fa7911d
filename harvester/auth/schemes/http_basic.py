"""Shows a user name and password (RFC 7617, in UTF-8)."""

from collections.abc import Iterator

from harvester.auth.scheme import StaticScheme, basic
from harvester.config import HttpBasic
from harvester.http import Credentials


class UserAndPassword(StaticScheme[HttpBasic], options=HttpBasic):
    """`type: http_basic`."""

    def credentials(self) -> Credentials:
        """Both in one header."""
        pair = f"{self.text(self.options.username)}:{self.text(self.options.password)}"
        return Credentials(headers={"Authorization": basic(pair)})

    def derived(self) -> Iterator[str]:
        """The header, also without the name of the scheme."""
        yield from super().derived()
        yield self.credentials().headers["Authorization"].removeprefix("Basic ")
