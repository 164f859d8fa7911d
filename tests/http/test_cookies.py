"""Cookies of a session: back to who set them, and nowhere else."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, iter_records
from harvester.http.cookies import Cookies
from harvester.security.origins import origin_of
from harvester.security.redaction import Secrets
from tests.api_server import Answer, ApiServer, Asked
from tests.support import config

API = "http://api.example/v1/items"
NOW = 1_700_000_000.0


def jar(*lines: str, url: str = API) -> Cookies:
    """Cookies of an API that has set these."""
    cookies = Cookies([origin_of(API)], lambda value: None, lambda: NOW)
    cookies.take(url, lines)
    return cookies


def sent(cookies: Cookies, url: str = API, headers: Mapping[str, str] | None = None) -> str | None:
    """The header that goes with a request."""
    return cookies.sent_to(url, headers or {}).get("Cookie")


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("sid=abc; Path=/; HttpOnly", "sid=abc"),
        ('sid="a b="; Secure; SameSite=None', 'sid="a b="'),
        ("sid=abc; Max-Age=60", "sid=abc"),
        ("sid=abc; Max-Age=soon", "sid=abc"),
        ("sid=abc; Expires=Wed, 01-Jan-2098 00:00:00 GMT", "sid=abc"),
        ("sid=abc; Expires=never", "sid=abc"),
        ("sid=; Path=/", "sid="),
        ("sid=abc; Max-Age=0", None),
        ("sid=abc; Max-Age=-1; Expires=Wed, 01 Jan 2098 00:00:00 GMT", None),
        ("sid=abc; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("sid=abc; Path=/v2", None),
        ("=abc", None),
        ("sid", None),
        ("sid=a\r\nX-Evil: 1", None),
        ("sid=" + "x" * 5000, None),
    ],
)
def test_what_is_sent_back(line: str, header: str | None) -> None:
    """As RFC 6265 has it."""
    assert sent(jar(line)) == header


def test_only_to_its_own_origin() -> None:
    """Another port, scheme, host or sub-domain is another; so is who may not set any."""
    cookies = jar("sid=abc; Path=/; Domain=example")
    assert sent(cookies, "http://api.example/other") == "sid=abc"
    for url in ("https://api.example/", "http://api.example:81/", "http://example/",
                "http://x.api.example/"):  # fmt: skip
        assert sent(cookies, url) is None
    other = "http://other.example/"
    assert sent(jar("sid=abc; Path=/", url=other), other) is None


def test_paths_and_what_the_yaml_sends() -> None:
    """The longest path first; a cookie of the YAML's own goes too, unless the server set it."""
    cookies = jar("a=1; Path=/", "b=2", "c=3; Path=/v")
    headers = {"cookie": "mine=x; a=old"}
    assert sent(cookies, API, headers) == "mine=x; b=2; a=1"
    assert sent(cookies, "http://api.example/") == "a=1"
    assert headers == {"cookie": "mine=x; a=old"}


def test_a_cookie_is_replaced_and_taken_back() -> None:
    """The last word counts; what is too many is forgotten, the oldest first."""
    cookies = jar("a=1; Path=/", "a=2; Path=/", "b=1; Path=/", "b=; Path=/; Max-Age=0")
    assert sent(cookies) == "a=2"
    cookies.take(API, [f"n{number}=x; Path=/" for number in range(60)])
    assert len((sent(cookies) or "").split("; ")) == 50


def test_values_are_redacted() -> None:
    """In what people see; a cursor that echoes one must come back as it is."""
    secrets = Secrets({})
    cookies = Cookies([origin_of(API)], secrets.hide)
    cookies.take(API, ["sid=1234567890; Path=/", "lang=en; Path=/"])
    assert secrets.redact("no session 1234567890 (en)") == "no session *** (en)"
    assert secrets.conceal("/items;jsessionid=1234567890") == "/items;jsessionid=1234567890"


HARVEST = """
version: 1
name: items
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 2, max_wait: 0.01}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a, b]}
    data_selector: items
    paginator: {type: page_number}
"""


class Sessions:
    """A server that knows how far its reader is by a cookie only."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self.lock = threading.Lock()

    def __call__(self, asked: Asked) -> Answer:
        """The next page of the session, or the first of a new one."""
        name = asked.headers.get("cookie", "").removeprefix("sid=")
        with self.lock:
            headers = {}
            if name not in self.places:
                name = f"session-{len(self.places):08}"
                headers["Set-Cookie"] = f"sid={name}; Path=/; HttpOnly"
            at = self.places[name] = self.places.get(name, -1) + 1
        shard = asked.params["shard"]
        found = [{"id": f"{shard}{at * 5 + item}"} for item in range(5)] if at < 4 else []
        return Answer({"items": found}, headers=headers)


def run(tmp_path: Path, *changes: str) -> tuple[Any, list[str], bytes]:
    """A run, the ids that were kept, and all that was written."""
    with ApiServer(Sessions()) as api:
        asked = config(tmp_path, HARVEST, f"{api.origin}/", *changes)
        summary = harvest(asked, out=tmp_path / "out")
    ids = [json.loads(record)["id"] for record in iter_records(tmp_path / "out")]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    return summary, ids, b"".join(path.read_bytes() for path in files)


def test_row_62_a_place_that_a_session_keeps(tmp_path: Path) -> None:
    """Without cookies page 1 comes for ever: fails at the second, and says what to do."""
    summary, ids, _ = run(tmp_path)
    assert summary.exit_code == 3
    assert all("add `cookies: session` to client" in each.error for each in summary.failures)
    assert len(ids) == 10


def test_row_62_with_cookies(tmp_path: Path) -> None:
    """Each partition has a session of its own, and no file has a cookie."""
    summary, ids, written = run(tmp_path, "client.cookies=session")
    assert summary.exit_code == 0
    assert ids == [f"{shard}{number}" for shard in "ab" for number in range(20)]
    assert b"session-0000" not in written
