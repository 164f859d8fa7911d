"""TAB: what a shell is told, in the way that it asks."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import ENVIRONMENT, ITEMS, Reply, Scripted, chain

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
    zsh = asked(project, {"_HARVESTER_COMPLETE": "complete_zsh", **line})
    assert zsh == ["compadd -- $'items' $'users'"]
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


#: What a server may have written, by the letter that begins it.
HOSTILE = [
    "a$(touch RAN)", "b\\$(touch RAN)", "c`touch RAN`", 'd";touch RAN;"', "e';touch RAN;'",
    "f:$(touch RAN):x", "g*[x]?{1,2}", "h & | < > # !x ~ ^", "i\\", "j'\"$HOME\"'", "ké☃",
    "l;\\`touch RAN\\`",
]  # fmt: skip
UNPRINTABLE = [
    "m\x1b]0;title\x07",
    "n\n$(touch RAN)",
    "o\t$(touch RAN)",
    "p\u202egnp.exe",
    "q\x9b2J",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the harvest of a parent whose records hold all of that, in data/t."""
    folder = tmp_path_factory.mktemp("hostile")
    text = (
        ITEMS.partition("resources:")[0]
        + """resources:
  - {name: parents, path: parents, data_selector: data, paginator: {type: single_page}}
  - {name: kids, path: kids, params: {n: "{n}"}, data_selector: data,
     paginator: {type: single_page}, partitions: {n: {resource: parents, field: id}}}
"""
    )
    (folder / "t.yaml").write_text(text)

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        values = [*HOSTILE, *UNPRINTABLE] if path.endswith("parents") else []
        return Reply({"data": [{"id": value} for value in values]})

    with Scripted(respond) as server:
        subprocess.run(
            [sys.executable, "-m", "harvester", "run", "t.yaml", "--base-url", server.base_url,
             "--out", "data/t"],
            cwd=folder, env=ENVIRONMENT, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    return folder


_SHELLS = {
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; "),
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
}


@pytest.mark.parametrize("shell", ["zsh", "bash"])
def test_row_99_tab_runs_nothing(shell: str, hostile: Path, tmp_path: Path) -> None:
    """A real shell in a terminal: TAB and Enter give the command the very value, and nothing that
    a server wrote is run, by the shell that completes or by the one that reads the line.
    """
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    with Typist(shell, hostile, tmp_path) as typist:
        for value in HOSTILE:
            line = f"harvester records data/t --partition n={value[0]}"
            assert typist.given(line) == ["records", "data/t", "--partition", f"n={value}"]
        for value in UNPRINTABLE[:2]:  # is not offered: what was typed stays
            line = f"harvester records data/t --partition n={value[0]}"
            assert typist.given(line)[-1] == f"n={value[0]}"
    assert not list(hostile.rglob("RAN"))


class Typist:
    """Types into an interactive shell whose `harvester` completes as the real one does, and writes
    down what it was given.
    """

    def __init__(self, shell: str, folder: Path, own: Path) -> None:
        words, load = _SHELLS[shell]
        self._args = own / "args"
        real = f'exec {sys.executable} -c "{_PROGRAM.replace("sys.argv =", "sys.argv[:1] =")}" "$@"'
        script = own / "harvester"
        script.write_text(
            f'#!/bin/sh\ncase "$_HARVESTER_COMPLETE$1" in complete_*|--show*) {real};; esac\n'
            f"printf '%s\\0' \"$@\" > {self._args}.new; mv {self._args}.new {self._args}\n"
        )
        script.chmod(0o755)
        path = f"{own}:{os.environ['PATH']}"
        env = {**ENVIRONMENT, "PATH": path, "TERM": "xterm", "HOME": str(own), "LANG": "C.UTF-8"}
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, env)
        extra = "; compdef _harvester_completion harvester" if shell == "zsh" else ""
        self._type(f'{load}eval "$(harvester --show-completion {shell})"{extra}; harvester ready\r')
        assert self._read() == ["ready"]

    def __enter__(self) -> "Typist":
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        os.close(self._terminal)

    def given(self, line: str) -> list[str]:
        """What the program is given when TAB and Enter follow the line."""
        self._type(line + "\t")
        self._drain(0.2)
        self._type("\r")
        return self._read()

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _drain(self, seconds: float) -> None:
        while select.select([self._terminal], [], [], seconds)[0]:
            os.read(self._terminal, 1 << 16)

    def _read(self) -> list[str]:
        for _ in range(600):
            self._drain(0.05)
            if self._args.exists():
                given = self._args.read_bytes().decode().split("\0")[:-1]
                self._args.unlink()
                return given
        pytest.fail("the shell does not run the line")


@pytest.mark.slow("CPU time")
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
