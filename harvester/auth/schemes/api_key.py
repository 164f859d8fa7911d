"""Shows a key in a header or a query parameter."""

from harvester.auth.scheme import StaticScheme, placed
from harvester.config import ApiKey
from harvester.http import Credentials


class Key(StaticScheme[ApiKey], options=ApiKey):
    """`type: api_key`."""

    def credentials(self) -> Credentials:
        """The key, behind its prefix."""
        key = f"{self.options.prefix}{self.text(self.options.value)}"
        return placed(key, self.options.name, self.options.location)
