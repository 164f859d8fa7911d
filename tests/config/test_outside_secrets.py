"""Secrets that come from commands, and variables from a file `.env` beside the YAML."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from harvester import harvest, load_config
from harvester.config import fingerprints, parse_config, reopen
from harvester.errors import ConfigError
from tests.api_server import Answer, ApiServer, Asked
from tests.support import run, write_config

YAML = """
version: 1
name: items
client:
  base_url: "http://127.0.0.1:1/"
  auth: {type: bearer, token: "%s"}
resources: [{name: items, path: items, params: {q: "{env.QUERY?all}"}}]
"""


def script(folder: Path, text: str) -> Path:
    """A command."""
    path = folder / "secret command"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_command_prints_a_secret(tmp_path: Path) -> None:
    """It is run once, without a shell, shown nowhere, and kept nowhere."""
    ran = tmp_path / "ran"
    command = script(tmp_path, f'echo "$1" >> {ran}; echo s3cret-of-command')
    text = YAML % f"{{command.'{command}' '$(id); x:y|z'}}"

    def answer(asked: Asked) -> Answer:
        assert asked.headers["authorization"] == "Bearer s3cret-of-command"
        return Answer([{"id": 1}])

    with ApiServer(answer) as server:
        config = load_config(write_config(tmp_path, text), base_url=server.origin)
        summary = harvest(config, out=tmp_path / "out")
    assert summary.complete, summary.failures
    assert ran.read_text() == "$(id); x:y|z\n"
    assert "s3cret" not in repr(config)
    assert b"s3cret" not in pickle.dumps(config)
    for file in (tmp_path / "out").rglob("*"):
        assert file.is_dir() or b"s3cret" not in file.read_bytes()
    assert "command." in (tmp_path / "out/harvest.json").read_text()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("false", "the command `false` ended with exit code 1"),
        ("/no/such/command x", "the command `/no/such/command x` cannot be run: No such file"),
        ("echo 'x", "cannot be run: No closing quotation"),
        ("true", "the command `true` is empty"),
        ("printf 'a\\\\nb'", "holds a line break"),
        ("", "a command is written {command.pass show api/token}"),
        (" ", "a command is written {command.pass show api/token}"),
    ],
)
def test_what_is_wrong_with_a_command(line: str, told: str) -> None:
    """Is said with file, line and key."""
    with pytest.raises(ConfigError) as caught:
        parse_config(YAML % f"{{command.{line}}}", "a.yaml", env={})
    assert told in str(caught.value)
    assert "a.yaml:6: client.auth.token" in str(caught.value)


def test_what_a_folder_holds_is_not_run(tmp_path: Path) -> None:
    """A harvest may come from somebody else: its commands are run for a YAML only."""
    ran = tmp_path / "ran"
    command = script(tmp_path, f"touch {ran}")
    config = parse_config(YAML % "x", "a.yaml", env={})
    resolved = config.reference_dict()
    resolved["client"]["auth"]["token"] = f"{{command.'{command}'}}"
    with pytest.raises(ConfigError, match=r"was not run: .*give the YAML"):
        reopen(resolved, "harvest.json", {})
    assert not ran.exists()


def test_a_command_names_no_folder() -> None:
    """Nor does it stand where no secret belongs."""
    text = YAML % "x" + "    \n"
    text = text.replace(
        'params: {q: "{env.QUERY?all}"}', 'params: {q: "{q}"}, partitions: {q: ["{command.id}"]}'
    )
    with pytest.raises(ConfigError, match="would name a folder"):
        parse_config(text, "a.yaml", env={})


def test_variables_beside_the_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker and others write them; what the environment has goes first."""
    monkeypatch.delenv("QUERY", raising=False)
    monkeypatch.setenv("OTHER", "of-the-environment")
    (tmp_path / ".env").write_text(
        '\ufeff# of this project\nexport TOKEN=\'s3cret # "of" file\'\nQUERY="two words"  # x\n'
        "OTHER=of-the-file\nODD=$TOKEN\nEMPTY\n"
    )
    path = write_config(tmp_path, YAML % "{env.TOKEN}{env.OTHER}")
    config = load_config(path)
    assert config.env == {
        "TOKEN": 's3cret # "of" file', "OTHER": "of-the-environment", "QUERY": "two words",
    }  # fmt: skip
    assert "TOKEN" not in os.environ
    assert load_config(path, env={"TOKEN": "a", "OTHER": "b"}).env == {"TOKEN": "a", "OTHER": "b"}
    assert fingerprints(config, "salt") != fingerprints(config.with_env({"QUERY": "x"}), "salt")
    (tmp_path / ".env").write_bytes(b"TOKEN=\xff\n")
    with pytest.raises(ConfigError, match=r"\.env: cannot be read: not UTF-8 text"):
        load_config(path)


def test_check_says_what_is_missing(tmp_path: Path) -> None:
    """By the command line, from another folder."""
    path = write_config(tmp_path, YAML % "{env.TOKEN_OF_TEST}")
    command = [sys.executable, "-m", "harvester", "check", str(path)]
    assert run(command).returncode == 2
    (tmp_path / ".env").write_text("TOKEN_OF_TEST=a-token-of-the-file\n")
    assert run(command).returncode == 0
