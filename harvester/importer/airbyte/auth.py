"""Turns a requester's authenticator into `auth` of the YAML."""

from collections.abc import Mapping
from typing import Any, Final

from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.references import PARAMETERS
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError

#: Stands for several ways to log in: each becomes a file of its own.
SELECTIVE: Final = "selective"


def auth(authenticator: Mapping[str, Any] | None, texts: Texts) -> dict[str, Any] | None:
    """The scheme, or None where requests carry nothing. Raises `UnsaidError`."""
    if not authenticator or authenticator.get("type") == "NoAuth":
        return None
    texts = texts.below(authenticator)
    match authenticator.get("type"):
        case "BearerAuthenticator":
            return {"type": "bearer", "token": _secret(authenticator, "api_token", texts)}
        case "BasicHttpAuthenticator":
            found = {"type": "http_basic", "username": _secret(authenticator, "username", texts)}
            if authenticator.get("password"):
                found["password"] = _secret(authenticator, "password", texts)
            return found
        case "ApiKeyAuthenticator":
            return _api_key(authenticator, texts)
        case "OAuthAuthenticator":
            return _oauth(authenticator, texts)
        case "SessionTokenAuthenticator":
            return _session(authenticator, texts)
        case "SelectiveAuthenticator":
            ways = authenticator.get("authenticators") or {}
            each = {str(name): auth(way, texts) for name, way in ways.items() if name != PARAMETERS}
            return {"type": SELECTIVE, "ways": each}
        case "JwtAuthenticator":
            raise UnsaidError("a JWT of one's own as the token (JwtAuthenticator)")
        case kind:
            name = authenticator.get("class_name")
            raise UnsaidError(f"the authenticator {kind}" + (f" {name}" if name else ""))


def _secret(authenticator: Mapping[str, Any], key: str, texts: Texts) -> str:
    value = str(texts.text(authenticator.get(key)))
    if not value:
        raise UnsaidError(f"an authenticator without {key}")
    return value


def _api_key(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    option = authenticator.get("inject_into") or {
        "inject_into": "header",
        "field_name": authenticator.get("header"),
    }
    name = texts.constant(option.get("field_name"))
    found = {
        "type": "api_key",
        "name": name,
        "value": _secret(authenticator, "api_token", texts),
    }
    match option.get("inject_into", "header"):
        case "header":
            return found
        case "request_parameter":
            return {**found, "location": "query"}
        case "body_json" | "body_data":
            return {**found, "location": "body"}
        case where:
            raise UnsaidError(f"an API key in {where}")


def _oauth(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    odd = ("use_profile_assertion", "refresh_request_headers")
    if used := [key for key in odd if authenticator.get(key)]:
        raise UnsaidError(f"OAuth with {used[0]}")
    if authenticator.get("access_token_name", "access_token") != "access_token":
        raise UnsaidError(f"a token called {authenticator['access_token_name']}")
    grant = texts.constant(authenticator.get("grant_type") or "refresh_token")
    found: dict[str, Any] = {
        "type": f"oauth2_{grant}",
        "access_token_url": texts.text(authenticator.get("token_refresh_endpoint")),
        "client_id": _secret(authenticator, "client_id", texts),
        "client_secret": _secret(authenticator, "client_secret", texts),
    }
    if grant == "refresh_token":
        found["refresh_token"] = _secret(authenticator, "refresh_token", texts)
    elif grant != "client_credentials":
        raise UnsaidError(f"OAuth's grant type {grant}")
    if scopes := authenticator.get("scopes"):
        found["scope"] = " ".join(str(texts.text(scope)) for scope in scopes)
    if more := authenticator.get("refresh_request_body"):
        own = ("client_id", "client_secret", "grant_type", "refresh_token")
        data = {
            str(key): texts.text(value, optional=True)
            for key, value in more.items()
            if key not in own and key != "$parameters"
        }
        if data:
            found["access_token_request_data"] = data
    return found


def _session(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    login = authenticator.get("login_requester") or {}
    asked = authenticator.get("request_authentication") or {}
    if (login.get("authenticator") or {"type": "NoAuth"}).get("type") != "NoAuth":
        raise UnsaidError("a login request with credentials of its own")
    base, path = str(texts.text(login.get("url_base") or "")), texts.text(login.get("path") or "")
    request: dict[str, Any] = {"path": f"{base.rstrip('/')}/{str(path).lstrip('/')}".rstrip("/")}
    if login.get("http_method", "GET").upper() != "POST":
        request["method"] = "GET"
    parts = {
        "params": "request_parameters", "headers": "request_headers",
        "json": "request_body_json", "form": "request_body_data",
    }  # fmt: skip
    for name, key in parts.items():
        if value := login.get(key):
            if not isinstance(value, Mapping):
                raise UnsaidError(f"{key} as one text")
            request[name] = texts.tree(value, typed=name == "json")
    found: dict[str, Any] = {"type": "session_token", "login": request}
    found["token_path"] = dotted(authenticator.get("session_token_path") or [])
    if asked.get("type") == "ApiKey":
        option = asked.get("inject_into") or {}
        if option.get("inject_into") not in ("header", "request_parameter"):
            raise UnsaidError(f"a session token in {option.get('inject_into')}")
        location = "header" if option["inject_into"] == "header" else "query"
        found |= {"name": option.get("field_name"), "location": location, "prefix": ""}
    return found
