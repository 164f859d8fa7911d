"""Signs each request (OAuth 1.0, RFC 5849), with requests-oauthlib."""

from collections.abc import Callable, Iterator
from typing import Any

from harvester.auth.scheme import StaticScheme
from harvester.config import OAuth1
from harvester.errors import ConfigError
from harvester.http import Credentials


class Signature1(StaticScheme[OAuth1], options=OAuth1):
    """`type: oauth1`."""

    def credentials(self) -> Credentials:
        """The signature, made anew each time that a request leaves."""
        try:
            from requests_oauthlib import OAuth1 as Signature  # an extra, and it takes time to load
        except ImportError:
            raise ConfigError(
                "auth: oauth1 needs a library to sign with: pip install 'api-harvester[oauth1]'"
            ) from None
        rendered: dict[str, Any] = dict(self.secrets())
        if self.options.realm is not None:
            rendered["realm"] = self.text(self.options.realm)
        method = self.options.signature_method
        sign: Callable[[Any], Any] = Signature(**rendered, signature_method=method)
        return Credentials(sign=sign)

    def derived(self) -> Iterator[str]:
        """Nothing: a signature is good for one request."""
        return iter(())
