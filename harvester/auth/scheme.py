"""Defines an auth scheme: what lets the requests of a client in.

Each type is one class in one file of `schemes`, registered by the model of its configuration;
`scheme_of` finds it. A `StaticScheme` has its credentials from the start. A `RenewableScheme` says
how a token is asked for and read; `Access` keeps the token of the moment, renews it for all workers
at once, and writes a replaced refresh token down.
"""

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Generic, TypeVar

from harvester.auth.token_answers import failure, fields_of, server_message
from harvester.config import AuthOptions, Limits, RenewableOptions, SecretText, secret_options
from harvester.errors import PageRefused
from harvester.http import Credentials, Request, Response
from harvester.model import Scope, render
from harvester.page import Field
from harvester.security import is_secret_name
from harvester.values import dataclass

Options = TypeVar("Options", bound=AuthOptions | None)
Renewing = TypeVar("Renewing", bound=RenewableOptions)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, how long it lives (None: nobody said), and the refresh token that came with it."""

    value: SecretText
    lives_s: float | None
    refresh_token: SecretText | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What a token request may take from the run: the base URL, the User-Agent where one is
    configured, and the refresh token in use, where the scheme has one.
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    refresh_token: SecretText | None = None


@dataclass(frozen=True)
class Scheme(ABC, Generic[Options]):
    """How one client is let in. Subclass it with `options=` the model of its configuration; `env`
    are the variables that its references name.
    """

    options: Options
    env: Mapping[str, str] = field(repr=False)

    registered: ClassVar[dict[type, type["AnyScheme"]]] = {}

    def __init_subclass__(cls, options: type | None = None, **rest: Any) -> None:
        """Register the class by the model of its configuration."""
        super().__init_subclass__(**rest)
        if options is not None:
            if options in Scheme.registered:
                raise TypeError(f"{options.__name__} has a scheme already")
            _check_secrets(options)
            if not issubclass(cls, StaticScheme | RenewableScheme):
                raise TypeError(f"{cls.__name__} is neither a StaticScheme nor a RenewableScheme")
            Scheme.registered[options] = cls

    def __reduce__(self) -> Any:
        """Refuse: it holds secrets, and is made where it is used."""
        raise TypeError("an auth scheme is not pickled: it is made of a configuration")

    @abstractmethod
    def derived(self) -> Iterator[str]:
        """What is made of the secrets, is sent, and gives them away: to be redacted."""

    def secrets(self) -> Iterator[tuple[str, str]]:
        """The secrets that are configured, by option, with their references filled in."""
        if isinstance(self.options, AuthOptions):
            for name, text in self.options.secrets.items():
                yield name, self.text(text)

    def text(self, written: str) -> str:
        """The text of an option, with its references filled in."""
        return str(render(written, Scope(env=self.env)))

    def values(self, written: Any) -> Any:
        """The values of an option, with their references filled in."""
        return render(written, Scope(env=self.env))


class StaticScheme(Scheme[Options]):
    """A scheme whose credentials are given."""

    @abstractmethod
    def credentials(self) -> Credentials:
        """What each request carries. Raises `ConfigError` where a library is missing."""

    def derived(self) -> Iterator[str]:
        """The headers, parameters and members of the body."""
        granted = self.credentials()
        yield from granted.body.values()
        yield from granted.headers.values()
        yield from granted.params.values()


class RenewableScheme(Scheme[Renewing]):
    """A scheme that asks for a token, and for another when that one is due or refused."""

    #: What is asked, in words.
    asked: ClassVar[str] = "the token endpoint"

    def check(self) -> None:
        """See that a token can be asked for at all; raises `ConfigError`."""
        return

    def made(self, kept: SecretText | None) -> Token | None:
        """A token that needs no request; None where one must be asked for. `kept` is the refresh
        token in use. Raises `PageRefused`.
        """
        return None

    @abstractmethod
    def token_request(self, asking: Asking) -> Request:
        """The request for a token. Nothing else of the harvest may be in it."""

    @abstractmethod
    def token_fields(self) -> tuple[Field, ...]:
        """The fields of an answer that `token` looks at; `access_token` is the token."""

    @abstractmethod
    def token(self, value: SecretText, found: Mapping[str, Any]) -> Token:
        """The token of an answer with these fields."""

    def read(self, response: Response, limits: Limits, now: float) -> Token:
        """The token of an answer; `now` is the epoch, for the server's hints.

        Raises `PageRejected` where another try may help, else `PageRefused`.
        """
        return self.read_fields(fields_of(self.token_fields(), response, limits), response, now)

    def read_fields(self, found: Mapping[str, Any] | None, response: Response, now: float) -> Token:
        """The same, where the fields of the answer are known already; None: it is no JSON."""
        if response.status >= 300 or found is None:
            raise failure(response, found, now, self.advice)
        value = found.get("access_token")
        if not isinstance(value, str) or not value:
            message = f": {text}" if (text := server_message(found)) else ""
            at = f"the answer has no text at {self.options.token_at}"
            raise PageRefused(f"{at}{message}", status=response.status)
        return self.token(SecretText(value), found)

    def placed(self, token: SecretText) -> Credentials:
        """What a request carries with this token: a bearer header (RFC 6750)."""
        return placed(f"Bearer {token}", "Authorization", "header")

    def advice(self, found: Mapping[str, Any]) -> str:
        """What to look at where the request for a token was refused; `found` are the fields."""
        return "are client_id and client_secret right, and are their variables set?"

    def refresh_token(self) -> SecretText | None:
        """The configured token that the server may replace with each use; None where none is."""
        return None

    def token_file(self) -> str | None:
        """Where a replaced one is kept; None: in the harvest's folder."""
        return None

    def derived(self) -> Iterator[str]:
        """Nothing: tokens are learned when they come."""
        return iter(())


AnyScheme = StaticScheme[Any] | RenewableScheme[Any]


def placed(text: str, name: str, location: str) -> Credentials:
    """A key or token in the header, query parameter or member of the body of this name."""
    if location == "body":
        return Credentials(body={name: text})
    if location == "query":
        return Credentials(params={name: text})
    return Credentials(headers={name: text})


def basic(pair: str) -> str:
    """The value of a basic Authorization header for `USER:PASSWORD`."""
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _check_secrets(options: type) -> None:
    """See that each option with the name of a secret is a `SecretText`."""
    if not issubclass(options, AuthOptions):
        return
    kept = secret_options(options)
    for name in options.model_fields:
        if name not in kept and is_secret_name(name):
            raise TypeError(f"{options.__name__}.{name} holds a secret by its name: SecretText")
