"""Asks a token endpoint of OAuth 2.0 for a token (RFC 6749): what its grants have in common."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote_plus

from harvester.auth.scheme import Asking, RenewableScheme, Token, basic
from harvester.config import (
    OAuth2ClientCredentials,
    OAuth2Login,
    OAuth2RefreshToken,
    SecretText,
)
from harvester.http import Request
from harvester.model import as_text, parse
from harvester.page import Field, as_float
from harvester.paging import bare_request

_FIELDS: Final = (
    Field("access_token", parse("access_token")),
    Field("expires_in", parse("expires_in"), advisory=True),
    Field("refresh_token", parse("refresh_token")),
)

_NONE: Final[Mapping[str, str]] = {}
Grant = TypeVar("Grant", bound=OAuth2ClientCredentials | OAuth2RefreshToken | OAuth2Login)


class OAuth2Scheme(RenewableScheme[Grant]):
    """A grant: what it asks with is `grant_form`."""

    grant_type: ClassVar[str]

    def grant_form(self, asking: Asking) -> dict[str, str]:
        """The form of the grant itself."""
        return {"grant_type": self.grant_type}

    def token_request(self, asking: Asking) -> Request:
        """A form with the grant, the scope and the client."""
        form = self.grant_form(asking)
        if self.options.scope is not None:
            form["scope"] = self.text(self.options.scope)
        return self.request_for(form, headers=asking.headers)

    def request_for(
        self, form: dict[str, str], url: str | None = None, *, headers: Mapping[str, str] = _NONE
    ) -> Request:
        """A form of this client's, to the token endpoint or to `url`."""
        options, headers = self.options, dict(headers)
        if options.client_auth == "basic":
            headers["Authorization"] = self.client_header()
        else:
            form["client_id"] = self.text(options.client_id)
            if options.client_secret is not None:
                form["client_secret"] = self.text(options.client_secret)
        if url is None:
            form |= self.values(options.access_token_request_data)
            url = as_text(self.values(options.access_token_url))
        return bare_request("POST", url, headers=headers, form=form)

    def client_header(self) -> str:
        """Id and secret as a basic header, each form-encoded first (RFC 6749, 2.3.1)."""
        options = self.options
        pair = (self.text(text) for text in (options.client_id, options.client_secret or ""))
        return basic(":".join(map(quote_plus, pair)))

    def token_fields(self) -> tuple[Field, ...]:
        """Those of RFC 6749, section 5.1."""
        return _FIELDS

    def token(self, value: SecretText, found: Mapping[str, Any]) -> Token:
        """The token, and a refresh token that came along."""
        lives_s = as_float(found.get("expires_in"))
        refresh = found.get("refresh_token")
        return Token(
            value,
            lives_s
            if lives_s is not None and lives_s > 0
            else self.options.default_token_expiration,
            SecretText(refresh) if isinstance(refresh, str) and refresh else None,
        )

    def derived(self) -> Iterator[str]:
        """The header of the client, where there is one."""
        if self.options.client_auth == "basic":
            yield self.client_header().removeprefix("Basic ")
