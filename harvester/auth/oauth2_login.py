"""Asks for tokens with what a person's login has left behind.

The refresh token lies in the token file, from the first login on. Where the server gave none, its
access token lies there instead, for as long as it lives.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from harvester.auth.oauth2 import OAuth2Scheme
from harvester.auth.scheme import Asking, Token
from harvester.config import OAuth2Login, SecretText
from harvester.errors import PageRefused
from harvester.model import as_text

Login = TypeVar("Login", bound=OAuth2Login)
_AGAIN: Final = "log in: `harvester login` with the YAML"
_ONLY_ACCESS: Final = '{"access_token"'


class LoginScheme(OAuth2Scheme[Login]):
    """What runs do after a login, whichever way it went."""

    grant_type = "refresh_token"

    def refresh_token(self) -> SecretText:
        """A name for the login, in the place of a token that it began as: it is no secret."""
        url = as_text(self.values(self.options.access_token_url))
        return SecretText(f"login of {self.text(self.options.client_id)} at {url}")

    def token_file(self) -> str | None:
        """The file, where one is named."""
        return None if self.options.token_file is None else self.text(self.options.token_file)

    def grant_form(self, asking: Asking) -> dict[str, str]:
        """The refresh token of the login."""
        if asking.refresh_token in (None, self.refresh_token()):
            raise PageRefused(f"nobody has logged in yet; {_AGAIN}")
        return {**super().grant_form(asking), "refresh_token": str(asking.refresh_token)}

    def made(self, kept: SecretText | None) -> Token | None:
        """The access token of a login that came without a refresh token."""
        if kept is None or not kept.startswith(_ONLY_ACCESS):
            return None
        value = json.loads(kept)
        expires_at = value["expires_at"]
        lives_s = None if expires_at is None else expires_at - time.time()
        if lives_s is not None and lives_s <= 0:
            told = "the login has expired, and the server gave no refresh token"
            raise PageRefused(f"{told}; {_AGAIN}")
        return Token(SecretText(value["access_token"]), lives_s)

    def advice(self, found: Mapping[str, Any]) -> str:
        """A login may be over."""
        if found.get("error") == "invalid_grant":
            return f"the login has expired or was revoked; {_AGAIN}"
        return super().advice(found)


def to_keep(token: Token, now: float) -> SecretText:
    """What of a login's token is kept; `now` is the epoch."""
    if token.refresh_token is not None:
        return token.refresh_token
    expires_at = None if token.lives_s is None else now + token.lives_s
    return SecretText(json.dumps({"access_token": token.value, "expires_at": expires_at}))
