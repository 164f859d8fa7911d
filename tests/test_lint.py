"""What works and was still seen to go wrong: told by `check`, refused nowhere."""

from pathlib import Path

import pytest

from harvester.config.load import load_config
from harvester.lint import lints
from tests.yaml_texts import ENV, whole

OAUTH2 = "type: oauth2_client_credentials, client_id: x"
WRITTEN_OUT = 'a secret in the file: put it into a variable and write "{env.NAME}"'
CLEAR_TEXT = "http:// sends the credentials in clear text; use https://"


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (f"{OAUTH2}, access_token_url: 'https://x/', client_secret: '{{env.TOKEN}}'", []),
        (
            f"{OAUTH2}, access_token_url: 'http://x/', client_secret: abc",
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
        (
            "type: oauth1, client_key: '{env.TOKEN}', client_secret: abc",
            [("client.auth.client_secret", WRITTEN_OUT)],
        ),
    ],
)  # fmt: skip
def test_auth(tmp_path: Path, auth: str, expected: list[tuple[str, str]]) -> None:
    """Secrets in the file, and tokens asked for where anybody can listen."""
    path = tmp_path / "config.yaml"
    path.write_text(whole(client=f"auth: {{{auth}}}"))
    found = lints(path, load_config(path, env=ENV))
    assert sorted((problem.path, problem.message) for problem in found) == expected
    assert all(problem.line for problem in found)
