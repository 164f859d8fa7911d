"""Says what a few well-known authenticators do that are code beside a manifest, by their class.

Only those are here whose class does one documented thing with the keys that the manifest gives it.
"""

from collections.abc import Mapping
from typing import Any

from harvester.importer.airbyte.texts import Texts


def known_auth(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any] | None:
    """The scheme of an authenticator that is known by its class; None for all others."""
    name = str(authenticator.get("class_name") or "").rpartition(".")[2]
    given = authenticator.keys()
    if name == "ServerToServerOauthAuthenticator" and given >= {
        "client_id", "client_secret", "account_id", "authorization_endpoint", "grant_type",
    }:  # fmt: skip
        return _server_to_server(authenticator, texts)
    if str(authenticator.get("class_name")) == "source_okta.components.CustomBearerAuthenticator":
        return {
            "type": "api_key",
            "name": "Authorization",
            "value": texts.text("{{ config['credentials']['api_token'] }}"),
            "prefix": "SSWS ",
        }
    return None


def _server_to_server(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """Zoom's server-to-server OAuth: a POST with the account in the query, let in by HTTP Basic.

    https://developers.zoom.us/docs/internal-apps/s2s-oauth/
    """
    return {
        "type": "session_token",
        "login": {
            "path": texts.text(authenticator["authorization_endpoint"]),
            "params": {
                "grant_type": texts.text(authenticator["grant_type"]),
                "account_id": texts.text(authenticator["account_id"]),
            },
        },
        "token_path": "access_token",
        "username": texts.text(authenticator["client_id"]),
        "password": texts.text(authenticator["client_secret"]),
    }
