"""One request and its answer: connections, redirects, what is sent along, and what errors say."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harvester.config import Client
from harvester.errors import ConnectionDropped, HarvesterError, PageRefused, PageRejected
from harvester.http.connection import Watch
from harvester.http.request import Request
from harvester.http.transport import Response, Transport
from tests.fault_server import (
    CLOSE,
    RESET,
    Answer,
    FaultServer,
    Pause,
    Steps,
    answers,
    chunked,
    drip,
    head,
    page,
)

BODY = b'{"items": []}'
SECRET = "k3y-nobody-may-see"


def watch(page_s: float = 5.0) -> Watch:
    """Bound an exchange that begins now."""
    return Watch(time.monotonic, time.monotonic() + page_s, 5.0, lambda: False)


def client(url: str, **options: Any) -> Client:
    """Make the client part of a configuration."""
    return Client(base_url=url, **options)


@contextlib.contextmanager
def serving(
    *scripts: Steps | Callable[[Any], Steps], **options: Any
) -> Iterator[tuple[FaultServer, Transport]]:
    """Run a server with the scripts (or one function that answers), and a transport for it."""
    answer: Answer = scripts[0] if callable(scripts[0]) else answers(*scripts)  # type: ignore[arg-type]
    with (
        FaultServer(answer) as server,
        contextlib.closing(Transport(client(server.url, **options))) as transport,
    ):
        yield server, transport


def request(server: FaultServer, target: str = "items", **changes: Any) -> Request:
    """Make a GET request for a target of the server."""
    values: dict[str, Any] = {"method": "GET", "url": server.url + target, "headers": {}}
    return Request(**{**values, **changes})


def body_of(transport: Transport, asked: Request, bound: Watch | None = None) -> bytes:
    """Ask and read the answer to its end."""
    with transport.open(asked, bound or watch()) as response:
        return b"".join(response.chunks())


def failure(*scripts: Steps, **options: Any) -> HarvesterError:
    """Give what asking raises, after checking that it has a readable text without the secret."""
    asked_with = {"Authorization": f"Bearer {SECRET}"}
    with serving(*scripts, **options) as (server, transport):
        asked = request(server, f"items?api_key={SECRET}", headers=asked_with)
        with pytest.raises(HarvesterError) as caught:
            body_of(transport, asked)
    assert_readable(str(caught.value))
    return caught.value


def assert_readable(text: str) -> None:
    """An error's text is for people: no secret, no URL, none of the libraries' objects."""
    assert SECRET not in text
    for noise in ("HTTPConnectionPool", "object at 0x", "Max retries", "Errno", "urllib3", "('"):
        assert noise not in text
    assert len(text) < 300


# --- What is sent --------------------------------------------------------------------------------


def test_the_request_is_what_was_asked() -> None:
    """Method, target, headers and body as given, and nothing of the libraries' own but framing."""
    with serving(page(BODY)) as (server, transport):
        asked = request(
            server,
            "a%2Fb?x=1&x=2&y=%C3%A9",
            method="POST",
            headers={"Accept": "application/json", "X-A": "b"},
            body=b'{"q": 1}',
        )
        assert body_of(transport, asked) == BODY
        (seen,) = server.requests
    assert seen.line == "POST /a%2Fb?x=1&x=2&y=%C3%A9 HTTP/1.1"
    assert seen.body == b'{"q": 1}'
    assert set(seen.headers) <= {
        "host", "accept", "x-a", "content-length", "accept-encoding", "user-agent",
    }  # fmt: skip
    assert seen.headers["x-a"] == "b"


@pytest.mark.parametrize("target", ["/items", "/a//b?x=1", "///", "/%41?q=%2F"])
def test_the_path_is_sent_as_it_stands(target: str) -> None:
    """Whatever is at its beginning: what is asked for is what was checked, signed and noted."""
    with serving(page(b"{}")) as (server, transport):
        asked = Request("GET", f"{server.url.rstrip('/')}{target}", {"Accept-Encoding": "gzip"})
        assert body_of(transport, asked) == b"{}"
        assert server.requests[0].target == target.replace("%41", "A")


def test_the_answer_is_given_unread() -> None:
    """Status, headers in lower case, codings; repeated headers are joined."""
    script = page(BODY, "Content-Encoding: GZIP, Identity", "X-A: 1", "x-a: 2", status="418 Tea")
    with serving(script) as (server, transport), transport.open(request(server), watch()) as answer:
        assert answer.status == 418
        assert answer.encodings == ["gzip", "identity"]
        assert answer.headers["x-a"] == "1, 2"


