"""Variables that may be unset, that have a type, and that say which partitions there are."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester import harvest, verify
from harvester.config import Config, load_config
from harvester.errors import ConfigError, DataRefused
from tests.support import Reply, Scripted

YAML = """
version: 1
name: items
client: {{base_url: "{url}", headers: {{X-Team: "{{env.TEAM?}}"}}}}
resources:
  - name: items
    path: "items/{{id}}/{{env.KIND?all}}"
    method: POST
    params: {{q: "{{env.Q?}}", size: "{{env.SIZE?20}}"}}
    json: {{limit: "{{env.LIMIT:int?5}}", tags: "{{env.TAGS:list?}}", old: "{{env.OLD:bool?no}}"}}
    partitions: {{id: "{{env.IDS:list}}"}}
    data_selector: data
    paginator: {{type: page_number}}
"""


def answer(path: str, parameters: Mapping[str, str]) -> Reply:
    """One page of one record: what was asked for."""
    return Reply({"data": [{"path": path}] if parameters["page"] == "1" else []})


def loaded(tmp_path: Path, url: str, **env: str) -> Config:
    """The configuration in an environment."""
    file = tmp_path / "items.yaml"
    file.write_text(YAML.format(url=url), encoding="utf-8")
    return load_config(file, env=env)


def test_unset_variables_leave_out_what_holds_them(tmp_path: Path) -> None:
    """Interrupted once and resumed; a default stands for itself."""
    out = tmp_path / "out"
    with Scripted(answer) as server:
        asked = loaded(tmp_path, server.base_url, IDS="a, b")
        assert not harvest(asked, out=out, max_pages=1).complete
        assert harvest(asked, out=out).complete
        assert {"q" in each for each in server.asked} == {False}
        assert {each["size"] for each in server.asked} == {"20"}
    assert verify(out, deep=True).ok
    assert {path.name for path in out.glob("items/*")} == {"id=a", "id=b"}


def test_a_list_with_commas_in_its_values(tmp_path: Path) -> None:
    """Is a JSON array; what is none is read as ever."""
    with Scripted(answer) as server:
        for ids, folders in (
            ('["a, b", 1, null]', {"id=a%2C%20b", "id=1"}),
            ("[a,b", {"id=%5Ba", "id=b"}),
        ):
            out = tmp_path / str(len(folders) + len(ids))
            asked = loaded(tmp_path, server.base_url, IDS=ids)
            assert harvest(asked, out=out).complete
            assert {path.name for path in out.glob("items/*")} == folders


def test_another_value_is_another_question(tmp_path: Path) -> None:
    """Also where there was none before: the records would not be the same."""
    out = tmp_path / "out"
    with Scripted(answer) as server:
        asked = loaded(tmp_path, server.base_url, IDS="a")
        assert harvest(asked, out=out).complete
        other = loaded(tmp_path, server.base_url, IDS="a", Q="new")
        with pytest.raises(DataRefused, match="the environment variable Q has another value"):
            harvest(other, out=out)


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({}, "the environment variable IDS is not set"),
        ({"IDS": "a", "LIMIT": "many"}, "the environment variable LIMIT is no whole number"),
        ({"IDS": "a", "OLD": "perhaps"}, "the environment variable OLD is neither true nor false"),
    ],
)
def test_values_that_do_not_fit(env: dict[str, str], why: str, tmp_path: Path) -> None:
    """They are told when the YAML is loaded, by file, line and key."""
    with pytest.raises(ConfigError, match=why):
        loaded(tmp_path, "http://127.0.0.1:1/", **env)
