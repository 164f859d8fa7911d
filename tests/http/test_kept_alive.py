"""Over a connection that is kept alive, what is sent is what requests and urllib3 send."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest
import requests

from harvester.config import Client
from harvester.errors import PageRefused
from harvester.http import Request, Transport, Watch
from harvester.http.kept_alive import _PLAIN

ORIGIN: Final = "http://api.example.org:8080"
HEADERS: Final = {"User-Agent": "a/1", "Accept": "*/*;q=0.5", "Accept-Encoding": "gzip"}


class Recorder:
    """A server that keeps what it gets, and answers each request in the given way."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.connections = 0
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        self.hang_up = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        received = b""
        while True:
            while b"\r\n\r\n" not in received or not _has_body(received):
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            self.got.append(received)
            received = b""
            ends = self.hang_up  # of now: once it has the answer, the test may change it
            connection.sendall(self.answer)
            if ends:
                return

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


def _has_body(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return len(body) >= int(length or 0)


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A server of its own."""
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def transport() -> Iterator[Transport]:
    """The connections of one thread."""
    transport = Transport(Client(base_url=ORIGIN))
    yield transport
    transport.close()


def asked(transport: Transport, request: Request) -> bytes:
    """The body that comes."""
    watch = Watch(time.monotonic, time.monotonic() + 20, 10.0, lambda: False)
    with transport.open(request, watch) as response:
        return b"".join(response.chunks())


@pytest.mark.parametrize(
    ("method", "body", "more"),
    [
        ("GET", None, {}),
        ("GET", None, {"Authorization": "Bearer a b", "X-A": "1"}),
        ("POST", b'{"a":"\xc3\xa9"}', {"Content-Type": "application/json"}),
    ],
)
def test_what_is_sent_is_the_same(
    server: Recorder, transport: Transport, method: str, body: bytes | None, more: dict[str, str]
) -> None:
    """The first request goes by urllib3, the others do not: each byte is alike."""
    for _ in range(3):
        url = f"{server.origin}/a/b?x=%7B%22a%22&y=1+2"
        assert asked(transport, Request(method, url, {**HEADERS, **more}, body)) == b"{}"
    assert len(set(server.got)) == 1
    assert server.connections == 1
    assert transport._kept_alive is not None
    assert transport._kept_alive._lines is not None


def test_other_headers_are_sent_as_they_are(server: Recorder, transport: Transport) -> None:
    """The lines that are kept are those of the request before, and no others."""
    for number in (1, 1, 2, 3):
        asked(transport, Request("GET", f"{server.origin}/", {**HEADERS, "X-A": str(number)}))
    sent = [got.partition(b"X-A: ")[2][:1] for got in server.got]
    assert sent == [b"1", b"1", b"2", b"3"]


@pytest.mark.parametrize(
    "url", ["/a b", "/é", "/a#b", "/a/../b", "/./a", "?a", "/%41", "/%e9", "/a%", '/"']
)
def test_odd_urls_are_mended_as_ever(server: Recorder, transport: Transport, url: str) -> None:
    """What requests would change of a URL goes its way, by the same connection."""
    for _ in range(2):
        asked(transport, Request("GET", f"{server.origin}{url}", HEADERS))
    prepared = requests.Request("GET", f"{server.origin}{url}").prepare()
    assert {got.split(b" ")[1].decode() for got in server.got} == {prepared.path_url}
    assert server.connections == 1


def test_odd_headers_are_refused_as_ever(server: Recorder, transport: Transport) -> None:
    """A header that ends its line is no header, also on a connection that is kept alive."""
    asked(transport, Request("GET", f"{server.origin}/", HEADERS))
    for value in ("a\r\nX-Evil: 1", "a\nb", " a", "\r"):
        with pytest.raises(PageRefused):
            asked(transport, Request("GET", f"{server.origin}/", {**HEADERS, "X-A": value}))
    assert len(server.got) == 1


def test_plain_targets_are_left_alone() -> None:
    """Whatever counts as plain is what requests makes of it."""
    rng, plain = random.Random(3), 0
    letters = "aZ09-._~!$&'()*+,;=:@/?%\"<>[]{}|\\^`# é"
    pieces = ("%2F", "%7B", "%7E", "%41", "%3a", "%C3%A9", "/..", "/.", "//", "?", "&a=b", "%zz")
    for _ in range(4000):
        text = "".join(
            rng.choice(pieces)
            if rng.random() < 0.2
            else rng.choice(letters[: rng.choice((20, 40))])
            for _ in range(rng.randrange(12))
        )
        target = f"/{text}"
        if _PLAIN.fullmatch(target):
            plain += 1
            assert requests.Request("GET", ORIGIN + target).prepare().url == ORIGIN + target
    assert plain > 400


def test_a_connection_that_was_closed_is_made_anew(server: Recorder, transport: Transport) -> None:
    """Whoever hangs up behind an answer is asked over another connection."""
    server.hang_up = True
    for _ in range(3):
        assert asked(transport, Request("GET", f"{server.origin}/", HEADERS)) == b"{}"
        time.sleep(0.05)
    assert server.connections == 3


@pytest.mark.parametrize(
    ("head", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", 4),
        (b"HTTP/1.1 200 OK\r\nconnection: Keep-Alive, Close\r\n", 4),
        (b"HTTP/1.0 200 OK\r\n", 4),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", 1),
    ],
)
def test_connections_end_where_the_answer_says_so(
    server: Recorder, transport: Transport, head: bytes, connections: int
) -> None:
    """RFC 9112 section 9.3, of the first answer and of others."""
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    asked(transport, Request("GET", f"{server.origin}/", HEADERS))
    server.answer = head + b"Content-Length: 2\r\n\r\n{}"
    server.hang_up = connections > 1
    for _ in range(4):
        assert asked(transport, Request("GET", f"{server.origin}/", HEADERS)) == b"{}"
    assert server.connections == connections


def test_an_answer_that_is_left_unread_ends_its_connection(
    server: Recorder, transport: Transport
) -> None:
    """Its rest would be taken for the next answer."""
    watch = Watch(time.monotonic, time.monotonic() + 20, 10.0, lambda: False)
    request = Request("GET", f"{server.origin}/", HEADERS)
    asked(transport, request)
    with transport.open(request, watch) as response:
        assert response.status == 200
    assert asked(transport, request) == b"{}"
    assert server.connections == 2
