"""Faults of answers, by the rows of the table: waits, errors in a 200, methods, connections."""

import json
import time
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from harvester import harvest, verify
from harvester.engine.events import AttemptLost, Event, PageCommitted
from harvester.results.summary import Summary
from tests.fault_server import (
    CLOSE,
    RESET,
    FaultServer,
    Request,
    Steps,
    head,
    page,
)
from tests.faults.one_bad_page import (
    CONFIG,
    FIRST,
    LONG,
    SECOND,
    Site,
    failed,
    leftovers,
    lines,
    parts,
    run,
)
from tests.support import config

# --- How long to wait ----------------------------------------------------------------------------


class Waits:
    """Answers the first request for each path with a 429 and the headers given for it, and any
    further one with a page. `asked` has the moments of the requests.
    """

    def __init__(self, headers: Mapping[str, Sequence[str]]) -> None:
        self.headers = headers
        self.asked: dict[str, list[float]] = {name: [] for name in headers}

    def __call__(self, request: Request) -> Steps:
        """Answer a request."""
        name = request.target.removeprefix("/")
        self.asked[name].append(time.monotonic())
        if len(self.asked[name]) > 1:
            return page(SECOND)
        return page(b"{}", *self.headers[name], status="429 Too Many Requests")

    def waited(self, name: str) -> float:
        """The time between the first and the second request."""
        first, second = self.asked[name]
        return second - first

    def run(self, tmp_path: Path, server: FaultServer) -> Summary:
        """Harvest all of them at once, as a resource each: a wait holds back its resource."""
        resources = "".join(
            f"  - {{name: {name}, path: {name}, data_selector: items}}\n" for name in self.headers
        )
        text = CONFIG[: CONFIG.index("  - name: items")] + resources
        text = text.replace("max_wait: 0}", "max_wait: 10s, deadline: 1m}")
        asked = config(tmp_path, text, server.url)
        return harvest(asked, out=tmp_path / "out", concurrency=len(self.headers))


def test_row_27_retry_after(tmp_path: Path) -> None:
    """Seconds and dates are waited for; what is neither leaves it to the backoff of 0.5 to 1 s.

    A date is taken against the server's own clock, which is a year behind here; one that is past
    asks for nothing. A wait beyond the deadline ends the partition at once, and it goes on later.
    """
    then = time.time() - 365 * 86400
    waits = Waits(
        {
            "seconds": ["Retry-After: 2"],
            "date": [f"Date: {formatdate(then, usegmt=True)}",
                     f"Retry-After: {formatdate(then + 2, usegmt=True)}"],
            "past": [f"Retry-After: {formatdate(then, usegmt=True)}"],
            "soon": ["Retry-After: soon"],
            "negative": ["Retry-After: -5"],
            "forever": ["Retry-After: 1e12"],
            "forever_long": ["Retry-After: 1000000000000"],
        }
    )  # fmt: skip
    with FaultServer(waits) as server:
        summary = waits.run(tmp_path, server)
        assert summary.exit_code == 3
        assert {failure.resource for failure in summary.failures} == {"forever", "forever_long"}
        assert all("asks to wait" in failure.error for failure in summary.failures)
        assert [len(waits.asked[name]) for name in ("forever", "forever_long")] == [1, 1]
        assert waits.run(tmp_path, server).exit_code == 0
    for name in ("seconds", "date"):
        assert 2 <= waits.waited(name) < 2.5, name
    for name in ("past", "soon", "negative"):
        assert 0.5 <= waits.waited(name) < 1.5, name
    assert verify(tmp_path / "out", deep=True).parts == 7


def test_row_28_reset(tmp_path: Path) -> None:
    """A reset as epoch seconds, milliseconds or seconds from now is the same wait, whatever the
    server's clock says.
    """
    resets: dict[str, Sequence[str]] = {}
    for clock, skew in (("right", 0), ("behind", -3600), ("ahead", 3600)):
        now = int(time.time()) + skew
        date = f"Date: {formatdate(now, usegmt=True)}"
        for form, reset in (("epoch", now + 2), ("delta", 2), ("ms", (now + 2) * 1000)):
            resets[f"{clock}_{form}"] = [
                date, "X-Rate-Limit-Remaining: 0", f"X-Rate-Limit-Reset: {reset}",
            ]  # fmt: skip
    waits = Waits(resets)
    with FaultServer(waits) as server:
        assert waits.run(tmp_path, server).exit_code == 0
    for name in resets:
        assert 2 <= waits.waited(name) < 3, name


# --- What an answer means ------------------------------------------------------------------------


def ruled(*rules: str) -> str:
    """Make a configuration with response_actions."""
    return CONFIG + "    response_actions:\n" + "".join(f"      - {rule}\n" for rule in rules)


