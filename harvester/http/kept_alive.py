"""Sends a plain request over a connection that is kept alive, in one piece.

Nearly all requests of a harvest are of one kind: to the origin of the one before, with the same
headers, and a URL that needs no mending. What requests and urllib3 do for any request is done for
the first of them; for the others it was most of what a small page costs, 0.3 ms of 0.45 on the
wire. Here their headers are one piece of text, made once, and of the answer's head no message of
mail is made, nor a second and a third copy.

Whatever is not plain goes their way: a URL that they would change, a header that they might refuse,
a signature, a proxy, a connection that is not open. What is sent is the same to the byte.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from harvester.http.connection import StrictResponse
from harvester.http.request import Request
from harvester.patterns import pattern
from harvester.values import dataclass

#: What requests and urllib3 leave as it is of a path and a query: no fragment, nothing to encode,
#: nothing encoded that need not be, and no segment of dots.
_PLAIN: Final = pattern(
    r"(?:/(?!\.)(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[BCDE]"
    r"|60|7[BCDF]))*+)++"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%(?:[0189A-F][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[BCDE]|60"
    r"|7[BCDF]))++)?"
)
_NAME: Final = pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = pattern(r"[!-~](?:[ !-~]*[!-~])?")
#: What they add themselves, or treat in a way of their own.
_THEIRS: Final = frozenset(("host", "content-length", "transfer-encoding", "connection", "expect"))
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class _Headers:
    """The headers of an answer, as urllib3's has them, so far as they are asked for."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def iteritems(self) -> Iterator[tuple[str, str]]:
        """Name and value of each."""
        return iter(self._pairs)

    def getlist(self, name: str) -> list[str]:
        """The values of one."""
        name = name.lower()
        return [value for each, value in self._pairs if each.lower() == name]


class Answer:
    """An answer, its body unread; what is used of urllib3's response."""

    __slots__ = ("_connection", "_original_response", "_pool", "closed", "headers", "status")

    def __init__(self, pool: Any, connection: Any, response: StrictResponse) -> None:
        self._pool = pool
        self._connection = connection
        self._original_response = response
        self.status: int = response.status
        self.headers = _Headers(response.pairs)
        self.closed = False

    def release_conn(self) -> None:
        """Give the connection back: the body has been read to its end."""
        if not self.closed:
            self.closed = True
            self._pool._put_conn(self._connection)

    def close(self) -> None:
        """Close the connection: something of the body may be unread."""
        if not self.closed:
            self.closed = True
            self._original_response.close()
            self._connection.close()


@dataclass(slots=True)
class KeptAlive:
    """The way to an origin whose connections are those of `pool`; `timeout_s` is for sending."""

    origin: str
    pool: Any  # urllib3's, of either scheme
    timeout_s: float
    _headers: Mapping[str, str] | None = None
    _lines: str | None = field(default=None, repr=False)

    def ask(self, request: Request) -> Answer | None:
        """The answer to a request. None: it is not plain, or no connection is open; nothing has
        been sent then. Raises what the connection does.
        """
        text = self._text(request)
        if text is None:
            return None
        connection = self.pool._get_conn()
        sock = connection.sock
        if sock is None:  # not connected, or found dropped by the pool just now
            self.pool._put_conn(connection)
            return None
        response = None
        try:
            sock.settimeout(self.timeout_s)
            sock.sendall(text)
            response = StrictResponse(sock, method=request.method)
            response.head()
        except BaseException:
            if response is not None:
                response.close()
            connection.close()
            self.pool._put_conn(connection)
            raise
        if response.will_close:
            connection.close()
        return Answer(self.pool, connection, response)

    def _text(self, request: Request) -> bytes | None:
        """The request as it is sent; None where it is not plain."""
        origin, url = self.origin, request.url
        target = url[len(origin) :]
        if request.sign or not (url.startswith(origin) and _PLAIN.fullmatch(target)):
            return None
        if request.headers != self._headers:
            self._headers, self._lines = dict(request.headers), _lines(origin, request.headers)
        if self._lines is None:
            return None
        if request.method == "GET" and request.body is None:
            return f"GET {target} HTTP/1.1\r\n{self._lines}\r\n".encode()
        if request.method != "POST" or not request.body:
            return None
        length = f"Content-Length: {len(request.body)}\r\n"
        return f"POST {target} HTTP/1.1\r\n{self._lines}{length}\r\n".encode() + request.body


def _lines(origin: str, headers: Mapping[str, str]) -> str | None:
    """The lines of the headers; None where any is not plain."""
    scheme, _, host = origin.partition("://")
    names = {name.lower() for name in headers}
    if names & _THEIRS or not names >= {"user-agent", "accept-encoding"} or "@" in host:
        return None
    if not (all(map(_NAME.fullmatch, headers)) and all(map(_VALUE.fullmatch, headers.values()))):
        return None
    lines = {"Host": host.removesuffix(_DEFAULT_PORTS.get(scheme, "")), **headers}
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items())
