"""Declares the auth schemes that hold a token for a while, and can get another."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from harvester.config.auth_options import RenewableOptions, check_header
from harvester.config.options import Duration, OneLine, PagePath, Section, SectionError, Text
from harvester.config.request_options import Headers, Parameters, URLPath, url_problem
from harvester.config.secret_text import (
    Referring,
    SecretBlock,
    SecretBody,
    SecretLine,
    SecretParameters,
)
from harvester.config.wording import KeyPath


def _token_url(url: str) -> str:
    # With a reference in it, what it is in the end is only known with the environment.
    if "{" not in url and (problem := url_problem(url)):
        raise ValueError(problem)
    return url


TokenURL = Annotated[
    Text,
    Referring(),
    AfterValidator(_token_url),
    WithJsonSchema({"type": "string", "pattern": r"^(https?://[^/?#]|\{env\.)"}),
]


class OAuth2Options(RenewableOptions):
    """What the ways to a token of OAuth 2.0 (RFC 6749) have in common."""

    access_token_url: TokenURL
    """The URL of the token endpoint. Nothing but what is named here goes there."""
    client_id: Annotated[OneLine, Referring()] = Field(repr=False)
    """The client's id, as a reference: `"{env.CLIENT_ID}"`."""
    scope: Annotated[Text, Referring()] | None = None
    """The scopes to ask for, with blanks between them."""
    access_token_request_data: Annotated[Parameters, Referring()] = Field(
        default_factory=dict, repr=False
    )
    """Further parameters of the token request's form, such as an `audience`."""
    client_auth: Literal["body", "basic"] = "body"
    """Whether id and secret go into the form or into a header (RFC 6749, section 2.3.1)."""
    default_token_expiration: Duration = 3600
    """How long a token lives where the answer has no `expires_in`."""

    @property
    def asked_at(self) -> tuple[KeyPath, str]:
        """The token endpoint."""
        return ("access_token_url",), self.access_token_url

    @property
    def asked_with(self) -> tuple[KeyPath, Mapping[str, Any]]:
        """The form's further parameters."""
        return ("access_token_request_data",), self.access_token_request_data


class OAuth2ClientCredentials(OAuth2Options):
    """OAuth 2.0 for a program on its own behalf (RFC 6749, section 4.4)."""

    type: Literal["oauth2_client_credentials"]
    client_secret: SecretLine
    """The client's secret, as a reference: `"{env.CLIENT_SECRET}"`."""


class OAuth2RefreshToken(OAuth2Options):
    """OAuth 2.0 on behalf of a person who has agreed once (RFC 6749, section 6)."""

    type: Literal["oauth2_refresh_token"]
    refresh_token: SecretLine
    """The refresh token, as a reference: `"{env.REFRESH_TOKEN}"`."""
    client_secret: SecretLine | None = None
    """The client's secret, where it has one."""
    token_file: Annotated[Text, Referring()] | None = None
    """Where a refresh token that the server replaces is kept; relative to this file. Left out:
    in the harvest's folder."""

    @model_validator(mode="after")
    def _basic_needs_a_secret(self) -> Self:
        if self.client_auth == "basic" and self.client_secret is None:
            raise SectionError([(("client_auth",), "basic needs a client_secret")])
        return self


class LoginRequest(Section):
    """A request whose answer holds a token."""

    path: URLPath
    """The path, relative to base_url, or a full URL."""
    method: Literal["GET", "POST"] = "POST"
    """The method."""
    params: SecretParameters = Field(default_factory=dict, repr=False)
    """Query parameters."""
    headers: Headers = Field(default_factory=dict, repr=False)
    """Headers; those of the client do not go here."""
    json_body: SecretBody = Field(default=None, alias="json", repr=False)
    """A JSON body."""
    form: SecretParameters = Field(default_factory=dict, repr=False)
    """A form as the body, instead of `json`."""

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        found = []
        if self.json_body is not None and self.form:
            found.append((("form",), "a request has one body: json or form"))
        for name, body in (("json", self.json_body is not None), ("form", self.form)):
            if body and self.method == "GET":
                found.append(((name,), "a GET sends no body; leave method: POST"))
        if found:
            raise SectionError(found)
        return self


