"""The configurations that come with the program: listed, copied, run by name."""

import json
import re
from pathlib import Path

import pytest

from harvester.config import parse_config
from harvester.scaffold import example_names, example_text, examples
from tests.api_server import ApiServer
from tests.cli.test_cli import harvester
from tests.emulations.xkcd import EMULATION

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


def test_all_are_listed_with_what_they_need_and_show() -> None:
    """One row each: its variables, or nothing; its paginator."""
    rows = {line.split()[0]: line for line in harvester("examples").stdout.splitlines() if line}
    assert rows.keys() >= set(NAMES)
    assert re.search(r"github_issues +GITHUB_TOKEN +bearer, header_link", rows["github_issues"])
    assert re.search(r"xkcd +nothing +single_page, range", rows["xkcd"])
    assert "an address of yours" in rows["jira_search"]


def test_the_list_for_programs() -> None:
    """Every file, with words for people, and paths that are there."""
    found = json.loads(harvester("examples", "--json").stdout)
    assert [one["name"] for one in found] == NAMES
    for one in found:
        assert one["about"].endswith(".")
        assert Path(one["path"]).is_file()
        text = Path(one["path"]).read_text()
        assert set(one["needs"]) == {
            name for line in text.splitlines()
            for name in re.findall(r"\{env\.(\w+)\}", line.partition(" #")[0])
        }  # fmt: skip


def test_one_is_printed() -> None:
    """As a file of one's own, which leads to no schema that is not there."""
    text = harvester("examples", "github-issues").stdout
    assert text == example_text("github_issues")
    assert "yaml-language-server" not in text
    wrong = harvester("examples", "github")
    assert (wrong.returncode, "github_issues" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("name", NAMES)
def test_each_copy_loads(name: str) -> None:
    """Without its neighbours in the folder, and under another name."""
    needs = next(one.needs for one in examples() if one.name == name)
    config = parse_config(example_text(name, "mine"), name, env=dict.fromkeys(needs, "a-value"))
    assert config.name == "mine"


def test_init_copies_one(tmp_path: Path) -> None:
    """Under its own name or another, never over a file; it says what it needs."""
    done = harvester("init", "--from", "github_issues", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "github_issues.yaml").read_text() == example_text("github_issues")
    assert "export GITHUB_TOKEN=…" in done.stderr
    again = harvester("init", "--from", "github_issues", cwd=tmp_path)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    forced = harvester("init", "--from", "xkcd", "--name", "mine", "--out", "github_issues.yaml",
                       "--force", cwd=tmp_path)  # fmt: skip
    assert forced.returncode == 0
    assert 'name: "mine"' in (tmp_path / "github_issues.yaml").read_text()
    printed = harvester("init", "--from", "xkcd", "--out", "-", cwd=tmp_path)
    assert printed.stdout == example_text("xkcd")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["init"], "a curl line, a URL, an OpenAPI document or --from is wanted"),
        (["init", "--from", "xkdc"], "did you mean 'xkcd'?"),
        (["init", "--from", "../xkcd"], "unknown example"),
        (["init", "--from", "xkcd", "https://example.org"], "not both"),
        (["init", "--from", "xkcd", "--name", "a/b"], "name: expected a name"),
        (["run", "xkcd.yaml"], "harvester init --from xkcd copies it here"),
    ],
)
def test_slips(arguments: list[str], said: str, tmp_path: Path) -> None:
    """One message, exit code 2, and nothing is written."""
    done = harvester(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_one_runs_by_its_name_with_a_note(tmp_path: Path) -> None:
    """A file or folder of the same name here counts more; status knows it by name too."""
    with ApiServer(EMULATION.answer) as server:
        done = harvester(
            "run", "xkcd", "--base-url", server.origin + EMULATION.base_path, "--max-pages", "1",
            "--set", "client.rate_limit=[]", "--set",
            "resources.comics.partitions.number={range: [1, 3]}", cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode in (0, 4), done.stderr
    assert "note: xkcd is an example that comes with harvester" in done.stderr
    assert (tmp_path / "data" / "xkcd" / "harvest.json").is_file()
    assert harvester("status", "xkcd", cwd=tmp_path).returncode == 0
    (tmp_path / "xkcd").write_text("name: [")
    mine = harvester("check", "xkcd", cwd=tmp_path)
    assert (mine.returncode, "is an example" in mine.stderr) == (2, False)


def test_names() -> None:
    """The library knows the same ones."""
    assert example_names() == NAMES
