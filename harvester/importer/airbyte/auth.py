"""Turns a requester's authenticator into `auth` of the YAML."""

import re
from collections.abc import Mapping
from typing import Any, Final

from harvester.importer.airbyte.known_auth import known_auth
from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.references import PARAMETERS
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError

#: Stands for several ways to log in: each becomes a file of its own.
SELECTIVE: Final = "selective"
_SIGNED: Final = ("RS256", "ES256", "HS256")
_JWT_SECONDS: Final = 1200  # where the source says nothing else


def auth(authenticator: Mapping[str, Any] | None, texts: Texts) -> dict[str, Any] | None:
    """The scheme, or None where requests carry nothing. Raises `UnsaidError`."""
    if not authenticator or authenticator.get("type") == "NoAuth":
        return None
    texts = texts.below(authenticator)
    match authenticator.get("type"):
        case "BearerAuthenticator":
            tokens = texts.alternatives(authenticator.get("api_token"))
            if len(tokens) > 1:
                ways = {name: {"type": "bearer", "token": each} for name, each in tokens.items()}
                return {"type": SELECTIVE, "ways": ways}
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
            return _ways(
                {str(name): way for name, way in ways.items() if name != PARAMETERS}, texts
            )
        case "JwtAuthenticator":
            return _jwt(authenticator, texts)
        case _ if len(choice := _choice(authenticator)) > 1:
            return _ways(choice, texts)
        case _ if known := known_auth(authenticator, texts):
            return known
        case kind:
            name = authenticator.get("class_name")
            raise UnsaidError(f"the authenticator {kind}" + (f" {name}" if name else ""))


def _ways(ways: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """Those ways to log in that can be said; the others are noted. Raises `UnsaidError` where none
    can be.
    """
    said: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, way in ways.items():
        try:
            said[name] = auth(way, texts)
        except UnsaidError as error:
            faults[name] = str(error)
    if not said:
        raise UnsaidError(next(iter(faults.values()), "no way to log in"))
    texts.notes += [f"no file for logging in by {name}: {why}" for name, why in faults.items()]
    return {"type": SELECTIVE, "ways": said}


def _choice(authenticator: Mapping[str, Any]) -> dict[str, Any]:
    """The authenticators that a class of the connector's own chooses among: one that is given
    nothing else can do nothing else.
    """
    given = {
        key: value
        for key, value in authenticator.items()
        if key not in ("type", "class_name", PARAMETERS)
    }
    inner = {
        key: value
        for key, value in given.items()
        if isinstance(value, Mapping) and str(value.get("type", "")).endswith("Authenticator")
    }
    return inner if len(inner) == len(given) else {}


def _profile(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """A token that is exchanged for one that is signed here, by the file of a service account."""
    signed = authenticator.get("profile_assertion") or {}
    key = re.search(r"json_loads\((.*?)\)\.get\('private_key'\)", str(signed.get("secret_key")))
    if key is None or signed.get("algorithm", "RS256") != "RS256":
        raise UnsaidError("OAuth with use_profile_assertion, but for a service account's file")
    found = {
        "type": "jwt_bearer",
        "key": texts.text("{{ " + key[1] + " }}"),
        "access_token_url": texts.text(authenticator.get("token_refresh_endpoint")),
    }
    more = signed.get("additional_jwt_payload") or {}
    if scope := more.get("scope"):
        found["scope"] = texts.text(scope)
    return found


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
    if authenticator.get("use_profile_assertion"):
        return _profile(authenticator, texts)
    odd = ("refresh_request_headers",)
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


def _own(found: dict[str, Any], request: dict[str, Any], own: Mapping[str, Any] | None) -> None:
    """What lets the login itself in."""
    match own:
        case None:
            return
        case {"type": "http_basic", "username": username}:
            found |= {"username": username}
            found |= {"password": own["password"]} if "password" in own else {}
        case {"type": "bearer", "token": token}:
            request["headers"] = {**request.get("headers", {}), "Authorization": f"Bearer {token}"}
        case {"type": "api_key", "name": name, "value": value}:
            parts = {"header": "headers", "query": "params"}
            part = parts.get(own.get("location", "header"))
            if part is None:
                raise UnsaidError("a login with a key in its body")
            request[part] = {**request.get(part, {}), name: value}
        case _:
            raise UnsaidError(f"a login that is let in by {own['type']}")


def _jwt(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """A token that is signed here and sent as it is."""
    headers = {
        **(authenticator.get("jwt_headers") or {}),
        **(authenticator.get("additional_jwt_headers") or {}),
    }
    claims = {
        **(authenticator.get("additional_jwt_payload") or {}),
        **(authenticator.get("jwt_payload") or {}),
    }
    for part in (headers, claims):
        part.pop(PARAMETERS, None)
    against = {
        "in another place than the header Authorization": authenticator.get("request_option"),
        "whose key is encoded first": authenticator.get("base64_encode_secret_key"),
        "with a passphrase": authenticator.get("passphrase"),
        f"signed by {authenticator.get('algorithm')}": authenticator.get("algorithm")
        not in _SIGNED,
        "without the word Bearer before it": authenticator.get("header_prefix") != "Bearer",
        "with headers of its own": {*headers} - {"kid", "typ"}
        or headers.get("typ", "JWT") != "JWT",
    }
    if why := next((why for why, is_so in against.items() if is_so), None):
        raise UnsaidError(f"a JWT {why} (JwtAuthenticator)")
    found: dict[str, Any] = {"type": "jwt_bearer"}
    found["key"] = _secret(authenticator, "secret_key", texts)
    if (algorithm := authenticator.get("algorithm")) != "RS256":
        found["algorithm"] = algorithm
    named = {"key_id": headers.get("kid"), "issuer": claims.pop("iss", None),
             "subject": claims.pop("sub", None), "audience": claims.pop("aud", None)}  # fmt: skip
    found |= {name: texts.text(value) for name, value in named.items() if value}
    if claims:
        found["claims"] = texts.tree(claims)
    seconds = texts.constant(authenticator.get("token_duration") or _JWT_SECONDS)
    return {**found, "lifetime": f"{int(seconds)}s"}


def _session(authenticator: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    login = authenticator.get("login_requester") or {}
    asked = authenticator.get("request_authentication") or {}
    if (login.get("authenticator") or {"type": "NoAuth"}).get("type") != "NoAuth":
        raise UnsaidError("a login request with credentials of its own")
    if (authenticator.get("decoder") or {}).get("type", "JsonDecoder") != "JsonDecoder":
        raise UnsaidError("a login whose answer is not JSON")
    address = login.get("url_base") or login.get("url") or ""
    base, path = str(texts.text(address)), texts.text(login.get("path") or "")
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
    _own(found, request, auth(login.get("authenticator"), texts))
    found["token_path"] = dotted(authenticator.get("session_token_path") or [])
    if asked.get("type") == "ApiKey":
        option = asked.get("inject_into") or {}
        if option.get("inject_into") not in ("header", "request_parameter"):
            raise UnsaidError(f"a session token in {option.get('inject_into')}")
        location = "header" if option["inject_into"] == "header" else "query"
        found |= {"name": option.get("field_name"), "location": location, "prefix": ""}
    return found
