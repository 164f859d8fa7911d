"""Asks for a token on behalf of a person who has agreed once (RFC 6749, section 6)."""

from collections.abc import Mapping
from typing import Any

from harvester.auth.oauth2 import OAuth2Scheme
from harvester.auth.scheme import Asking
from harvester.config import OAuth2RefreshToken, SecretText


class RefreshToken(OAuth2Scheme[OAuth2RefreshToken], options=OAuth2RefreshToken):
    """`type: oauth2_refresh_token`."""

    grant_type = "refresh_token"

    def grant_form(self, asking: Asking) -> dict[str, str]:
        """The refresh token in use."""
        return {**super().grant_form(asking), "refresh_token": str(asking.refresh_token)}

    def refresh_token(self) -> SecretText:
        """The configured one, as which the one in use began."""
        return SecretText(self.text(self.options.refresh_token))

    def token_file(self) -> str | None:
        """The file, where one is named."""
        return None if self.options.token_file is None else self.text(self.options.token_file)

    def advice(self, found: Mapping[str, Any]) -> str:
        """A refresh token may be spent."""
        if found.get("error") == "invalid_grant":
            return "the refresh token has expired, was revoked or used before: configure a new one"
        return super().advice(found)
