"""Sends one request and streams its response's bytes. The only module that imports requests.

Requests prepares what is sent, and its adapter knows the way: proxies, certificates, pools of
connections. Its session is not used, which would do of its own accord what a harvest must not:
follow redirects (decoding their bodies whole into memory, even with `allow_redirects=False`), read
netrc (which overrides an explicit Bearer header), send credentials to a proxy named in the
environment, and keep cookies (which cross ports). Nor is the adapter's `send`, which finds the way
anew for each request: 0.2 of the 0.5 ms that a small page takes on the wire, measured. Whatever the
libraries raise becomes one of `PageRejected`, `ConnectionDropped` and `PageRefused`.
"""

import contextlib
import http.client
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final, NoReturn
from urllib.parse import urljoin

import requests
import requests.adapters
import requests.exceptions
import urllib3
import urllib3.exceptions

from harvester.config import Client
from harvester.errors import ConnectionDropped, PageRefused, PageRejected, Unreached
from harvester.http import headers
from harvester.http.certificates import certificate_of, check_bundle, tls_trouble
from harvester.http.connection import (
    Raw,
    StrictHTTPPool,
    StrictHTTPSPool,
    Watch,
    body_chunks,
    watched,
)
from harvester.http.cookies import Cookies
from harvester.http.kept_alive import KeptAlive
from harvester.http.reachability import origin_in
from harvester.http.request import Request, Signature
from harvester.security import origin_of
from harvester.values import dataclass

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 5
_MOST_TEXT: Final = 200  # characters of a library's message, which may quote what a server sent
_POOLS: Final = {"http": StrictHTTPPool, "https": StrictHTTPSPool}
_REFUSALS: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.LocationValueError,
    http.client.InvalidURL,
    UnicodeError,
)
_UNREACHED: Final = (
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ProxyError,
)
_DROPS: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
_ERRORS: Final = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body has not been read. `headers` have lower-case names, and `several` are
    the names that came with different values; `wire_bytes` is the most that the body may have.
    """

    status: int
    headers: Mapping[str, str]
    raw: Raw
    wire_bytes: int
    several: frozenset[str] = frozenset()

    @property
    def encodings(self) -> list[str]:
        """The codings of Content-Encoding, in lower case."""
        value = self.headers.get("content-encoding", "")
        return [coding.strip().lower() for coding in value.split(",") if coding.strip()]

    @property
    def has_framing(self) -> bool:
        """Whether the answer says where its body ends, so that one that is cut is known to be."""
        return not self.headers.keys().isdisjoint(("content-length", "transfer-encoding"))

    def chunks(self) -> Iterator[bytes]:
        """The wire bytes of the body, unframed; see `wire.body_chunks` for what it raises."""
        return body_chunks(self.raw, self.wire_bytes)


class Transport:
    """The connections of one worker thread. Not to be shared: sessions are not thread-safe."""

    def __init__(self, client: Client) -> None:
        if client.ca_bundle is not None:
            check_bundle(client.ca_bundle)
        self._certificate = certificate_of(client)
        self._client = client
        self._adapter = _StrictAdapter(max_retries=0, pool_maxsize=1)
        self._environment = requests.Session() if client.trust_env else None
        self._proxies = dict.fromkeys(("http", "https"), client.proxy) if client.proxy else {}
        self._timeout = urllib3.Timeout(connect=client.timeout.connect, read=client.timeout.read)
        self._route: _Route | None = None
        self._kept_alive: KeptAlive | None = None  # to the same place, for plain requests
        self._used = False
        self.requests = 0

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    @contextlib.contextmanager
    def open(
        self,
        request: Request,
        watch: Watch,
        cookies: Cookies | None = None,
        turn: Callable[[], None] = lambda: None,
    ) -> Iterator[Response]:
        """Send `request`, following redirects within its origin, and give the response. Cookies
        are sent and taken where there is a session for them.

        `turn` is called before each further request that this takes, and returns when it may
        leave; the time that it waits does not count. Leaving the block closes the connection
        unless the body was read to its end.
        """
        exchange = _Exchange(watch, cookies, turn)
        response = self._follow(request, exchange)
        with watched(exchange.watch):
            try:
                yield response
            finally:
                # A response left unread would poison the next one on its connection; one read
                # to its end has given the connection back already, and this does nothing.
                if not response.raw.closed:
                    response.raw.close()

    def _follow(self, request: Request, exchange: "_Exchange") -> Response:
        for hop in range(_MOST_REDIRECTS + 1):
            if hop:
                exchange.await_turn()
            response = self._answering(request, exchange)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or location is None:
                return response
            response.raw.close()  # unread: its body may be a bomb
            if "location" in response.several:
                raise PageRefused(
                    "redirected by two Location headers to different places",
                    status=response.status,
                )
            target = _joined(request.url, location)
            if request.method != "GET":
                raise PageRefused(f"a {request.method} was redirected", status=response.status)
            if origin_of(target) != origin_of(request.url):
                request = _elsewhere(request, target, response.status)
                continue
            request = replace(request, url=target)
        raise PageRefused(f"more than {_MOST_REDIRECTS} redirects")

    def _answering(self, request: Request, exchange: "_Exchange") -> Response:
        """The answer; where it is a challenge that the request's signature takes, that to the
        request signed again.
        """
        response = self._send_twice(request, exchange)
        challenge = response.headers.get("www-authenticate")
        if response.status != HTTPStatus.UNAUTHORIZED or challenge is None:
            return response
        if not (isinstance(request.sign, Signature) and request.sign.challenged(challenge)):
            return response
        response.raw.close()  # unread, as a redirect's
        exchange.await_turn()
        return self._send_twice(request, exchange)

    def _send_twice(self, request: Request, exchange: "_Exchange") -> Response:
        """A kept-alive connection may have died meanwhile: one free try on a fresh one."""
        stale = self._used
        try:
            with watched(exchange.watch):
                response = self._send(request, exchange.cookies)
        except ConnectionDropped:
            self._used = False
            if not (stale and request.idempotent):
                raise
            exchange.await_turn()  # the server may have counted the first one
            with watched(exchange.watch):
                response = self._send(request, exchange.cookies)
        self._used = True
        return response

    def _send(self, request: Request, cookies: Cookies | None) -> Response:
        self.requests += 1
        if cookies is not None:
            request = replace(request, headers=cookies.sent_to(request.url, request.headers))
        try:
            kept_alive = self._kept_alive.ask(request) if self._kept_alive else None
            raw: Raw = kept_alive or self._sent_anyhow(request)
        except _ERRORS as error:
            _verdict(error, origin_in(request.url))
        if cookies is not None:
            cookies.take(request.url, raw.headers.getlist("set-cookie"))
        merged, several = headers.merged(raw.headers.iteritems())
        return Response(raw.status, merged, raw, self._client.limits.wire_bytes, several)

    def _sent_anyhow(self, request: Request) -> Raw:
        """The answer to any request, on the way that requests and urllib3 know."""
        prepared = _prepared(request)
        if self._environment is not None and not _has_credentials(request):
            prepared.prepare_auth(requests.utils.get_netrc_auth(request.url))
        route = self._way_to(prepared, self._certificate if request.trusted else None)
        raw: Raw = route.pool.urlopen(
            request.method,
            route.target(prepared),
            body=prepared.body,
            headers=prepared.headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=self._adapter.max_retries,
            timeout=self._timeout,
        )
        is_direct = self._environment is None and not self._proxies
        if is_direct and (self._kept_alive is None or self._kept_alive.origin != route.origin):
            self._kept_alive = KeptAlive(route.origin, route.pool, self._client.timeout.connect)
        return raw

    def _way_to(
        self, prepared: requests.PreparedRequest, certificate: tuple[str, str] | None
    ) -> "_Route":
        """The way to where a request goes; it is nearly always that of the one before."""
        url = str(prepared.url)
        origin = "/".join(url.split("/", 3)[:3])
        if self._route is None or self._route.origin != origin:
            proxies, verify = self._settings(url)
            adapter = self._adapter
            pool = adapter.get_connection_with_tls_context(
                prepared, verify, proxies=proxies, cert=certificate
            )
            adapter.cert_verify(pool, url, verify, certificate)  # type: ignore[no-untyped-call]
            whole_urls = not adapter.request_url(prepared, proxies).startswith("/")
            self._route = _Route(origin, pool, whole_urls)
        return self._route

    def _settings(self, url: str) -> tuple[dict[str, str], bool | str]:
        """Proxies and certificates for this URL."""
        verify: bool | str = self._client.ca_bundle or True
        if self._environment is None:
            return self._proxies, verify
        found = self._environment.merge_environment_settings(
            url, dict(self._proxies), True, verify, None
        )
        return dict(found["proxies"]), found["verify"] or False


@dataclass(slots=True)
class _Exchange:
    """What bounds the requests that one page takes, and what goes with them."""

    watch: Watch
    cookies: Cookies | None
    turn: Callable[[], None]

    def await_turn(self) -> None:
        """Wait until a further request may leave; it has as much time as was left."""
        began = self.watch.clock()
        self.turn()
        waited = self.watch.clock() - began
        self.watch = replace(self.watch, deadline=self.watch.deadline + waited)


@dataclass(frozen=True, slots=True)
class _Route:
    """The way to an origin: its connections, which take whole URLs where they lead to a proxy of
    plain HTTP.
    """

    origin: str
    pool: Any  # urllib3's, of either scheme
    whole_urls: bool

    def target(self, prepared: requests.PreparedRequest) -> str:
        """What the request line asks for."""
        if self.whole_urls:
            return str(requests.utils.urldefragauth(str(prepared.url)))
        return prepared.path_url


def _prepared(request: Request) -> requests.PreparedRequest:
    """The request as requests sends it. Not by its session, which would look for cookies and for
    a netrc, at a quarter of a millisecond for each page.
    """
    prepared = requests.PreparedRequest()
    prepared.prepare_method(request.method)
    prepared.prepare_url(request.url, None)
    prepared.prepare_headers(dict(request.headers))
    prepared.prepare_body(request.body, None)
    if request.sign:
        prepared.prepare_auth(request.sign)
    return prepared


class _StrictAdapter(requests.adapters.HTTPAdapter):
    """Strict connections, directly and through a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **options: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _elsewhere(request: Request, target: str, status: int) -> Request:
    """The request for another origin, where the YAML lets it go there. Raises `PageRefused`."""
    try:
        if request.elsewhere is not None:
            return request.elsewhere(target)
    except PageRefused:
        pass  # in words that fit a redirect
    raise PageRefused(
        f"redirected to another origin, {origin_of(target)}; put the final address into base_url "
        "if you trust it, or its host into allowed_hosts, which gets no credentials",
        status=status,
    )


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise PageRefused(f"redirected to a malformed URL: {error}") from error


