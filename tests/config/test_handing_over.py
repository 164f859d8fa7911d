"""A configuration in another process: which variables must be there."""

import pickle

import pytest

from harvester.config import with_environment
from harvester.config.load import parse_config
from harvester.errors import ConfigError
from tests.support import ITEMS

_REFRESH = (
    "{type: oauth2_refresh_token, access_token_url: 'https://login.example.org/token', "
    "client_id: '{env.ID_OF_IT}', client_secret: '{env.SECRET_OF_IT}', "
    "refresh_token: '{env.REFRESH_OF_IT}'}"
)
_OAUTH1 = (
    "{type: oauth1, client_key: a, client_secret: '{env.SECRET_OF_IT}', resource_owner_key: b, "
    "resource_owner_secret: c}"
)


def _handed_over(auth: str, **env: str) -> bytes:
    text = ITEMS.replace("client:\n", f"client:\n  auth: {auth}\n")
    return pickle.dumps(parse_config(text, "items.yaml", env=env))


def test_what_only_renews_tokens_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is lent tokens; what it sends by itself it must have."""
    packed = _handed_over(_REFRESH, ID_OF_IT="i", SECRET_OF_IT="s", REFRESH_OF_IT="r")
    with pytest.raises(ConfigError, match="ID_OF_IT is not set") as raised:
        with_environment(pickle.loads(packed), "a worker")
    assert "SECRET_OF_IT" not in str(raised.value)
    monkeypatch.setenv("ID_OF_IT", "i")
    with_environment(pickle.loads(packed), "a worker")
    packed = _handed_over(_OAUTH1, SECRET_OF_IT="s")
    with pytest.raises(ConfigError, match="SECRET_OF_IT is not set"):
        with_environment(pickle.loads(packed), "a worker")
