"""All there is in the first run and, from then on, what changes, at another endpoint; and a login
that wants HTTP Basic itself: harvested from a server, killed once, and run again later.
"""

import base64
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from harvester import status
from tests.api_server import Answer, ApiServer, Asked
from tests.killed_once import harvested, run

YAML = """
version: 1
name: items
client:
  base_url: BASE
  auth:
    type: session_token
    login: {path: login, json: {}}
    token_path: token
    username: "{env.LOGIN_USER}"
    password: "{env.LOGIN_PASSWORD}"
resources:
  - name: items
    path: items
    params: {from: "{window.start:epoch}", to: "{window.end:epoch}"}
    partitions: {window: {start: 2021-01-01, end: first_run, open: true, step: 365d}}
    data_selector: data
    paginator: {type: page_number}
  - name: changes
    path: changes
    params: {from: "{window.start:epoch}", to: "{window.end:epoch}"}
    partitions: {window: {start: first_run, end: now, open: true}}
    data_selector: data
    paginator: {type: page_number}
"""
ENV = {"LOGIN_USER": "harvest", "LOGIN_PASSWORD": "correct horse"}


def answer(asked: Asked) -> Answer:
    """A login by HTTP Basic; two pages of each window."""
    if asked.path == "/login":
        pair = base64.b64encode(b"harvest:correct horse").decode()
        assert asked.headers["authorization"] == f"Basic {pair}"
        return Answer({"token": "t" * 20})
    assert asked.headers["authorization"] == f"Bearer {'t' * 20}"
    page = int(asked.params["page"])
    return Answer({"data": [{**asked.params, "path": asked.path}] if page < 3 else []})


def test_changes_begin_where_the_first_run_was_killed_once(tmp_path: Path) -> None:
    """The first run asks for no changes; a later one for nothing but them, and without a gap."""
    found = harvested(tmp_path, YAML, answer, kill_at=4, env=ENV)
    first = [(int(one["from"]), int(one["to"])) for one in found.of("items")]
    assert found.of("changes") == [] or found.of("changes")[0]["path"] == "/changes"
    assert min(first)[0] == datetime(2021, 1, 1, tzinfo=UTC).timestamp()
    ends = max(end for _, end in first)
    assert abs(ends - datetime.now(UTC).timestamp()) < 120
    time.sleep(3.1)  # a window ends two seconds before now, on a whole second
    with ApiServer(answer) as server:
        text = YAML.replace("BASE", server.origin)
        path = tmp_path / "harvest.yaml"
        path.write_text(text, encoding="utf-8")
        again = run(path, found.out, ENV)
        said, _ = again.communicate(timeout=60)
        assert again.returncode == 0, said
    changes = sorted({(int(one["from"]), int(one["to"])) for one in found.of("changes")})
    items = sorted({(int(one["from"]), int(one["to"])) for one in found.of("items")})
    spans = [*items, *changes]
    assert changes
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert status(found.out).complete
    assert "correct horse" not in (found.out / "harvest.json").read_text()