@pytest.mark.parametrize(
    ("rule", "body", "tries", "exit_code"),
    [
        ("{when: {path: error.code, equals: 9}, action: retry}", b'{"error": {"code": 9}}', 3, 3),
        ("{when: {path: ok, equals: false}, action: fail}", b'{"ok": false, "items": []}', 1, 3),
        ("{when: {path: ok, equals: false}, action: stop}", b'{"ok": false, "items": []}', 1, 4),
        ("{when: {path: items, exists: false}, action: fail}", b'{"ok": false}', 1, 3),
    ],
)  # fmt: skip
def test_row_29_a_200_that_says_error(
    tmp_path: Path, rule: str, body: bytes, tries: int, exit_code: int
) -> None:
    """A rule sees into a 200, and what it stands against is not committed."""
    site = Site(lambda request: page(body))
    with FaultServer(site) as server:
        summary = run(tmp_path, server, text=ruled(rule))
    assert summary.exit_code == exit_code
    assert len(site.requests) == 1 + tries
    assert parts(tmp_path / "out") == [FIRST]
    assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("script", "told", "tries"),
    [
        pytest.param(
            page(b'{"ok": false}'), "no 'items' \\(resources\\[0\\].data_selector\\)", 2,
            id="ok false",
        ),
        pytest.param(
            page(b"<!DOCTYPE html><p>Log in", "Content-Type: text/html"), "text/html", 1, id="HTML"
        ),
        pytest.param([head(status="204 No Content")], "204 No Content", 1, id="204"),
        pytest.param([head(status="304 Not Modified")], "304 Not Modified", 1, id="304"),
        pytest.param(page(b"", status="202 Accepted"), "202 Accepted", 3, id="202"),
        pytest.param(page(b"{}", status="500 Oops"), "500 Internal", 3, id="500"),
        pytest.param(page(b'{"e": "no"}', status="404 Not Found"), "404 Not Found", 1, id="404"),
        pytest.param(
            page(b"\x0b\x02", "Content-Encoding: br", status="503 Busy"), "503", 3, id="503 in br"
        ),
    ],
)  # fmt: skip
def test_row_29_what_is_no_page(tmp_path: Path, script: Steps, told: str, tries: int) -> None:
    """Without a rule too: no page is kept, and HTTP's own sense says whether to try again."""
    failed(tmp_path, script, told, tries=tries)


def test_row_29_a_cut_page_is_not_taken_for_an_error(tmp_path: Path) -> None:
    """What has not arrived is not absent: no rule may end a partition on half a page."""
    whole = b'{"status": 1, "items": [1, 2, 3], "next": null}'
    answers: list[Steps] = [
        [head(f"Content-Length: {len(whole)}") + whole[:12], CLOSE],
        page(b"<html>down for maintenance</html>"),
        [head("Content-Length: 100", status="403 Forbidden") + b'{"error": ', CLOSE],
        page(whole),
    ]
    site = Site(lambda request: answers.pop(0))
    rules = ruled(
        "{when: {path: items, exists: false}, action: ignore}",
        "{status: 403, when: {path: error, equals: busy}, action: retry}",
        "{status: 403, action: ignore}",
    ).replace("attempts: 3", "attempts: 4")
    with FaultServer(site) as server:
        summary = run(tmp_path, server, text=rules)
    assert summary.exit_code == 0
    assert parts(tmp_path / "out") == [FIRST, whole]


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_row_30_not_allowed(tmp_path: Path, status: str) -> None:
    """Another try would be no better, so there is none; the server's reason is told."""
    script = page(b'{"message": "token expired"}', status=status)
    failed(tmp_path, script, f"{status}.*token expired", tries=1)


RENEWABLE = CONFIG.replace(
    "  timeout:",
    "  auth: {type: session_token, login: {path: /login, json: {user: ann}}, token_path: token}\n"
    "  timeout:",
)


@pytest.mark.parametrize(
    ("status", "rule"),
    [("401 Unauthorized", ""), ("403 Forbidden", "{status: 403, action: reauth}")],
)
@pytest.mark.parametrize("forever", [False, True])
def test_row_30_reauth(tmp_path: Path, status: str, rule: str, forever: bool) -> None:
    """Where the auth can refresh, a refused token is replaced and the page asked for again; where
    new ones are refused too, that is the end.
    """
    tokens: list[str] = []
    pages: list[tuple[str, str]] = []

    def answer(request: Request) -> Steps:
        if request.target == "/login":
            tokens.append(f"t0ken-{len(tokens)}")
            return page(b'{"token": "%b"}' % tokens[-1].encode())
        pages.append((request.target, request.headers["authorization"]))
        if "cursor" not in request.target:
            return page(FIRST)
        if forever or len(tokens) < 2:
            return page(b'{"error": "no longer"}', status=status)
        return page(SECOND)

    out = tmp_path / "out"
    with FaultServer(answer) as server:
        rules = f"    response_actions: [{rule}]\n" if rule else ""
        summary = run(tmp_path, server, text=RENEWABLE + rules)
    assert pages[0] == ("/items", "Bearer t0ken-0")
    asked = [("/items?cursor=c2", f"Bearer {token}") for token in tokens]
    assert pages[1:] == asked
    if forever:
        assert summary.exit_code == 3
        assert "no longer" in summary.failures[0].error
        assert len(tokens) <= 5
        assert (parts(out), len(lines(out))) == ([FIRST], 1)
    else:
        assert summary.exit_code == 0
        assert len(tokens) == 2
        assert parts(out) == [FIRST, SECOND]
    assert leftovers(out) == []


