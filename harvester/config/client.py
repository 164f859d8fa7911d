"""The `client` part of the YAML: where the API is, and how to behave towards it."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from harvester.config.deferred import Elsewhere
from harvester.config.options import (
    Count,
    Duration,
    DurationOrZero,
    Host,
    HostOrAll,
    OneOrMany,
    OrJust,
    PagePath,
    Section,
    SectionError,
    Share,
    Size,
    Text,
)
from harvester.config.request_options import Headers

if TYPE_CHECKING:
    from harvester.config.auth_forms import Auth
else:
    Auth = Annotated[Any, Elsewhere("harvester.config.auth_forms", "Auth")]


class Timeout(Section):
    """How long the server may take, in seconds."""

    connect: Duration = 10
    """For the connection."""
    read: Duration = 60
    """Between two pieces of an answer."""
    page: Duration = 3600
    """For one page as a whole, headers included."""


class Retry(Section):
    """How often and how long a failed page is tried again."""

    attempts: Count = 10
    """Tries at one page, the first included."""
    max_wait: DurationOrZero = 900
    """The longest wait between two tries, whatever the server asks for."""
    deadline: Duration = 21600
    """The time for all tries at one page, waits included."""
    retry_after_path: PagePath | None = None
    """Path, in an answer that is no page, to how long it asks to wait: seconds (milliseconds
    where the key's name ends in `ms`), a time, or words such as `try again in 20 s`. The longer
    of this and its headers counts."""
    budget: Share = 0.5
    """The share of a run's requests that may be retries, beyond the first 20; where it is reached,
    retries wait, and one at least every 10 s still leaves. 1: no bound."""


class Budget(Section):
    """At most so many requests in any stretch of so much time."""

    requests: Count
    """How many requests."""
    per: Duration
    """In how much time."""


class AllowedHost(Section):
    """A further host that a next link may lead to."""

    host: Host
    """`host`, or `host:port` where the port is not the usual one."""
    credentials: bool = False
    """Whether it gets the credentials that base_url gets."""


class Limits(Section):
    """What a page may not exceed; a page that does is refused, not cut."""

    wire_bytes: Size = 64 << 30
    """Bytes received for one page."""
    decoded_bytes: Size = 256 << 30
    """Bytes of one page after decompression."""
    expansion_ratio: Count = 400
    """How many bytes one compressed byte may become."""
    depth: Count = 256
    """How deep JSON may be nested."""
    record_bytes: Size = 64 << 20
    """Bytes of one record, in a format that is no JSON."""
    string_bytes: Size = 8 << 20
    """Bytes of one string where a field is read."""
    number_chars: Count = 1000
    """Characters of one number."""
    cursor_bytes: Size = 64 << 10
    """Bytes of one cursor."""


def _slashed(url: str) -> str:
    # What a reference ends with is only known with the environment: `Config.base_url`.
    return url if url.endswith(("/", "}")) else f"{url}/"


class Client(Section):
    """The API: where it is, and how to behave towards it."""

    base_url: Annotated[
        Text,
        AfterValidator(_slashed),
        WithJsonSchema({"type": "string", "pattern": r"^(https?://[^/?#]|\{env\.)"}),
    ]
    """The URL that paths are relative to; a `/` at its end is added when missing."""
    headers: Headers = Field(default_factory=dict)
    """Headers of every request."""
    cookies: Literal["none", "session"] = "none"
    """`session`: cookies that the API's own origin sets are sent back to it, for APIs that keep a
    reader's place in a session; of each partition its own, for one run, and never written down."""
    auth: Auth | None = None
    """Credentials, sent to base_url's origin only."""
    timeout: Timeout = Timeout.as_it_is()
    """How long the server may take."""
    retry: Retry = Retry.as_it_is()
    """How often and how long a failed page is tried again."""
    rate_limit: Annotated[tuple[Budget, ...], Field(strict=False), OneOrMany()] = ()
    """Budgets of requests, all of them kept: one, or a list."""
    per_host: dict[
        HostOrAll,
        Annotated[tuple[Budget, ...], Field(strict=False), OneOrMany()],
    ] = Field(default_factory=dict)
    """Budgets of single hosts, on top of `rate_limit`, where a harvest goes to several: by `host`
    or `host:port`; `*` is for each of the others, on its own."""
    adaptive_pace: bool = True
    """Whether, once the server has asked for fewer requests (429, Retry-After), they leave at the
    pace that it is found to bear: of each resource on its own, and never above rate_limit."""
    allowed_hosts: Annotated[
        tuple[Annotated[AllowedHost, OrJust("host")], ...], Field(strict=False)
    ] = ()
    """Further hosts a next link may lead to."""
    trust_env: bool = False
    """Whether netrc and the proxy variables of the environment are heeded."""
    ca_bundle: Text | None = None
    """A file of certificates to trust instead of the usual ones."""
    client_certificate: Text | None = None
    """A file with this client's certificate (PEM), shown to base_url's origin only; with its key,
    unless `client_key` names that."""
    client_key: Text | None = None
    """The file of its private key, without a passphrase."""
    proxy: Text | None = Field(default=None, repr=False)
    """The URL of a proxy for every request."""
    limits: Limits = Limits.as_it_is()
    """What a page may not exceed."""

    @model_validator(mode="after")
    def _key_of_a_certificate(self) -> Self:
        if self.client_key is not None and self.client_certificate is None:
            raise SectionError([(("client_key",), "needs client_certificate")])
        return self