def _has_credentials(request: Request) -> bool:
    return bool(request.sign) or any(name.lower() == "authorization" for name in request.headers)


def _verdict(error: Exception, origin: str) -> NoReturn:
    """Map what the libraries raise before a body is read.

    Their own texts are left out where these quote the URL or a header: either may hold a key.
    """
    chain = list(_causes(error))
    if any(isinstance(cause, _REFUSALS) for cause in chain):
        kind = type(chain[-1]).__name__
        raise PageRefused(
            f"no request can be made of this URL and these headers: {kind}"
        ) from error
    if any(isinstance(cause, _DROPS) for cause in chain):
        what = "the server closed the connection without an answer"
        if origin.startswith("http://"):  # what a TLS server does to those who speak plain HTTP
            what += "; if it wants TLS, the URL must begin with https:// (base_url)"
        raise ConnectionDropped(what) from error
    if trouble := tls_trouble(chain):
        raise PageRefused(trouble) from error
    if any(isinstance(cause, _UNREACHED) for cause in chain):
        # Not isinstance: a refused connection is a subclass of it, NewConnectionError.
        late = any(type(cause) is urllib3.exceptions.ConnectTimeoutError for cause in chain)
        by_proxy = any(isinstance(cause, urllib3.exceptions.ProxyError) for cause in chain)
        what = "no connection to the proxy (client.proxy)" if by_proxy else "no connection"
        why = " in time (timeout.connect)" if late else f": {_text(chain[-1])}"
        unreached = Unreached(f"{what}{why}")
        unreached.origin = origin
        raise unreached from error
    what = "no connection" if isinstance(chain[-1], OSError) else "no valid answer"
    raise PageRejected(f"{what}: {_text(chain[-1])}") from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it wraps: urllib3 and requests nest theirs in several ways."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        wrapped = getattr(error, "reason", None) or next(
            (item for item in error.args if isinstance(item, BaseException)), None
        )
        if not isinstance(wrapped, BaseException):
            wrapped = next((item for item in error.args if isinstance(item, BaseException)), None)
        error = wrapped or error.__cause__ or error.__context__


def _text(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}…"