class SessionToken(RenewableOptions):
    """A login request, and its token in every other request."""

    type: Literal["session_token"]
    login: Annotated[LoginRequest, Referring()]
    """The request that gets a token."""
    token_path: PagePath
    """Path to the token in the answer."""
    name: Text = "Authorization"
    """The name of the header or parameter that holds the token."""
    location: Literal["header", "query"] = "header"
    """Where the token goes."""
    prefix: str = "Bearer "
    """Text before the token; in a query there is none unless given."""
    expires_in: Duration | None = None
    """How long a token lives. Left out: until the API refuses it."""
    username: Annotated[Text, Referring()] | None = None
    """A user name for the login itself, where that wants HTTP Basic."""
    password: SecretLine | None = None
    """The password that goes with it; empty where left out."""

    @model_validator(mode="after")
    def _name_of_header(self) -> Self:
        check_header(self.name, self.location)
        if self.password is not None and self.username is None:
            raise SectionError([(("password",), "needs username: both log in by HTTP Basic")])
        return self

    @property
    def asked_at(self) -> tuple[KeyPath, str]:
        """The path of the login."""
        return ("login", "path"), self.login.path

    @property
    def token_at(self) -> str:
        """As it is declared."""
        return self.token_path

    @property
    def asked_with(self) -> tuple[KeyPath, Mapping[str, Any]]:
        """All parts of the login."""
        login = self.login
        return ("login",), {
            "params": login.params,
            "headers": login.headers,
            "json": login.json_body,
            "form": login.form,
        }

    @property
    def written_prefix(self) -> str:
        """The text before the token; the default is that of a header."""
        in_query = self.location == "query" and "prefix" not in self.model_fields_set
        return "" if in_query else self.prefix


class JwtBearer(RenewableOptions):
    """A token that is signed here, a JWT (RFC 7519): sent as it is, or exchanged for an access
    token (RFC 7523). Needs `pip install 'api-harvester[jwt]'`.
    """

    type: Literal["jwt_bearer"]
    key: SecretBlock
    """The private key (PEM), or the shared secret of HS256, as a reference: `"{env.KEY}"` or
    `"{file./run/secrets/key.pem}"`. A Google service account's JSON file is one, too: it also gives
    `issuer` and `key_id`."""
    algorithm: Literal["RS256", "ES256", "HS256"] = "RS256"
    """How it is signed."""
    key_id: Annotated[Text, Referring()] | None = None
    """Which key it is, for the server: the header `kid`."""
    issuer: Annotated[Text, Referring()] | None = None
    """Who signs: the claim `iss`."""
    subject: Annotated[Text, Referring()] | None = None
    """On whose behalf: the claim `sub`."""
    audience: Annotated[Text, Referring()] | None = None
    """Whom it is for: the claim `aud`. Left out: `access_token_url`, where there is one."""
    scope: Annotated[Text, Referring()] | None = None
    """The claim `scope`: what is asked for, with blanks between."""
    claims: Annotated[Parameters, Referring()] = Field(default_factory=dict, repr=False)
    """Further claims."""
    lifetime: Duration = 300
    """How long the JWT is good for."""
    access_token_url: TokenURL | None = None
    """Where it is exchanged for an access token. Left out: the JWT is the token itself."""
    exchange: Literal["grant", "header"] = "grant"
    """Whether it goes to that URL as a grant (Google), or in the Authorization header (GitHub
    Apps)."""
    token_path: PagePath = "access_token"  # noqa: S105 - a path
    """Path to the token in the answer."""
    default_token_expiration: Duration = 3600
    """How long an access token lives where the answer has no `expires_in`."""

    @property
    def asked_at(self) -> tuple[KeyPath, str] | None:
        """The token endpoint, where there is one."""
        url = self.access_token_url
        return None if url is None else (("access_token_url",), url)

    @property
    def asked_with(self) -> tuple[KeyPath, Mapping[str, Any]]:
        """The claims."""
        return ("claims",), self.claims

    @property
    def token_at(self) -> str:
        """As it is declared."""
        return self.token_path
