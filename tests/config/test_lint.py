"""What works and was still seen to go wrong: told by `check`, refused nowhere."""

from pathlib import Path

import pytest

from harvester.config.lint import lints
from harvester.config.load import load_config, parse_config
from harvester.errors import ConfigError
from tests.yaml_texts import ENV, whole

OAUTH2 = "type: oauth2_client_credentials, client_id: x"
WRITTEN_OUT = 'a secret in the file: put it into a variable and write "{env.NAME}"'
TOO_SHORT = (
    "fewer than 4 characters cannot be told from other text: where a server echoes them they are "
    "masked under the name of a secret only"
)
CLEAR_TEXT = "http:// sends the credentials in clear text; use https://"


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (f"{OAUTH2}, access_token_url: 'https://x/', client_secret: '{{env.TOKEN}}'", []),
        (
            f"{OAUTH2}, access_token_url: 'http://x/', client_secret: abcd",
            [("client.auth.access_token_url", CLEAR_TEXT),
             ("client.auth.client_secret", WRITTEN_OUT)],
        ),
        (f"{OAUTH2}, access_token_url: 'http://localhost/', client_secret: '{{env.TOKEN}}'", []),
        (
            "type: session_token, token_path: t, login: {path: 'http://x/', json: {password: p}}",
            [("client.auth.login.json.password", WRITTEN_OUT),
             ("client.auth.login.path", CLEAR_TEXT)],
        ),
        ("type: session_token, token_path: t, login: {path: x, json: {user: u}}", []),
        ("type: http_basic, username: me, password: '{env.TOKEN}'", []),
        ("type: http_basic, username: '{env.PIN}'", [("client.auth.username", TOO_SHORT)]),
        ("type: bearer, token: '{env.PIN}'", [("client.auth.token", TOO_SHORT)]),
        (
            "type: oauth1, client_key: '{env.TOKEN}', client_secret: abcd",
            [("client.auth.client_secret", WRITTEN_OUT)],
        ),
    ],
)  # fmt: skip
def test_auth(tmp_path: Path, auth: str, expected: list[tuple[str, str]]) -> None:
    """Secrets in the file, and tokens asked for where anybody can listen."""
    path = tmp_path / "config.yaml"
    path.write_text(whole(client=f"auth: {{{auth}}}"))
    found = lints(path, load_config(path, env={**ENV, "PIN": "123"}))
    assert sorted((problem.path, problem.message) for problem in found) == expected
    assert all(problem.line for problem in found)


def test_a_key_in_a_path(tmp_path: Path) -> None:
    """It would be masked in harvest.json, and belongs into a variable."""
    path = tmp_path / "config.yaml"
    path.write_text(whole().replace("path: items", "path: items?n=1&api_key=abcd"))
    (found,) = lints(path, load_config(path, env=ENV))
    assert found.path.endswith(".path")
    assert "api_key is a secret in the file" in found.message


@pytest.mark.parametrize("name", ["aux", "COM7", "nul.items"])
def test_names_that_windows_has_no_folder_for(tmp_path: Path, name: str) -> None:
    """Devices, whatever stands behind a dot."""
    path = tmp_path / "config.yaml"
    path.write_text(whole().replace("name: items", f"name: {name}"))
    (found,) = lints(path, load_config(path, env=ENV))
    assert found.path.endswith(".name")
    assert "Windows" in found.message


def test_a_whole_document_as_a_record(tmp_path: Path) -> None:
    """XML whose records nobody named: one a page."""
    path = tmp_path / "config.yaml"
    path.write_text(whole("format: xml"))
    (found,) = lints(path, load_config(path, env=ENV))
    assert found.path.endswith(".format")
    assert "the whole document is one record" in found.message
    path.write_text(whole("format: xml\ndata_selector: feed.entry"))
    assert [*lints(path, load_config(path, env=ENV))] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("format: raw\ndata_selector: items", "a file is one record"),
        ("format: {type: json, rows_path: a, columns: [x]}\ndata_selector: b", "are the rows of"),
        ("format: {type: json, columns_path: a}", "where are the rows"),
        ("format: {type: json, rows_path: a}", "where are the names of the columns"),
        ("format: {type: json, rows_path: 'a[-1]', columns: [x]}", "names and numbers only"),
        ("format: {type: csv, delimiter: '\"'}", "the same character as the delimiter"),
        ("format: {type: csv, columns: [a, a]}", "is the name of two columns"),
        ("format: {type: csv, encoding: utf-9}", "is no encoding of text"),
        ("format: {type: csv, encoding: base64}", "is no encoding of text"),
        ("format: {type: csv, comment: '//'}", "is not one character"),
        ("format: tsv", "unknown format 'tsv': did you mean csv"),
        ("format: yaml", "known are json, jsonl, csv, xml and raw"),
    ],
)
def test_what_a_format_cannot_be(text: str, told: str) -> None:
    """Is refused with its place."""
    with pytest.raises(ConfigError, match=told):
        parse_config(whole(text), "test.yaml", env=ENV)
