"""`harvester login` against a real authorization server, with a real browser."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester import harvest, iter_records, load_config
from tests.support import write_config

pytest.importorskip("authlib")
pytest.importorskip("flask")

from tests.oauth_server import OAuthServer

CHROMIUM = shutil.which("chromium")
BASE = """
version: 1
name: mail
client:
  base_url: "%s"
  retry: {attempts: 2, max_wait: 0}
  auth:
    type: %s
    access_token_url: "%s/token"
    client_id: the-client
    scope: read
    token_file: login.json
    %s
resources:
  - {name: items, path: items, data_selector: items, paginator: {type: page_number}}
"""


BEGUN: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Authlib refuses http:// unless told; and no command outlives its test."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    yield
    for process in BEGUN:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    BEGUN.clear()


def by_code(folder: Path, server: OAuthServer) -> Path:
    """The YAML of a login in a browser."""
    further = f'authorization_url: "{server.origin}/authorize?prompt=consent"'
    text = BASE % (server.origin, "oauth2_authorization_code", server.origin, further)
    return write_config(folder, text)


def by_device(folder: Path, server: OAuthServer) -> Path:
    """The YAML of a login by a code."""
    further = f'device_authorization_url: "{server.origin}/device"'
    text = BASE % (server.origin, "oauth2_device_code", server.origin, further)
    return write_config(folder, text)


def login(path: Path, *options: str, **env: str) -> subprocess.Popen[str]:
    """The command, running."""
    command = [sys.executable, "-m", "harvester", "login", str(path), "--timeout", "25", *options]
    environ = {**os.environ, **env}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ)
    BEGUN.append(process)
    return process


def shown(process: subprocess.Popen[str], pattern: str) -> str:
    """What the command says on a line of its own."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"the command never said {pattern}")


def visit(url: str, data: bytes | None = None) -> tuple[int, str]:
    """A browser that runs no script."""
    try:
        with urllib.request.urlopen(url, data, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def harvested(path: Path, folder: Path) -> None:
    """A run with the login, whose tokens expire on the way."""
    summary = harvest(load_config(path), out=folder / "out")
    assert summary.complete, summary.failures
    assert [json.loads(one)["id"] for one in iter_records(folder / "out")] == [1, 2, 3]
    for file in (folder / "out").rglob("*"):
        assert file.is_dir() or b"s3cret" not in file.read_bytes()


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_person_logs_in_with_a_browser(tmp_path: Path) -> None:
    """Chromium opens the page, agrees, and comes back; the runs after it refresh their tokens."""
    profile = tmp_path / "profile"
    browser = (
        f"{CHROMIUM} --headless --no-sandbox --disable-gpu --user-data-dir={profile} "
        "--virtual-time-budget=20000 --dump-dom %s &"
    )
    with OAuthServer() as server:
        path = by_code(tmp_path, server)
        process = login(path, "--timeout", "90", BROWSER=browser)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        kept = tmp_path / "login.json"
        assert f"It is kept in {kept}" in said
        assert "s3cret" not in said
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert server.asked == ["authorization_code"]
        harvested(path, tmp_path)
        harvest(load_config(path), out=tmp_path / "again")
        assert server.asked == ["authorization_code", "refresh_token", "refresh_token"]


def test_only_the_browser_that_was_sent_ends_a_login(tmp_path: Path) -> None:
    """Another state, another path, or no state are answered with 404, and change nothing."""
    with OAuthServer() as server:
        process = login(by_code(tmp_path, server), "--no-browser")
        page = shown(process, r"^  (http\S+)$")
        assert "code_challenge_method=S256" in page
        assert "prompt=consent" in page
        back = re.search(r"redirect_uri=([^&]+)", page)
        assert back
        address = urllib.request.unquote(back[1])  # type: ignore[attr-defined]
        for wrong in ("?code=a&state=b", "?code=a", "favicon.ico", "?error=access_denied"):
            assert visit(address + wrong)[0] == 404
        status, text = visit(page, b"agree=1")
        assert (status, "has come back" in text) == (200, True)
        assert process.wait(30) == 0
        harvested(tmp_path / "config.yaml", tmp_path)


def test_who_does_not_agree_is_not_logged_in(tmp_path: Path) -> None:
    """The server's word ends the command with exit code 3, and nothing is kept."""
    with OAuthServer(denies=True) as server:
        process = login(by_code(tmp_path, server), "--no-browser")
        visit(shown(process, r"^  (http\S+)$"), b"agree=1")
        assert "access_denied" in shown(process, "(not logged in.*)")
        assert process.wait(30) == 3
        process = login(by_device(tmp_path, server))
        assert "access_denied" in shown(process, "(not logged in.*)")
        assert process.wait(30) == 3
    assert not (tmp_path / "login.json").exists()


def test_a_code_is_typed_in_elsewhere(tmp_path: Path) -> None:
    """The device flow: the endpoint is asked until somebody has agreed."""
    with OAuthServer() as server:
        path = by_device(tmp_path, server)
        process = login(path)
        code = shown(process, r"The code is (\S+)")
        threading.Timer(1.5, server.agreed.add, [code]).start()
        assert process.wait(30) == 0
        assert len(server.asked) >= 2
        harvested(path, tmp_path)


def test_a_login_without_refresh_token_lasts_as_long_as_its_token(tmp_path: Path) -> None:
    """Then a run says to log in again."""
    with OAuthServer(refreshes=False, expires_in=4) as server:
        path = by_device(tmp_path, server)
        process = login(path)
        server.agreed.add(shown(process, r"The code is (\S+)"))
        assert process.wait(30) == 0
        ends = time.time() + 4
        harvested(path, tmp_path)
        time.sleep(max(0, ends - time.time()))
        summary = harvest(load_config(path), out=tmp_path / "later")
    assert "harvester login" in summary.failures[0].error
    assert "s3cret" not in str(summary.failures)


def test_before_any_login_a_run_says_so(tmp_path: Path) -> None:
    """And asks the API nothing."""
    with OAuthServer() as server:
        summary = harvest(load_config(by_code(tmp_path, server)), out=tmp_path / "out")
        assert "nobody has logged in yet" in summary.failures[0].error
        assert server.asked == []


def test_nobody_comes(tmp_path: Path) -> None:
    """The command gives up, resumable by hand."""
    with OAuthServer() as server:
        process = login(by_code(tmp_path, server), "--no-browser", "--timeout", "1")
        assert process.wait(30) == 130


def test_other_ways_in_need_no_login(tmp_path: Path) -> None:
    """Said with exit code 2."""
    path = write_config(
        tmp_path,
        "{version: 1, name: a, client: {base_url: 'http://127.0.0.1/', auth: {type: bearer, "
        "token: x}}, resources: [{name: a}]}",
    )
    process = login(path)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "bearer needs no login" in said
