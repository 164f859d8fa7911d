"""What works and was still seen to go wrong: told by `check`, refused nowhere."""

from pathlib import Path

import pytest

from harvester.config.lint import lints
from harvester.config.load import load_config
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