def test_cookies_are_not_sent_back() -> None:
    """A cookie would cross ports, and make a page depend on those before it."""
    with serving(page(BODY, "Set-Cookie: id=1; Path=/", "Set-Cookie: b=2")) as (server, transport):
        for _ in range(3):
            body_of(transport, request(server))
        assert all("cookie" not in seen.headers for seen in server.requests)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FaultServer]:
    """Put a netrc for 127.0.0.1 and a proxy into the environment; gives the proxy."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password from-netrc\n")
    with FaultServer(answers(page(b"from the proxy"))) as proxy:
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield proxy


def test_netrc_and_proxy_variables_are_ignored(environment: FaultServer) -> None:
    """Neither overrides the credentials of the configuration, nor sees them."""
    with serving(page(BODY)) as (server, transport):
        assert body_of(transport, request(server)) == BODY
        headers = {"Authorization": "Bearer mine"}
        assert body_of(transport, request(server, headers=headers)) == BODY
        assert "authorization" not in server.requests[0].headers
        assert server.requests[1].headers["authorization"] == "Bearer mine"
    assert environment.requests == []


@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_the_environment_where_it_is_asked_for(environment: FaultServer, name: str) -> None:
    """With trust_env both are heeded, but credentials of the configuration still win."""
    with serving(page(BODY), trust_env=True) as (server, transport):
        assert body_of(transport, request(server)) == b"from the proxy"
        assert body_of(transport, request(server, headers={name: "mine"})) == b"from the proxy"
    first, second = environment.requests
    assert first.line == f"GET {server.url}items HTTP/1.1"
    assert first.headers["authorization"].startswith("Basic ")
    assert second.headers["authorization"] == "mine"


def test_a_proxy_of_the_configuration() -> None:
    """`proxy` is used for every request, with the same strictness."""
    scripts: list[Steps] = [page(BODY), [head("Content-Length: x"), BODY, CLOSE]]
    with (
        FaultServer(answers(*scripts)) as proxy,
        serving([CLOSE], proxy=proxy.url) as (
            server,
            transport,
        ),
    ):
        assert body_of(transport, request(server)) == BODY
        with pytest.raises(PageRejected, match="not a number"):
            body_of(transport, request(server))
        assert proxy.targets == [f"{server.url}items"] * 2
        assert server.requests == []


def test_a_tunnel_through_a_proxy_may_take_its_time() -> None:
    """TLS after a proxy's answer is bound by timeout.connect, not by one slice of a read."""
    seen = threading.Event()

    def tunnel(asked: Any) -> Steps:
        yield head(status="200 Connection established")
        yield Pause(0.4)  # a TLS hello that is slow to be answered
        seen.set()
        yield b"this is no TLS"

    with (
        FaultServer(tunnel) as proxy,
        contextlib.closing(
            Transport(client("https://127.0.0.1:1/", proxy=proxy.url, timeout={"connect": 3}))
        ) as transport,
    ):
        asked = Request("GET", "https://127.0.0.1:1/items", {})
        with pytest.raises(PageRefused, match="speaks no TLS"):
            body_of(transport, asked)
    assert seen.is_set()


# --- Connections ---------------------------------------------------------------------------------


def test_fifty_pages_one_connection() -> None:
    """Connections are kept and used again, whatever the framing."""
    scripts = [page(BODY) if number % 2 else [*chunked([BODY])] for number in range(50)]
    with serving(*scripts) as (server, transport):
        for _ in range(50):
            assert body_of(transport, request(server)) == BODY
        assert server.connections == 1
        assert transport.requests == 50


def test_a_bad_answer_leaves_nothing_behind() -> None:
    """An unread or broken answer costs its connection, and the next one is whole."""
    bad = [head("Content-Length: 1000", status="500 Oops"), b"x" * 10]
    with serving(bad, page(BODY), bad, page(BODY)) as (server, transport):
        with transport.open(request(server), watch()) as answer:
            assert answer.status == 500
        assert body_of(transport, request(server)) == BODY
        with pytest.raises(PageRejected), transport.open(request(server), watch(0.2)) as answer:
            list(answer.chunks())
        assert body_of(transport, request(server)) == BODY
        assert server.connections == 3


def test_an_answer_without_body_keeps_its_connection() -> None:
    """204 and 304 are read to their end by their headers."""
    scripts = [[head(status="204 No Content")], [head(status="304 Not Modified")], page(BODY)]
    with serving(*scripts) as (server, transport):
        assert [body_of(transport, request(server)) for _ in range(3)] == [b"", b"", BODY]
        assert server.connections == 1


def test_a_connection_that_was_closed_meanwhile() -> None:
    """A connection whose end has arrived is not used again, and nothing is told of it."""
    with serving([*page(BODY), CLOSE]) as (server, transport):
        assert body_of(transport, request(server)) == BODY
        time.sleep(0.02)  # the end has arrived
        assert body_of(transport, request(server)) == BODY
        assert transport.requests == len(server.requests) == 2


