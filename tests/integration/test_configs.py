"""The library of configs: each file loads, says where it is from, holds no secret, and harvests.

Each is harvested from an emulation of its API (tests/emulations, named after the file): whole,
interrupted in the middle and resumed, with nothing to harvest, and against the documented error.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from harvester import harvest, iter_records, load_config, verify
from harvester.auth.token_file import TokenFile
from harvester.config import Config, OAuth2Login, SecretText
from harvester.config.schema import json_schema
from harvester.config.yamlfile import read
from harvester.engine.check import check_live
from harvester.engine.events import Event, PageCommitted
from harvester.model.templates import references
from harvester.replay import Replay
from harvester.results.summary import Summary
from tests.api_server import ApiServer
from tests.emulations import Emulation

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
#: Waits are the vendors' business; here nobody is kept waiting.
HASTE = ("client.rate_limit=[]", "client.retry.max_wait=0", "client.retry.attempts=3")

each_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


def emulation_of(path: Path) -> Emulation:
    """The emulation of a config's API."""
    emulation = import_module(f"tests.emulations.{path.stem}").EMULATION
    assert isinstance(emulation, Emulation)
    return emulation


def loaded(
    path: Path,
    emulation: Emulation,
    server: ApiServer | Replay,
    folder: Path,
    env: Mapping[str, str] | None = None,
) -> Config:
    """The config, pointed at the server; nothing else of it is changed but waits, and where a login
    is kept. `env` are variables in the place of the emulation's own.
    """
    env = env or emulation.env
    login = folder / "login.json"
    settings = [text.replace("{origin}", server.origin) for text in emulation.settings]
    if emulation.login:
        settings.append(f"client.auth.token_file={login}")
    base_url = server.origin + emulation.base_path
    config = load_config(path, base_url=base_url, set=(*HASTE, *settings), env=env)
    auth = config.client.auth
    if isinstance(auth, OAuth2Login):  # what `harvester login` writes
        client = env[auth.client_id.removeprefix("{env.").removesuffix("}")]
        name = SecretText(f"login of {client} at {auth.access_token_url}")
        TokenFile(login).write(name, SecretText(emulation.login))
    return config


def harvested(out: Path, config: Config) -> dict[str, list[Any]]:
    """The records of each resource on disk, in order; a link to the server leads to `ORIGIN`."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(config.base_url)).encode()
    return {
        resource.name: [
            json.loads(line.replace(origin, b"ORIGIN"))
            for line in iter_records(out, resources=[resource.name])
        ]
        for resource in config.declared
    }


@cache
def schema() -> jsonschema.Draft202012Validator:
    """Made once, and checked by `tests/config/test_schema.py`: that takes a second."""
    return jsonschema.Draft202012Validator(json_schema())


@each_config
def test_config_names_the_vendors_page_and_the_schema(path: Path) -> None:
    """A reader finds the documentation, and an editor the JSON Schema."""
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert comments[0].startswith("# yaml-language-server: $schema=")
    assert any(re.search(r"https://\S+", line) for line in comments[1:])


@each_config
def test_config_fits_the_schema(path: Path) -> None:
    """What `harvester schema` prints accepts the file as it is written."""
    schema().validate(read(path.read_text(), path.name).tree)


@each_config
def test_config_names_the_variables_of_its_emulation(path: Path) -> None:
    """Every secret is a reference, and the emulation's environment names all of them."""
    tree = read(path.read_text(), path.name).tree
    named = {reference.name for _, reference in references(tree) if reference.kind == "env"}
    assert named == set(emulation_of(path).env)


@each_config
def test_config_harvests_everything(path: Path, tmp_path: Path) -> None:
    """From the first page to the last: every record once, in order, and sound on disk."""
    emulation = emulation_of(path)
    with ApiServer(emulation.answer) as server:
        config = loaded(path, emulation, server, tmp_path)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.exit_code == 0, summary.failures
    assert harvested(tmp_path / "out", config) == emulation.records
    assert verify(tmp_path / "out", deep=True).as_dict()["problems"] == []
    assert sum(item.pages for item in summary.resources) >= 3, "first, middle and last page"


@each_config
def test_config_passes_the_live_check(path: Path, tmp_path: Path) -> None:
    """`check --live` sees one page of each resource, children's included, and no fault."""
    emulation = emulation_of(path)
    with ApiServer(emulation.answer) as server:
        config = loaded(path, emulation, server, tmp_path)
        seen = list(check_live(config))
    assert {item.resource for item in seen} == {resource.name for resource in config.declared}
    assert [item for item in seen if item.error] == []


@each_config
def test_config_resumes_in_the_middle(path: Path, tmp_path: Path) -> None:
    """Interrupted after the second page and run again: the same, without a request too many."""
    emulation = emulation_of(path)
    with ApiServer(emulation.answer) as server:
        config = loaded(path, emulation, server, tmp_path)
        out = tmp_path / "out"
        whole = harvest(config, out=tmp_path / "whole")
        needed = len(server.asked)
        stop = threading.Event()
        first = harvest(config, out=out, concurrency=1, on_event=_stop_after(2, stop), stop=stop)
        assert first.exit_code == 130
        second = harvest(config, out=out)
        assert len(server.asked) - needed == needed + emulation.again
    assert (second.exit_code, second.complete) == (0, True)
    assert _numbers(second) == _numbers(whole)
    assert harvested(out, config) == emulation.records


@each_config
def test_config_finds_nothing_where_there_is_nothing(path: Path, tmp_path: Path) -> None:
    """An API without records gives an empty, complete harvest."""
    emulation = emulation_of(path)
    with ApiServer(emulation.nothing) as server:
        config = loaded(path, emulation, server, tmp_path)
        summary = harvest(config, out=tmp_path / "out")
    assert (summary.exit_code, summary.complete) == (0, True), summary.failures
    assert not any(item.records for item in summary.resources)


@each_config
def test_config_meets_the_documented_error(path: Path, tmp_path: Path) -> None:
    """The vendor's documented error ends the run with the right exit code, and keeps no page."""
    emulation = emulation_of(path)
    with ApiServer(emulation.failure) as server:
        config = loaded(path, emulation, server, tmp_path)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.exit_code == emulation.failure_exit_code
    told = str(summary.ended_by or summary.failures)
    assert not any(value in told for value in emulation.env.values() if len(value) > 3)


@pytest.mark.parametrize(
    "path", [path for path in CONFIGS if emulation_of(path).later], ids=lambda path: path.stem
)
def test_config_goes_on_from_the_run_before(path: Path, tmp_path: Path) -> None:
    """A second run asks only for what has changed since the first one."""
    emulation, out = emulation_of(path), tmp_path / "out"
    with ApiServer(emulation.answer) as server:
        config = loaded(path, emulation, server, tmp_path)
        runs = [harvest(config, out=out) for _ in range(2)]
    assert [run.exit_code for run in runs] == [0, 0], runs[-1].failures
    later = {name: emulation.later.get(name, []) for name in emulation.records}
    both = {name: records + later[name] for name, records in emulation.records.items()}
    assert harvested(out, config) == both
    assert verify(out).as_dict()["problems"] == []


def _stop_after(pages: int, stop: threading.Event) -> Callable[[Event], None]:
    seen = 0

    def on_event(event: Event) -> None:
        nonlocal seen
        seen += isinstance(event, PageCommitted)
        if seen >= pages:
            stop.set()

    return on_event


def _numbers(summary: Summary) -> list[tuple[str, int, int]]:
    return [(item.name, item.pages, item.records) for item in summary.resources]
