"""Faults of links and redirects, by the rows of the table: where a request may not go."""

import json
from pathlib import Path

import pytest

from tests.fault_server import (
    FaultServer,
    Request,
    Steps,
    page,
    self_signed,
    tls,
)
from tests.faults.one_bad_page import CONFIG, FIRST, SECOND, Site, lines, parts, run

LINKS = CONFIG.replace(
    "{type: cursor, cursor_path: next, cursor_param: cursor}",
    "{type: json_link, next_url_path: next}",
)

# --- Where requests go ---------------------------------------------------------------------------

KEYED = LINKS.replace(
    "  timeout:", "  auth: {type: api_key, name: X-Api-Key, value: k3y-of-mine}\n  timeout:"
)


def refused_link(tmp_path: Path, link: str, text: str, *changes: str, server: FaultServer) -> str:
    """Harvest where the first page's next link is `link`; give the error."""
    summary = run(tmp_path, server, *changes, text=text)
    assert summary.exit_code == 3
    assert len(server.requests) == 1
    assert "k3y-of-mine" not in str(summary.as_dict())
    # The page is sound, and kept; a rerun goes on from its link, once that is allowed.
    assert len(lines(tmp_path / "out")) == len(parts(tmp_path / "out")) == 1
    return summary.failures[0].error


def linked(link: str) -> bytes:
    """Make a first page that leads to a link."""
    return json.dumps({"items": [1], "next": link}).encode()


@pytest.mark.parametrize("allowed", ["[]", "[127.0.0.1]"])
@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:{other}/items", "http://localhost:{port}/items",
             "https://127.0.0.1:{port}/items", "http://127.0.0.2:{port}/items"],
)  # fmt: skip
def test_row_22_next_on_another_origin(tmp_path: Path, link: str, allowed: str) -> None:
    """Another port, host or scheme gets no request. An allowed host is so on its usual port."""
    site = Site()
    with FaultServer(lambda request: page(SECOND)) as other, FaultServer(site) as server:
        site.first = linked(link.format(other=other.port, port=server.port))
        changes = f"client.allowed_hosts={allowed}"
        error = refused_link(tmp_path, link, KEYED, changes, server=server)
        assert "nor in allowed_hosts" in error
        assert other.requests == []


@pytest.mark.parametrize("kind", ["header_link", "header_cursor", "an object"])
def test_row_22_however_the_link_is_said(tmp_path: Path, kind: str) -> None:
    """A Link header, the URL in a header of its own, and a whole request as STAC gives it."""
    paginators = {
        "header_link": "{type: header_link}",
        "header_cursor": "{type: header_cursor, cursor_header_name: X-Next}",
        "an object": "{type: json_link, next_url_path: next}",
    }
    with FaultServer(lambda request: page(SECOND)) as other:
        link = f"{other.url}items"
        found = {"href": link, "method": "GET"} if kind == "an object" else None
        body = json.dumps({"items": [1], "next": found}).encode()
        site = Site(lambda request: page(body, f'Link: <{link}>; rel="next"', f"X-Next: {link}"))
        site.requests.append(Request(0, b"", b""))  # so that also the first is answered so
        with FaultServer(site) as server:
            text = KEYED.replace("{type: json_link, next_url_path: next}", paginators[kind])
            assert "nor in allowed_hosts" in refused_link(tmp_path, link, text, server=server)
        assert other.requests == []


@pytest.mark.parametrize("allowed", ["[]", '["127.0.0.1:{port}"]'])
def test_row_22_next_down_to_http(tmp_path: Path, allowed: str) -> None:
    """From https nothing leads down to http, not even to an allowed host."""
    certificate = self_signed(tmp_path)
    site = Site()
    with (
        FaultServer(lambda request: page(SECOND)) as plain,
        FaultServer(site, tls(certificate)) as server,
    ):
        site.first = linked(plain.url + "items")
        refused_link(
            tmp_path, plain.url, KEYED, f"client.ca_bundle={certificate[0]}",
            f"client.allowed_hosts={allowed.format(port=plain.port)}", server=server,
        )  # fmt: skip
        assert plain.requests == []


def test_row_22_allowed_afterwards(tmp_path: Path) -> None:
    """Whoever trusts the host says so, and the same command goes on from there."""
    site = Site()
    with FaultServer(lambda request: page(SECOND)) as other, FaultServer(site) as server:
        site.first = linked(f"{other.url}items")
        refused_link(tmp_path, other.url, LINKS, server=server)
        allowed = f"client.allowed_hosts=['127.0.0.1:{other.port}']"
        assert run(tmp_path, server, allowed, text=LINKS).exit_code == 0
        assert len(server.requests) == len(other.requests) == 1
    assert parts(tmp_path / "out") == [site.first, SECOND]


