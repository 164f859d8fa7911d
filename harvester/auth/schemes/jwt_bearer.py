"""Signs a token of its own, a JWT (RFC 7519), with PyJWT; or exchanges it (RFC 7523).

A clock that is ahead of the server's by less than half a minute does no harm: a JWT says that it
was made a moment earlier than it was.
"""

import json
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from harvester.auth.scheme import Asking, RenewableScheme, Token
from harvester.config import JwtBearer, SecretText
from harvester.errors import ConfigError, PageRefused
from harvester.http import Request
from harvester.model import as_text, parse
from harvester.page import Field, as_float
from harvester.paging import bare_request

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EARLIER_S: Final = 30  # how much the clocks may differ
_BEGIN: Final = "-----BEGIN "


class SignedToken(RenewableScheme[JwtBearer], options=JwtBearer):
    """`type: jwt_bearer`."""

    def check(self) -> None:
        """Needs PyJWT."""
        if find_spec("jwt") is None:
            raise ConfigError(
                "auth: jwt_bearer needs a library to sign with: pip install 'api-harvester[jwt]'"
            )

    def made(self, kept: SecretText | None) -> Token | None:
        """The JWT, where nobody exchanges it."""
        if self.options.access_token_url is not None:
            return None
        return Token(SecretText(self._signed()), self.options.lifetime - _EARLIER_S)

    def token_request(self, asking: Asking) -> Request:
        """The JWT as a grant, or in the header."""
        url = as_text(self.values(self.options.access_token_url))
        signed = self._signed()
        if self.options.exchange == "header":
            headers = {**asking.headers, "Authorization": f"Bearer {signed}"}
            return bare_request("POST", url, headers=headers)
        form = {"grant_type": _GRANT, "assertion": signed}
        return bare_request("POST", url, headers=asking.headers, form=form)

    def token_fields(self) -> tuple[Field, ...]:
        """The token, and how long it lives."""
        return (
            Field("access_token", parse(self.options.token_path)),
            Field("expires_in", parse("expires_in"), advisory=True),
        )

    def token(self, value: SecretText, found: Mapping[str, Any]) -> Token:
        """The access token."""
        lives_s = as_float(found.get("expires_in"))
        lives = lives_s is not None and lives_s > 0
        return Token(value, lives_s if lives else self.options.default_token_expiration)

    def advice(self, found: Mapping[str, Any]) -> str:
        """The key, the claims or the clock may be wrong."""
        return "are key, issuer, audience and scope right, and is this machine's clock?"

    def _signed(self) -> str:
        """A JWT of now."""
        import jwt  # an extra, and it takes time to load

        key, of_key = self._key()
        now = int(time.time())
        named = {name: self._optional(name) for name in ("issuer", "subject", "audience", "scope")}
        url = self.options.access_token_url
        audience = named["audience"] or (None if url is None else as_text(self.values(url)))
        claims = {
            "iss": named["issuer"] or of_key.get("client_email"),
            "sub": named["subject"],
            "aud": audience,
            "scope": named["scope"],
            "iat": now - _EARLIER_S,
            "exp": now + int(self.options.lifetime) - _EARLIER_S,
            **self.values(self.options.claims),
        }
        key_id = self._optional("key_id") or of_key.get("private_key_id")
        try:
            signed: str = jwt.encode(
                {name: value for name, value in claims.items() if value is not None},
                key,
                algorithm=self.options.algorithm,
                headers={"kid": key_id} if key_id else None,
            )
            return signed
        # ValueError and TypeError are what cryptography says of a text that is no key, or a key of
        # another kind; PyJWT says NotImplementedError where it has no such algorithm.
        except (jwt.PyJWTError, ValueError, TypeError, NotImplementedError) as error:
            kind = type(error).__name__  # its text may quote the key
            raise PageRefused(
                f"no {self.options.algorithm} signature can be made with auth.key ({kind}): is it "
                "a private key in PEM, of that algorithm?"
            ) from None

    def _key(self) -> tuple[str, Mapping[str, Any]]:
        """The key, and what its file says beside it."""
        text = self.text(self.options.key)
        of_key: Mapping[str, Any] = {}
        if text.lstrip().startswith("{"):
            try:
                of_key = json.loads(text)
                text = str(of_key["private_key"])
            except (ValueError, KeyError, TypeError):
                raise PageRefused(
                    "auth.key begins as a service account's JSON, and has no private_key"
                ) from None
        if _BEGIN in text:  # environments that take one line only have it so
            text = text.replace("\\n", "\n")
        return text, of_key

    def _optional(self, name: str) -> str | None:
        written = getattr(self.options, name)
        return None if written is None else self.text(written)
