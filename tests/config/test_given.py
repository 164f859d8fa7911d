"""Secrets from files: `{file./run/secrets/NAME}`."""

from pathlib import Path

import pytest

from harvester import harvest, verify
from harvester.config import Config, folder_named_in, hidden
from harvester.config.load import parse_config, reopen
from harvester.errors import ConfigError
from harvester.model import Address
from harvester.model.reference import Reference, TemplateError, file_of
from harvester.model.templates import Template
from tests.api_server import Answer, ApiServer, Asked

YAML = """
version: 1
name: items
client:
  base_url: ORIGIN/
  auth: {type: bearer, token: "{file.PATH}"}
resources:
  - {name: items, path: items, data_selector: data, paginator: {type: json_link}}
"""
SECRET = "plain-word"  # neither its look nor a name says that it is a secret
PAGES = 3


def configured(path: Path, origin: str = "http://127.0.0.1:1", text: str = YAML) -> Config:
    """A harvest whose token is in the file."""
    return parse_config(text.replace("PATH", str(path)).replace("ORIGIN", origin), "x.yaml", env={})


def problems(path: Path, text: str = YAML) -> str:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        configured(path, text=text)
    return str(caught.value)


def items(asked: Asked) -> Answer:
    """Pages whose links echo the token."""
    token = asked.headers["authorization"].removeprefix("Bearer ")
    number = int(dict(asked.query).get("page", "1"))
    link = f"{asked.origin}/items?page={number + 1}&for={token}"
    return Answer({"data": [number], **({"next": link} if number < PAGES else {})})


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    """It is sent, and stands nowhere; another one, later, is the same question."""
    path = tmp_path / "token"
    out = tmp_path / "out"
    with ApiServer(items) as api:
        for secret, pages in ((SECRET, 1), ("another-word", None)):
            path.write_text(f"{secret}\n")
            summary = harvest(configured(path, api.origin), out=out, max_pages=pages)
            assert not summary.failures
            assert {asked.headers["authorization"] for asked in api.asked} >= {f"Bearer {secret}"}
    assert summary.complete
    assert verify(out, deep=True).ok
    assert [dict(asked.query).get("for") for asked in api.asked] == [
        None, "another-word", "another-word",
    ]  # fmt: skip
    for file in (out / "harvest.json", out / "items" / "journal.jsonl"):
        assert SECRET not in file.read_text()
        assert "another-word" not in file.read_text()
    assert f"{{file.{path}}}" in (out / "harvest.json").read_text()
    assert "{secret.auth.token}" in (out / "items" / "journal.jsonl").read_text()


def test_it_is_read_again_without_the_yaml(tmp_path: Path) -> None:
    """What harvest.json holds leads to the file; no pickle or repr has what is in it."""
    path = tmp_path / "token"
    path.write_text(SECRET)
    config = configured(path)
    assert hidden(config) == {f"file.{path}"}
    again = reopen(config.reference_dict(), "harvest.json", env={})
    assert again.env == config.env == {f"file.{path}": SECRET}
    assert SECRET not in repr(config)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        reopen(config.reference_dict(), "harvest.json", env={})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"a\nb\n", "holds a line break or control character"),
        (b"a\xff", "is not UTF-8 text"),
        (b"a" * (64 * 1024 + 1), "cannot be read: it has more than 65,536 bytes"),
    ],
)
def test_a_file_that_is_no_secret(tmp_path: Path, content: bytes | None, told: str) -> None:
    """Each is reported with its place and without what is in it."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert f"x.yaml:6: client.auth.token: the file {path} {told}" in problems(path)


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    """Nor can one be read."""
    assert "cannot be read: Is a directory" in problems(tmp_path)


def test_where_no_references_are_read(tmp_path: Path) -> None:
    """It is said, as of a variable."""
    path = tmp_path / "token"
    path.write_text(SECRET)
    text = YAML.replace("name: items\n", 'name: items\noutput: {path: "x"}\n')
    assert "references are not read here" in problems(
        path, text.replace("data_selector: data", 'data_selector: "{file./x}"')
    )


def test_how_it_is_written() -> None:
    """The whole path, from the root; a partition may be called file."""
    (found,) = Template.parse("{file./run/secrets/x.y}").references
    assert found == Reference("env", "file./run/secrets/x.y")
    assert (str(found), file_of(found.name)) == ("{file./run/secrets/x.y}", "/run/secrets/x.y")
    assert Template.parse("{file.start:epoch}").references[0].kind == "value"
    for text in ("{file./}", "{file./a:b}", "{file./a|raw}", "{file.a/b}"):
        with pytest.raises(TemplateError):
            Template.parse(text)


def test_readers_take_the_file_beside_the_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status c.yaml` reaches a bucket with the keys that `run c.yaml` took from `.env`."""
    monkeypatch.delenv("BUCKET_KEY", raising=False)
    (tmp_path / ".env").write_text("BUCKET_KEY=k\n")
    path = tmp_path / "c.yaml"
    path.write_text('output: {path: "s3://b/x", access_key_id: "{env.BUCKET_KEY}"}\n')
    folder = folder_named_in(path)
    assert isinstance(folder, Address)
    assert folder.options == {"access_key_id": "k"}
