"""Declares the auth scheme that signs each request with a shared secret, as exchanges want it."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, model_validator

from harvester.config.auth_options import AuthOptions, check_header
from harvester.config.options import SectionError, Text
from harvester.config.secret_text import SecretLine
from harvester.config.wording import listed, nearest
from harvester.patterns import pattern

SIGNED_PARTS: Final = (
    "method", "path", "query", "path_and_query", "host", "body", "body_sha256", "timestamp", "key",
)  # fmt: skip
"""What of a request may be signed."""

_PART: Final = pattern(r"\{([^{}]*)\}")
_Location = Literal["header", "query"]


def _signed(text: str) -> str:
    for name in _PART.findall(text):
        if name not in SIGNED_PARTS:
            near = nearest(name, SIGNED_PARTS)
            known = (
                f"did you mean {{{near}}}?" if near else f"known are {listed(SIGNED_PARTS, 'and')}"
            )
            raise ValueError(f"{{{name}}} is no part of a request that can be signed: {known}")
    return text


class Hmac(AuthOptions):
    """A signature over each request with a shared secret (RFC 2104)."""

    type: Literal["hmac"]
    secret: SecretLine
    """What it is signed with, as a reference: `"{env.API_SECRET}"`."""
    secret_encoding: Literal["text", "base64", "hex"] = "text"  # noqa: S105 - an encoding
    """How the secret is written."""
    signed: Annotated[Text, AfterValidator(_signed)]
    """What is signed, in its order: text with `{method}`, `{path}`, `{query}` (as it is sent,
    without the signature), `{path_and_query}`, `{host}`, `{body}`, `{body_sha256}` (hexadecimal),
    `{timestamp}` and `{key}` in it."""
    algorithm: Literal["sha256", "sha1", "sha384", "sha512"] = "sha256"
    """The digest."""
    encoding: Literal["hex", "base64"] = "hex"
    """How the signature is written."""
    name: Text
    """The name of the header or parameter that holds the signature."""
    location: _Location = "header"
    """Where the signature goes."""
    prefix: str = ""
    """Text before the signature."""
    key: SecretLine | None = None
    """The key that says whose secret it is, as a reference: `"{env.API_KEY}"`."""
    key_name: Text | None = None
    """The name of the header or parameter that holds the key."""
    key_location: _Location = "header"
    """Where the key goes."""
    timestamp: Literal["s", "ms", "iso"] = "s"
    """The time: seconds or milliseconds since 1970, or `2021-01-01T00:00:00.000Z`."""
    timestamp_name: Text | None = None
    """The name of the header or parameter that holds the time."""
    timestamp_location: _Location = "header"
    """Where the time goes."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        check_header(self.name, self.location)
        for option, location in (
            ("key_name", self.key_location),
            ("timestamp_name", self.timestamp_location),
        ):
            try:
                check_header(getattr(self, option) or "X", location)
            except SectionError as error:
                raise SectionError([((option,), str(error))]) from None
        if (self.key is None) and (self.key_name or "{key}" in self.signed):
            raise SectionError([(("key",), "is named, and not given")])
        return self
