"""Request as it is sent, and the credentials that go with it."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from harvester.values import dataclass


class Signature:
    """Signs a prepared request (of requests) each time that it leaves."""

    def __call__(self, prepared: Any) -> Any:
        """Add the signature, and give the request back."""
        return prepared

    def challenged(self, challenge: str) -> bool:
        """The request was refused with this WWW-Authenticate header: whether it may be let in when
        it is signed again.
        """
        return False


@dataclass(frozen=True, slots=True)
class Credentials:
    """Headers, query parameters, members of the body, and a signature over the prepared request
    (of requests).

    Kept out of every repr: these are the secrets.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    sign: Callable[[Any], Any] | None = field(default=None, repr=False)
    body: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete. May hold secrets: written down only through `Secrets`."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    idempotent: bool = True
    #: Signs the prepared request each time that it leaves: OAuth 1.
    sign: Callable[[Any], Any] | None = field(default=None, repr=False)
    #: Makes the request for a URL of another origin, to which this one is redirected. Raises
    #: `PageRefused` where it may not go there; None: it may go nowhere else.
    elsewhere: Callable[[str], "Request"] | None = field(default=None, repr=False)
    #: Whether it goes where credentials go, so that a client's certificate is shown there.
    trusted: bool = True
