"""Each task page of the documentation is followed, line by line, on a server on loopback.

Lines that begin with `harvester` run in this process, which saves a second each; others in a
shell. A comment `# exit code N` says which exit code a line is to have.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harvester.cli.app import app
from tests.support import Reply, Scripted

ROOT = Path(__file__).parents[2]
PAGES = ("backfill", "daily", "login", "tables", "debugging", "moving", "watching", "tutorial")
#: Lines that end only when they are told to, or install something; each has tests of its own.
_ELSEWHERE = re.compile(r"pip install|harvester (serve|watch) |--watch")
#: Commands that do the same within another program; the others write to the very descriptors.
_ALIKE = re.compile(r"harvester (check|plan|run|status|verify|export|report|init|examples) ")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"# exit code (\d)")
_ORIGINS = re.compile(r"https://api\.(example\.org|openalex\.org|twitter\.com)/")


def respond(path: str, parameters: Mapping[str, str]) -> Reply:
    """Two pages of whatever is asked for; tokens for who asks for one."""
    if path == "/device":
        return Reply(
            {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://a.example/",
             "expires_in": 60, "interval": 0.01}
        )  # fmt: skip
    if path == "/token":
        return Reply({"access_token": "secret-token-1", "token_type": "bearer", "expires_in": 3600,
                      "refresh_token": "secret-token-2"})  # fmt: skip
    last = parameters.get("next_token") or parameters.get("cursor", "*") != "*"
    key = "-".join(value for name, value in sorted(parameters.items()) if name not in _PAGING)
    first = 3 if last else 1
    data = [
        {"id": f"{key}-{n}", "lang": ["en", "de"][n % 2], "author": "a", "likes": str(n),
         "created_at": f"2026-11-0{n}T00:00:00Z"}
        for n in range(first, first + 2)
    ]  # fmt: skip
    following = None if last else "b2"
    meta = {"next_token": following, "next_cursor": following, "result_count": 2}
    return Reply({"data": data, "results": data, "meta": {k: v for k, v in meta.items() if v}})


_PAGING = ("next_token", "cursor")


def followed(page: str, base_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went wrong on a page whose blocks are worked off in the current folder."""
    wrong = []
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for kind, block in _BLOCK.findall(text):
        block = _ORIGINS.sub(base_url, block)
        if kind == "yaml":
            [name] = re.findall(r"^name: (\S+)$", block, re.MULTILINE)
            Path(f"{name}.yaml").write_text(block, encoding="utf-8")
        elif kind == "python":
            exec(compile(block, page, "exec"), {})  # the page's own
        elif kind == "bash":
            lines = [line for line in block.splitlines() if not _ELSEWHERE.search(line)]
            wrong += [told for line in lines if (told := _run(line, monkeypatch))]
    return wrong


def _run(line: str, monkeypatch: pytest.MonkeyPatch) -> str | None:
    wanted = int(found[1]) if (found := _CODE.search(line)) else 0
    if line.startswith("export "):
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value)
        return None
    if _ALIKE.match(line) and not re.search(r" [|>&] ", line):
        ended = CliRunner().invoke(app, shlex.split(line, comments=True)[1:])
        code = getattr(ended.exception, "exit_code", ended.exit_code)
        said = f"{ended.stderr}{ended.exception or ''}"
    else:
        shell: Any = subprocess.run(
            ["bash", "-euc", line], capture_output=True, text=True, timeout=60, check=False
        )
        code, said = shell.returncode, shell.stderr
    return None if code == wanted else f"{line}\nexit code {code}: {said[-800:]}"


@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_a_page_does_what_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing, in the order of the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with Scripted(respond) as server:
        wrong = followed(page, server.base_url, monkeypatch)
    assert not wrong, "\n".join(wrong)
