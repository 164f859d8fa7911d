"""Logs in with a request of the API's own, whose answer holds a token."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.auth.scheme import Asking, RenewableScheme, Token, basic, placed
from harvester.config import SecretText, SessionToken
from harvester.http import Credentials, Request
from harvester.model import as_text, parse
from harvester.page import Field
from harvester.paging import bare_request
from harvester.security import resolve


class Session(RenewableScheme[SessionToken], options=SessionToken):
    """`type: session_token`."""

    asked = "the login"

    def token_request(self, asking: Asking) -> Request:
        """The login."""
        login = self.options.login
        own = {"Authorization": basic(pair)} if (pair := self._pair) else {}
        return bare_request(
            login.method,
            resolve(asking.base_url, as_text(self.values(login.path))),
            params=self.values(login.params),
            headers={**asking.headers, **own, **self.values(login.headers)},
            json=self.values(login.json_body),
            form=self.values(login.form),
        )

    @property
    def _pair(self) -> str | None:
        """The user name and password of the login itself."""
        if self.options.username is None:
            return None
        return f"{self.text(self.options.username)}:{self.text(self.options.password or '')}"

    def derived(self) -> Iterator[str]:
        """The password as HTTP Basic sends it."""
        if pair := self._pair:
            yield basic(pair).removeprefix("Basic ")

    def token_fields(self) -> tuple[Field, ...]:
        """The token."""
        return (Field("access_token", parse(self.options.token_path)),)

    def token(self, value: SecretText, found: Mapping[str, Any]) -> Token:
        """The token; how long it lives is said in the configuration, if at all."""
        return Token(value, self.options.expires_in)

    def placed(self, token: SecretText) -> Credentials:
        """The header or parameter that is named, with its prefix."""
        options = self.options
        return placed(options.written_prefix + token, options.name, options.location)

    def advice(self, found: Mapping[str, Any]) -> str:
        """The login may be wrong."""
        return "is the login right, and are its variables set?"
