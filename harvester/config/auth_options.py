"""Defines what the options of every auth scheme have in common."""

from collections.abc import Mapping
from typing import Any

from harvester.config.options import Section, SectionError
from harvester.config.request_options import header_name
from harvester.config.secret_text import SecretText, secret_options
from harvester.config.wording import KeyPath


class AuthOptions(Section):
    """What lets the requests of a client in. `type` names the scheme."""

    @property
    def needs_body(self) -> bool:
        """Whether it is shown in the body of each request."""
        return False

    @property
    def secrets(self) -> dict[str, SecretText]:
        """The secrets that are set, by their options."""
        found = ((name, getattr(self, name)) for name in secret_options(type(self)))
        return {name: text for name, text in found if text is not None}


class RenewableOptions(AuthOptions):
    """A scheme that gets a token, and can get another."""

    @property
    def asked_at(self) -> tuple[KeyPath, str] | None:
        """The URL that a token is asked for at, and the place of it here; None where it is made
        without asking.
        """
        raise NotImplementedError

    @property
    def asked_with(self) -> tuple[KeyPath, Mapping[str, Any]]:
        """What a token is asked for with, other than `secrets`, and the place of it here; what is a
        secret in it is known by its name.
        """
        return (), {}

    @property
    def token_at(self) -> str:
        """The path to the token in an answer."""
        return "access_token"


def check_header(name: str, location: str) -> None:
    """Check the name of what holds credentials, where it is a header's."""
    if location == "header":
        try:
            header_name(name)
        except ValueError as error:
            raise SectionError([(("name",), str(error))]) from None