def test_row_22_an_allowed_host_gets_no_credentials(tmp_path: Path) -> None:
    """A host that was allowed gets the request, and the key only if that was said too."""
    for credentials in ("false", "true"):
        site = Site()
        with FaultServer(lambda request: page(SECOND)) as other, FaultServer(site) as server:
            site.first = linked(f"{other.url}items?cursor=2")
            host = f"{{host: '127.0.0.1:{other.port}', credentials: {credentials}}}"
            changes = f"client.allowed_hosts=[{host}]"
            summary = run(tmp_path / credentials, server, changes, text=KEYED)
            assert summary.exit_code == 0
            assert ("x-api-key" in other.requests[0].headers) == (credentials == "true")


@pytest.mark.parametrize("status", ["302 Found", "301 Moved", "303 See Other", "307 Temporary",
                                    "308 Permanent"])  # fmt: skip
@pytest.mark.parametrize("there", ["http://127.0.0.1:{}/items", "//127.0.0.1:{}/items"])
def test_row_23_redirect_to_another_origin(tmp_path: Path, status: str, there: str) -> None:
    """A redirect elsewhere gets no request, so no X-Api-Key."""
    with FaultServer(lambda request: page(SECOND)) as other:
        location = there.format(other.port)
        site = Site(lambda request: page(b"", f"Location: {location}", status=status))
        with FaultServer(site) as server:
            text = KEYED.replace(LINKS.splitlines()[-1], CONFIG.splitlines()[-1])
            summary = run(tmp_path, server, text=text)
        assert summary.exit_code == 3
        assert "redirected to another origin" in summary.failures[0].error
        assert len(site.requests) == 2
        assert site.requests[1].headers["x-api-key"] == "k3y-of-mine"
        assert other.requests == []
    assert parts(tmp_path / "out") == [FIRST]


@pytest.mark.parametrize(
    "link",
    ["file:///etc/passwd", "http://me:pw@127.0.0.1:{port}/items", "//example.org/items",
     "http://127.0.0.1:{port}@example.org/", "ftp://127.0.0.1/", "javascript:alert(1)",
     "http://[::1", "http://127.0.0.1:99999/", "/a\nb",
     "http://127.0.0.1:{port}\\@example.org/", "/\\example.org/", "data:,x"],
)  # fmt: skip
def test_row_24_next_that_is_no_link(tmp_path: Path, link: str) -> None:
    """Another scheme, user information, a foreign `//host` and what is malformed are refused."""
    site = Site()
    with FaultServer(site) as server:
        site.first = linked(link.format(port=server.port))
        refused_link(tmp_path, link, KEYED, server=server)


@pytest.mark.parametrize("token", ["t0ken-of-mine", None])
def test_row_25_netrc_and_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    """Neither is heeded unless it is asked for: the configuration's credentials are sent, or none.

    HTTP_PROXY in capitals too: it is what a server's CGI environment may be made to hold.
    """
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    site = Site()
    with FaultServer(lambda request: page(SECOND)) as proxy, FaultServer(site) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        auth = f"client.auth={{type: bearer, token: {token}}}"
        assert run(tmp_path, server, *([auth] if token else [])).exit_code == 0
        assert proxy.requests == []
    sent = [request.headers.get("authorization") for request in site.requests]
    assert sent == [f"Bearer {token}" if token else None] * 2


def test_row_26_redirect_loop(tmp_path: Path) -> None:
    """Five redirects are followed, the sixth fails the page at once."""
    site = Site(lambda request: page(b"", f"Location: {request.target}", status="302 Found"))
    with FaultServer(site) as server:
        summary = run(tmp_path, server)
    assert summary.exit_code == 3
    assert "more than 5 redirects" in summary.failures[0].error
    assert len(site.requests) == 1 + 6
    assert parts(tmp_path / "out") == [FIRST]


@pytest.mark.parametrize("redirects", [1, 5])
def test_row_26_redirects_that_end(tmp_path: Path, redirects: int) -> None:
    """Up to five of them, within the origin, lead to the page."""
    left = [*range(redirects)]

    def answer(request: Request) -> Steps:
        if not left:
            return page(SECOND)
        return page(b"moved", f"Location: /moved?{left.pop()}", status="302 Found")

    with FaultServer(Site(answer)) as server:
        assert run(tmp_path, server).exit_code == 0
    assert parts(tmp_path / "out") == [FIRST, SECOND]