@pytest.mark.parametrize("end", [CLOSE, RESET])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_dies_under_the_request(end: Any, method: str) -> None:
    """One free try on a fresh connection, if the request may be repeated."""
    with serving(page(BODY), [end], page(BODY)) as (server, transport):
        asked = request(server, method=method, body=b"{}" if method == "POST" else None)
        assert body_of(transport, asked) == BODY
        assert body_of(transport, asked) == BODY
        assert [seen.connection for seen in server.requests] == [0, 0, 1]


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_request_that_may_not_be_repeated_is_not(end: Any) -> None:
    """Whether the server has acted on it is not known, so it is not sent again."""
    with serving(page(BODY), [end], page(BODY)) as (server, transport):
        asked = request(server, method="POST", body=b"{}", idempotent=False)
        assert body_of(transport, asked) == BODY
        with pytest.raises(ConnectionDropped):
            body_of(transport, asked)
        assert len(server.requests) == 2


def test_only_one_free_try() -> None:
    """A server that always hangs up is told of after two connections, and at once the next time."""
    with serving(page(BODY), [CLOSE]) as (server, transport):
        assert body_of(transport, request(server)) == BODY
        for sent in (3, 4):
            with pytest.raises(ConnectionDropped):
                body_of(transport, request(server))
            assert len(server.requests) == transport.requests == sent


# --- Redirects -----------------------------------------------------------------------------------


def to(location: str, status: str = "302 Found") -> tuple[bytes]:
    """Make a redirect."""
    return page(b"go there", f"Location: {location}", status=status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_within_the_origin(status: int) -> None:
    """Absolute, rooted and relative ones are followed, with the same headers."""

    def answer(asked: Any) -> Steps:
        there = {
            "/a/1": f"{server.url}a/2",
            "/a/2": "/a/3?x=y",
            "/a/3?x=y": "4",
            "/a/4": "?page=5",
            "/a/4?page=5": f"//127.0.0.1:{server.port}/end",
        }
        if asked.target == "/end":
            return page(BODY)
        return to(there[asked.target], f"{status} Elsewhere")

    with serving(answer) as (server, transport):
        assert body_of(transport, request(server, "a/1", headers={"X-Api-Key": SECRET})) == BODY
        assert len(server.requests) == 6
        assert all(seen.headers["x-api-key"] == SECRET for seen in server.requests)


def test_a_redirect_loop_ends_at_five() -> None:
    """The sixth redirect in a row is one too many."""
    with serving(to("/items")) as (server, transport):
        with pytest.raises(PageRefused, match="more than 5 redirects"):
            body_of(transport, request(server))
        assert len(server.requests) == 6


@pytest.mark.parametrize(
    "there",
    ["http://127.0.0.1:{other}/", "//127.0.0.1:{other}/", "http://localhost:{port}/",
     "https://127.0.0.1:{port}/"],
)  # fmt: skip
def test_redirects_to_another_origin_are_refused(there: str) -> None:
    """Another port, host or scheme gets no request, so no key either."""
    with FaultServer(answers(page(BODY))) as other:

        def answer(asked: Any) -> Steps:
            return to(there.format(other=other.port, port=server.port))

        with serving(answer) as (server, transport):
            headers = {"X-Api-Key": SECRET}
            with pytest.raises(PageRefused, match="another origin"):
                body_of(transport, request(server, headers=headers))
            assert len(server.requests) == 1
        assert other.requests == []


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/", "http://me:pw@127.0.0.1/", "http://[::1/",
     "http://127.0.0.1:99999/", "/a b", "/a\\b", "javascript:alert(1)", "http:///x"],
)  # fmt: skip
def test_redirects_to_nowhere_are_refused(location: str) -> None:
    """What is no plain http URL of this origin is a verdict, never a crash."""
    assert isinstance(failure(to(location)), PageRefused)


def test_a_redirected_post_is_refused() -> None:
    """Whether to send the body again is not for the server to say."""
    with serving(to("/end"), page(BODY)) as (server, transport):
        with pytest.raises(PageRefused, match="POST was redirected"):
            body_of(transport, request(server, method="POST", body=b"{}"))
        assert len(server.requests) == 1


def test_a_redirect_without_location_is_an_answer() -> None:
    """It is judged by its status like any other."""
    with serving(page(b"x", status="302 Found")) as (server, transport):
        assert body_of(transport, request(server)) == b"x"


def test_the_body_of_a_redirect_is_not_read() -> None:
    """It may be endless."""
    bomb = [head("Location: /end", "Content-Length: 1000000000", status="302 Found"), b"x" * 10**5]
    with serving(bomb, page(BODY)) as (server, transport):
        assert body_of(transport, request(server)) == BODY
        assert [seen.connection for seen in server.requests] == [0, 1]


