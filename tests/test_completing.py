"""TAB: what a shell is told, in the way that it asks."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import ENVIRONMENT, ITEMS, Scripted, chain

_PROGRAM = "import sys; sys.argv = ['harvester']; from harvester.cli import main; main()"
TWO = (
    ITEMS
    + """
  - name: "users"
    path: users
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""
)


def asked(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What the program tells a shell that asks by these variables, in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=folder, env={**ENVIRONMENT, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


def bash(folder: Path, *words: str) -> list[str]:
    """What bash is told at the end of a line of these words, taken apart as it does."""
    return asked(
        folder,
        {
            "_HARVESTER_COMPLETE": "complete_bash",
            "COMP_WORDS": "\n".join(["harvester", *words]),
            "COMP_CWORD": str(len(words)),
        },
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two configurations, and a harvest of one of them in data/items."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "items.yaml").write_text(TWO)
    (folder / "configs").mkdir()
    (folder / "configs" / "other.yml").write_text("name: other\n")
    (folder / "configs" / "readme.txt").touch()
    (folder / "notes").mkdir()
    with Scripted(chain(1)) as server:
        subprocess.run(
            [sys.executable, "-m", "harvester", "run", "items.yaml", "--base-url", server.base_url,
             "--set", "resources.items.partitions.shard=['from:nasa', 'from:esa', 'two words']"],
            cwd=folder, env=ENVIRONMENT, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ve"], ["verify"]),
        (["run", ""], ["configs/", "data/", "items.yaml", "notes/"]),
        (["run", "it"], ["items.yaml"]),
        (["check", "con"], ["configs/other.yml"]),
        (["run", "items.yaml", "--resource", ""], ["items", "users"]),
        (["run", "items.yaml", "--resource", "u"], ["users"]),
        (["run", "--resource", ""], []),
        (["run", "missing.yaml", "--resource", ""], []),
        (["run", "items.yaml", "--progress", "p"], ["plain"]),
        (["status", ""], ["data/items"]),
        (["verify", "data/"], ["data/items"]),
        (["status", "no"], ["notes/"]),
        (["records", "data/items", "--resource", ""], ["items", "users"]),
        (["records", "data/items", "--partition", "s"],
         ["shard=from:esa", "shard=from:nasa", "shard=two\\ words"]),
        (["records", "data/items", "--partition", "shard", "=", "from", ":", "n"], ["nasa"]),
        (["records", "data/items", "--partition", "shard", "="],
         ["from:esa", "from:nasa", "two\\ words"]),
        (["records", "notes", "--partition", ""], []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bash(words: list[str], told: list[str], project: Path) -> None:
    """Commands, files, folders of harvests, resources, partitions; cut at `=` and `:` as bash
    has cut them, with blanks escaped.
    """
    assert sorted(bash(project, *words)) == told


def test_zsh_and_fish(project: Path) -> None:
    """They ask in ways of their own and get the same choices."""
    line = {"_TYPER_COMPLETE_ARGS": "harvester run items.yaml --resource "}
    assert '"users"' in "".join(asked(project, {"_HARVESTER_COMPLETE": "complete_zsh", **line}))
    action = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    fish = asked(project, {"_HARVESTER_COMPLETE": "complete_fish", **action, **line})
    assert fish == ["items", "users"]


def test_a_real_bash_completes(project: Path, tmp_path: Path) -> None:
    """The script that `--show-completion` prints, sourced by an interactive bash."""
    program = _PROGRAM.replace("sys.argv =", "sys.argv[:1] =")
    (tmp_path / "harvester").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" "$@"\n')
    (tmp_path / "harvester").chmod(0o755)
    script = """
        eval "$(harvester --show-completion bash)"
        COMP_WORDS=(harvester records data/items --partition shard = from : e)
        COMP_CWORD=8
        _harvester_completion harvester
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = {**ENVIRONMENT, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=project, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "esa\n", done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_answers_at_once(shell: str, project: Path) -> None:
    """Nothing heavy is imported, and half a second of the processor is plenty; the best of three.

    (An idle machine takes a fifth; this one may have others to serve.)
    """
    heavy = "{'requests', 'rich', 'ijson', 'yaml', 'tenacity', 'isal', 'harvester.config'}"
    code = (
        f"{_PROGRAM.partition(';')[0]}, time; sys.argv = ['harvester']\n"
        "from harvester.cli import main\n"
        "try: main()\n"
        f"finally: print([n for n in {heavy} if sys.modules.get(n)], time.process_time() < 0.5)"
    )
    line = "harvester records data/items --partition s"
    environment = {
        **ENVIRONMENT,
        "_HARVESTER_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": line.replace(" ", "\n"),
        "COMP_CWORD": "4",
    }
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "shard=from" in done.stdout
        if done.stdout.endswith("[] True\n"):
            return
    pytest.fail(done.stdout + done.stderr)