POST = """
version: 1
name: faults
client:
  base_url: http://127.0.0.1:1/
  retry: {attempts: 3, max_wait: 0}
resources:
  - name: items
    path: items
    method: POST
    idempotent: false
    json: {q: 1}
    data_selector: items
    paginator: {type: cursor, cursor_path: next, cursor_body_path: cursor}
"""


@pytest.mark.parametrize("end", [RESET, CLOSE])
@pytest.mark.parametrize("begun", [b"", head(LONG) + SECOND[:50]], ids=["at once", "in the body"])
@pytest.mark.parametrize("pages", [0, 1])
@pytest.mark.parametrize("idempotent", [False, True])
def test_row_36_post(tmp_path: Path, end: Any, begun: bytes, pages: int, idempotent: bool) -> None:
    """A POST that may do something twice is not sent again, on a fresh or on a kept connection.

    The partition fails, with what it has kept; a rerun begins it anew, for the server has moved on.
    """
    scripts: list[Steps] = [*[page(FIRST)] * pages, [begun, end], page(FIRST), page(SECOND)]
    if idempotent and pages:
        del scripts[2]
    seen: list[Any] = []

    def answer(request: Request) -> Steps:
        seen.append(json.loads(request.body))
        return scripts.pop(0)

    out = tmp_path / "out"
    with FaultServer(answer) as server:
        text = POST.replace("idempotent: false", f"idempotent: {str(idempotent).lower()}")
        summary = run(tmp_path, server, text=text)
        first, later = {"q": 1}, {"q": 1, "cursor": "c2"}
        if idempotent:
            assert summary.exit_code == 0
            assert seen == ([first, later, later] if pages else [first, first, later])
            return
        assert summary.exit_code == 3
        assert "not asked again (idempotent: false): run again" in summary.failures[0].error
        assert seen == ([first, later] if pages else [first])
        assert len(lines(out)) == pages
        assert parts(out) == [FIRST] * pages
        assert leftovers(out) == []
        assert run(tmp_path, server, text=text).exit_code == 0
    assert seen[pages + 1 :] == [first, later]
    assert parts(out) == [FIRST] * pages + [FIRST, SECOND]
    assert [line.get("reason") for line in lines(out)] == [
        *[None, "restarted"][: 2 * pages], None, "no_next_cursor",
    ]  # fmt: skip


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_row_43_closed_while_idle(tmp_path: Path, end: Any) -> None:
    """The server has closed before we ask: the request never reaches it on that connection."""
    site = Site(lambda request: page(SECOND))
    lost: list[Event] = []

    def closing(request: Request) -> Steps:
        return [*site(request), end] if not site.requests else site(request)

    def watch(event: Event) -> None:
        if isinstance(event, PageCommitted):
            time.sleep(0.05)  # so that the server's end has come
        lost.extend([event] if isinstance(event, AttemptLost) else [])

    with FaultServer(closing) as server:
        summary = run(tmp_path, server, events=watch)
        assert server.connections == 2
    assert summary.exit_code == 0
    assert lost == []
    assert [line["attempts"] for line in lines(tmp_path / "out")] == [1, 1]
    assert [request.connection for request in site.requests] == [0, 1]


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_row_43_stale_connection(tmp_path: Path, end: Any) -> None:
    """A kept connection that the server has given up costs one transparent try."""
    left: list[Steps] = [[end], page(SECOND)]
    site = Site(lambda request: left.pop(0))
    lost: list[Event] = []
    with FaultServer(site) as server:
        summary = run(
            tmp_path, server, events=lambda event: lost.append(event)
            if isinstance(event, AttemptLost) else None,
        )  # fmt: skip
        assert server.connections == 2
    assert summary.exit_code == 0
    assert lost == []
    assert [line["attempts"] for line in lines(tmp_path / "out")] == [1, 1]
    assert [request.connection for request in site.requests] == [0, 0, 1]
