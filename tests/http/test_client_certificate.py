"""A client's own certificate: shown to the API, to nobody else, and checked beforehand."""

import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, load_config
from harvester.errors import ConfigError
from tests.support import write_config

trustme = pytest.importorskip("trustme")

YAML = """
version: 1
name: items
client:
  base_url: "%s"
  ca_bundle: %s
  allowed_hosts: [%s]
  retry: {attempts: 1, max_wait: 0}
%s
resources: [{name: items, path: items, data_selector: data, paginator: {type: json_link}}]
"""


class Asks(BaseHTTPRequestHandler):
    """Answers with a link to the next server, and remembers whose certificate was shown."""

    def do_GET(self) -> None:
        """One record."""
        server: Any = self.server
        server.shown.append(self.connection.getpeercert())
        body = b'{"data": [%d], "next": "%s"}' % (
            server.server_port,
            server.following.encode(),
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing."""


@pytest.fixture
def authority() -> Any:
    """Of servers and clients."""
    return trustme.CA()


def serving(authority: Any, need: ssl.VerifyMode) -> Iterator[Any]:
    """A server that asks for a certificate."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Asks)
    server.handle_error = lambda *ignored: None
    server.shown, server.following = [], ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = need
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(authority: Any) -> Iterator[Any]:
    """Lets nobody in without one."""
    yield from serving(authority, ssl.CERT_REQUIRED)


@pytest.fixture
def other(authority: Any) -> Iterator[Any]:
    """Would take one."""
    yield from serving(authority, ssl.CERT_OPTIONAL)


def written(folder: Path, authority: Any, api: Any, keys: str, allowed: str = "") -> Path:
    """The YAML."""
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    url = f"https://127.0.0.1:{api.server_port}/"
    return write_config(folder, YAML % (url, bundle, allowed, keys))


def test_it_is_shown_to_the_api_only(tmp_path: Path, authority: Any, api: Any, other: Any) -> None:
    """A host that is allowed, and gets no credentials, does not see it."""
    certificate = authority.issue_cert("client@example.org")
    both, cert, key = tmp_path / "both.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(both)
    certificate.cert_chain_pems[0].write_to_path(cert)
    certificate.private_key_pem.write_to_path(key)
    host = f"127.0.0.1:{other.server_port}"
    api.following = f"https://{host}/items"
    for number, keys in enumerate(
        (f"  client_certificate: {both}", f"  client_certificate: {cert}\n  client_key: {key}")
    ):
        path = written(tmp_path, authority, api, keys, f'"{host}"')
        summary = harvest(load_config(path), out=tmp_path / f"out{number}")
        assert summary.complete, summary.failures
    assert [bool(each) for each in api.shown] == [True, True]
    assert [bool(each) for each in other.shown] == [False, False]


def test_without_it_nobody_is_let_in(tmp_path: Path, authority: Any, api: Any) -> None:
    """And that is said."""
    summary = harvest(load_config(written(tmp_path, authority, api, "")), out=tmp_path / "out")
    assert summary.exit_code == 3
    # The server's alert may come too late to be read: then the connection has only ended.
    assert re.search("client_certificate|no connection", summary.failures[0].error)


def test_what_is_no_certificate_is_said_before(tmp_path: Path, authority: Any, api: Any) -> None:
    """With the file; nothing is sent."""
    one, two = authority.issue_cert("a@example.org"), authority.issue_cert("b@example.org")
    cert, key, none = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "none.pem"
    one.cert_chain_pems[0].write_to_path(cert)
    two.private_key_pem.write_to_path(key)
    none.write_text("nothing")
    for keys, told in (
        (f"  client_certificate: {cert}", "no certificate in PEM form with its private key"),
        (f"  client_certificate: {cert}\n  client_key: {key}", "that of another certificate"),
        (f"  client_certificate: {none}", "no certificate in PEM form"),
        (f"  client_certificate: {tmp_path / 'gone.pem'}", "gone.pem: No such file"),
    ):
        config = load_config(written(tmp_path, authority, api, keys))
        summary = harvest(config, out=tmp_path / "out")
        assert summary.exit_code == 2
        assert told in str(summary.ended_by)
    assert api.shown == []
    with pytest.raises(ConfigError, match="needs client_certificate"):
        load_config(written(tmp_path, authority, api, f"  client_key: {key}"))
