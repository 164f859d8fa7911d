"""A run again, and from elsewhere: since when it is complete, where the harvest is, wrong paths."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harvester import load_config
from harvester.store.manifest import beside
from tests.support import ENVIRONMENT, Reply, Scripted

YAML = """
version: 1
name: again
client: {base_url: "BASE"}
resources: [{name: items, path: items, data_selector: data}]
"""


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A run of the command line, in plain lines."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", "run", *map(str, arguments), "--progress", "plain"],
        cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def write(tmp_path: Path, server: Scripted) -> Path:
    """The YAML, in a file."""
    path = tmp_path / "again.yaml"
    path.write_text(YAML.replace("BASE", server.base_url))
    return path


def test_a_rerun_says_since_when(tmp_path: Path) -> None:
    """It asks for nothing, says since when all is complete, and how to harvest it anew. The first
    run says where, by the whole path.
    """
    with Scripted(lambda path, asked: Reply({"data": [1]})) as server:
        path = write(tmp_path, server)
        first, second = (run(path.name, cwd=tmp_path) for _ in range(2))
        assert len(server.asked) == 1
    assert f"into {tmp_path}/data/again" in first.stderr
    assert "redo" not in first.stderr
    assert second.returncode == 0
    assert re.search(r"complete since \d{4}-\d\d-\d\d \d\d:\d\d UTC", second.stderr)
    assert re.search(r"redo \S*data/again\s*$", second.stderr)


def test_a_harvest_beside_the_yaml(tmp_path: Path) -> None:
    """Run from elsewhere, the harvest that is there already is pointed out, with how to go on."""
    below = tmp_path / "be low"
    below.mkdir()
    with Scripted(lambda path, asked: Reply({"data": [1]})) as server:
        path = write(tmp_path, server)
        quiet = run(f"../{path.name}", "--max-pages", 1, cwd=below)
        assert "beside the YAML" not in quiet.stderr
        run(path.name, cwd=tmp_path)
        assert "beside the YAML" not in run(f"../{path.name}", cwd=below).stderr, "one is here too"
        elsewhere = tmp_path / "else"
        elsewhere.mkdir()
        told = run(f"../{path.name}", cwd=elsewhere)
    assert (
        f"note: a harvest of this name lies beside the YAML, in {tmp_path}/data/again"
        in told.stderr
    )
    assert f"--out {tmp_path}/data/again" in told.stderr


def test_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the folder is relative, and nothing is here yet."""
    (tmp_path / "data/again").mkdir(parents=True)
    (tmp_path / "data/again/harvest.json").write_text("{}")
    path = tmp_path / "again.yaml"
    path.write_text(YAML.replace("BASE", "http://127.0.0.1:1/"))
    monkeypatch.chdir("/")
    assert beside(load_config(path)) == tmp_path / "data/again"
    assert beside(load_config(path, set=[f"output.path={tmp_path}/data/again"])) is None
    monkeypatch.chdir(tmp_path)
    assert beside(load_config(path)) is None


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("a file", "a file: is not a folder"),
        ("a file/below", "a file/below: cannot be made: "),
        ("/proc/nowhere", "/proc/nowhere: cannot be made: No such file or directory"),
        ("x" * 300, "cannot be made: File name too long"),
    ],
)
def test_where_no_folder_can_be(tmp_path: Path, out: str, told: str) -> None:
    """A wrong path is wrong usage: exit code 2, and nothing is asked."""
    (tmp_path / "a file").write_text("")
    with Scripted(lambda path, asked: Reply({"data": [1]})) as server:
        done = run(write(tmp_path, server), "--out", out, cwd=tmp_path)
        assert server.asked == []
    assert done.returncode == 2
    assert told in done.stderr
    assert "--out" in done.stderr
