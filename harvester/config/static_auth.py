"""Declares the auth schemes that show or use what is configured: a key, a password, a signature."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from harvester.config.auth_options import AuthOptions, check_header
from harvester.config.options import SectionError, Text
from harvester.config.secret_text import Referring, SecretLine, SecretText


class Bearer(AuthOptions):
    """A token in the Authorization header (RFC 6750)."""

    type: Literal["bearer"]
    token: SecretLine
    """The token, as a reference: `"{env.TOKEN}"`."""


class ApiKey(AuthOptions):
    """A key in a header, in a query parameter or in the body."""

    type: Literal["api_key"]
    name: Text
    """The name of the header, parameter, or member of the body (its form or JSON)."""
    value: SecretLine
    """The key, as a reference: `"{env.API_KEY}"`."""
    location: Literal["header", "query", "body"] = "header"
    """Where the key goes; into a body that is sent, so with method: POST only."""
    prefix: str = ""
    """Text before the key, such as `"Token "`."""

    @model_validator(mode="after")
    def _name_of_header(self) -> Self:
        check_header(self.name, self.location)
        return self

    @property
    def needs_body(self) -> bool:
        """As it is declared."""
        return self.location == "body"


class HttpBasic(AuthOptions):
    """A user name and password (RFC 7617)."""

    type: Literal["http_basic"]
    username: SecretText
    """The user name; some APIs want their key here."""
    password: SecretText = SecretText()
    """The password; some APIs want none."""

    @property
    def secrets(self) -> dict[str, SecretText]:
        """A user name is only one where there is no password: a key (Stripe)."""
        found = super().secrets
        return {"password": self.password} if self.password else found


class HttpDigest(AuthOptions):
    """A user name and password that are never sent, only a proof of them (RFC 7616)."""

    type: Literal["http_digest"]
    username: SecretText
    """The user name. It is sent as it is."""
    password: SecretText
    """The password."""

    @property
    def secrets(self) -> dict[str, SecretText]:
        """The password; names are sent in the open."""
        return {"password": self.password}


class AwsSigV4(AuthOptions):
    """A signature over each request, as AWS wants it (Signature Version 4). Needs
    `pip install 'api-harvester[aws]'`.
    """

    type: Literal["aws_sigv4"]
    access_key_id: Annotated[Text, Referring()] = Field(repr=False)
    """The id of the key, as a reference: `"{env.AWS_ACCESS_KEY_ID}"`."""
    secret_access_key: SecretLine
    """The key, as a reference: `"{env.AWS_SECRET_ACCESS_KEY}"`."""
    session_token: SecretLine | None = None
    """The token of temporary credentials."""
    region: Annotated[Text, Referring()]
    """The region, such as `eu-central-1`."""
    service: Text
    """The service, as AWS signs for it, such as `execute-api`, `s3` or `es`."""


class OAuth1(AuthOptions):
    """A signature over each request (RFC 5849). Needs `pip install 'api-harvester[oauth1]'`."""

    type: Literal["oauth1"]
    client_key: SecretLine
    """The client's key, also called consumer key, as a reference."""
    client_secret: SecretLine
    """The client's secret, also called consumer secret, as a reference."""
    resource_owner_key: SecretLine | None = None
    """The token, also called access token, as a reference."""
    resource_owner_secret: SecretLine | None = None
    """The token's secret, as a reference."""
    signature_method: Literal["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"] = "HMAC-SHA1"
    """How it is signed."""
    realm: Annotated[Text, Referring()] | None = None
    """The realm, where the API wants one (NetSuite's account)."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        there = [
            name
            for name in ("resource_owner_key", "resource_owner_secret")
            if getattr(self, name) is not None
        ]
        if len(there) == 1:
            raise SectionError(
                [((there[0],), "resource_owner_key and resource_owner_secret go together")]
            )
        return self