@pytest.mark.slow("wall clock")
def test_the_deadline_spans_redirects() -> None:
    """A chain of slow redirects is one page."""

    def answer(asked: Any) -> Steps:
        yield Pause(0.15)
        yield from to("/items")

    with serving(answer) as (server, transport):
        began = time.monotonic()
        with pytest.raises(PageRejected, match=r"timeout\.page"):
            body_of(transport, request(server), watch(0.3))
        assert time.monotonic() - began < 0.8


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([CLOSE], "closed the connection without an answer"),
        ([RESET], "closed the connection without an answer"),
        ([b"garbage\r\n\r\n", CLOSE], "no valid answer"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "no valid answer"),
        ([b"HTTP/1.1 abc OK\r\n\r\n", CLOSE], "no valid answer"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"], "no valid answer"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000], "no valid answer"),
        ([b"HTTP/1.1 200 OK\r\nX: y", CLOSE], "cut inside a header"),
        ([b"HTTP/1.1 200 OK\r\nX: y\r\n", CLOSE], "cut inside a header"),
        ([head("Content-Length: 1", "Content-Length: 2"), b"xx"], "contradict each other"),
        ([head("Content-Length: 9"), b"x", CLOSE], "8 bytes before the body's end"),
        ([head("Content-Length: 9"), b"x", RESET], "cut inside the body"),
        ([*drip(b"z" * 70_000, 0, 3), CLOSE], "no valid answer"),
    ],
)
def test_broken_answers_in_words(script: Steps, told: str) -> None:
    """Each is worth another try, and says what happened in words of our own."""
    error = failure([*script])
    assert isinstance(error, PageRejected)
    assert told in str(error)


def test_nobody_listens() -> None:
    """A refused connection is worth another try."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with contextlib.closing(Transport(client(f"http://127.0.0.1:{port}/"))) as transport:
        asked = Request("GET", f"http://127.0.0.1:{port}/?key={SECRET}", {})
        with pytest.raises(PageRejected) as caught:
            body_of(transport, asked)
    assert str(caught.value) == "no connection: Connection refused"


def test_no_such_host() -> None:
    """A name that does not resolve is worth another try: name servers fail too."""
    with (
        contextlib.closing(Transport(client("http://nowhere.invalid/"))) as transport,
        pytest.raises(PageRejected) as caught,
    ):
        body_of(transport, Request("GET", f"http://nowhere.invalid/?key={SECRET}", {}))
    assert_readable(str(caught.value))
    assert str(caught.value).startswith("no connection: ")


def test_no_connection_in_time() -> None:
    """A host that does not answer at all is given up after timeout.connect."""
    with contextlib.ExitStack() as stack:
        # A listener whose backlog is full lets no further connection through.
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        settings = client(url, timeout={"connect": 0.2})
        transport = stack.enter_context(contextlib.closing(Transport(settings)))
        with pytest.raises(PageRejected) as caught:
            body_of(transport, Request("GET", f"{url}?key={SECRET}", {}))
    assert str(caught.value) == "no connection in time (timeout.connect)"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1/", {"X-Key": f"{SECRET}\n"}),
        ("http://127.0.0.1/", {"X-Key": f"{SECRET}\r\nHost: evil"}),
        ("http://127.0.0.1/", {"X-Key": f"{SECRET}€"}),
        ("http://127.0.0.1:0x50/?key=" + SECRET, {}),
        ("http://*.example/?key=" + SECRET, {}),
        (f"http://{'a' * 70}.example/?key={SECRET}", {}),
        (f"http:///?key={SECRET}", {}),
        (f"nothing?key={SECRET}", {}),
    ],
)
def test_requests_that_cannot_be_made(url: str, headers: dict[str, str]) -> None:
    """They are refused before anything is sent, and the text keeps the key to itself."""
    with (
        contextlib.closing(Transport(client("http://127.0.0.1/"))) as transport,
        pytest.raises(PageRefused) as caught,
    ):
        body_of(transport, Request("GET", url, headers))
    assert_readable(str(caught.value))


def test_the_libraries_log_nothing_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 would log URLs at DEBUG, and again as a warning where a header is malformed."""
    script: Steps = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nno colon here\r\nX: y\r\n\r\n" + BODY,
        CLOSE,
    ]
    with (
        caplog.at_level(logging.DEBUG),
        serving(script) as (server, transport),
        contextlib.suppress(PageRejected),
    ):
        body_of(transport, request(server, f"items?key={SECRET}"))
    assert SECRET not in caplog.text
    logging.getLogger("urllib3.connectionpool").warning("of somebody else")
    assert "of somebody else" in caplog.text


def test_a_response_says_what_it_is_made_of() -> None:
    """Codings without a header are none."""
    with serving(page(BODY)) as (server, transport), transport.open(request(server), watch()) as it:
        assert isinstance(it, Response)
        assert it.encodings == []
        assert b"".join(it.chunks()) == BODY
        with pytest.raises(PageRejected, match="read before"):
            list(it.chunks())
