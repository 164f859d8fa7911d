"""How a token is asked for, and what the answer means: OAuth 2.0 (RFC 6749), or a login.

A token endpoint gets what the configuration gives for it and the User-Agent, nothing else of the
harvest. Its answers hold secrets, so no message quotes one but for the error that it names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_plus

from harvester.auth.schemes import basic
from harvester.config import (
    Config,
    OAuth2ClientCredentials,
    OAuth2RefreshToken,
    Renewable,
    SessionToken,
)
from harvester.errors import AttemptFailed, NotJSON, PageRefused, PageRejected
from harvester.http import Request, Response, server_wait
from harvester.model import Scope, as_text, parse, render
from harvester.page import Field, FieldParser, as_float, is_supported, tee
from harvester.paging import bare_request, judge
from harvester.security import resolve

_MOST_BYTES: Final = 1 << 20
_MOST_CHARS: Final = 300  # of an error that the endpoint tells
#: Where endpoints tell what is wrong: RFC 6749 section 5.2, and what others are used to.
_TOLD: Final = ("error", "error_description", "message", "detail")
_OAUTH2: Final[tuple[Field, ...]] = (
    Field("access_token", parse("access_token")),
    Field("expires_in", parse("expires_in"), told=True),
    Field("refresh_token", parse("refresh_token")),
)
_ERRORS: Final = tuple(Field(name, parse(name), told=True) for name in _TOLD)


@dataclass(frozen=True, slots=True)
class Token:
    """A token, how long it lives (None: nobody said), and the refresh token that came with it."""

    value: str = field(repr=False)
    lives_s: float | None
    refresh_token: str | None = field(default=None, repr=False)


def token_request(auth: Renewable, config: Config, refresh_token: str | None) -> Request:
    """The request for a token. `refresh_token` is the one in use, where the scheme has one."""
    scope = Scope(env=config.env)
    agent = {
        name: str(render(value, scope))
        for name, value in config.client.headers.items()
        if name.lower() == "user-agent"
    }
    if isinstance(auth, SessionToken):
        login = auth.login
        return bare_request(
            login.method,
            resolve(config.base_url, as_text(render(login.path, scope))),
            params=render(login.params, scope),
            headers={**agent, **render(login.headers, scope)},
            json=render(login.json_body, scope),
            form=render(login.form, scope),
        )
    form = {"grant_type": "client_credentials"}
    if isinstance(auth, OAuth2RefreshToken):
        form = {"grant_type": "refresh_token", "refresh_token": str(refresh_token)}
    if auth.scope is not None:
        form["scope"] = str(render(auth.scope, scope))
    client = {"client_id": str(render(auth.client_id, scope))}
    if auth.client_secret is not None:
        client["client_secret"] = str(render(auth.client_secret, scope))
    headers = dict(agent)
    if auth.client_auth == "basic":
        headers["Authorization"] = client_header(auth, config.env)
    else:
        form |= client
    form |= render(auth.access_token_request_data, scope)
    url = as_text(render(auth.access_token_url, scope))
    return bare_request("POST", url, headers=headers, form=form)


def client_header(
    auth: OAuth2ClientCredentials | OAuth2RefreshToken, env: Mapping[str, str]
) -> str:
    """Id and secret as a basic Authorization header, each form-encoded first (RFC 6749, 2.3.1)."""
    scope = Scope(env=env)
    pair = (str(render(text, scope)) for text in (auth.client_id, auth.client_secret))
    return basic(":".join(map(quote_plus, pair)))


def read_token(auth: Renewable, response: Response, config: Config, now: float) -> Token:
    """The token of an answer; `now` is the epoch, for the server's hints.

    Raises `PageRejected` where another try may help, else `PageRefused`.
    """
    paths = _OAUTH2
    if isinstance(auth, SessionToken):
        paths = (Field("access_token", parse(auth.token_path)),)
    status = response.status
    found = _fields(paths, response, config)
    if status >= 300 or found is None:
        raise _failure(auth, response, found, now)
    value = found.get("access_token")
    if not isinstance(value, str) or not value:
        name = auth.token_path if isinstance(auth, SessionToken) else "access_token"
        told = f": {text}" if (text := _told(found)) else ""
        raise PageRefused(f"the answer has no text at {name}{told}", status=status)
    if isinstance(auth, SessionToken):
        return Token(value, auth.expires_in)
    lives_s = as_float(found.get("expires_in"))
    refresh = found.get("refresh_token")
    return Token(
        value,
        lives_s if lives_s is not None and lives_s > 0 else auth.default_token_expiration,
        refresh if isinstance(refresh, str) and refresh else None,
    )


def _fields(
    paths: tuple[Field, ...], response: Response, config: Config
) -> Mapping[str, Any] | None:
    """The fields of an answer, those that tell of errors included; None where it is no JSON."""
    if not is_supported(response.encodings):
        return None
    limits = config.client.limits.model_copy(
        update={"wire_bytes": _MOST_BYTES, "decoded_bytes": _MOST_BYTES}
    )
    parser = FieldParser([*paths, *_ERRORS], limits)
    try:
        for _, decoded in tee(response.chunks(), response.encodings, limits):
            parser.feed(decoded)
        return parser.close()
    except NotJSON:
        return None


def _failure(
    auth: Renewable, response: Response, found: Mapping[str, Any] | None, now: float
) -> AttemptFailed:
    status = response.status
    try:
        answered = f"answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        answered = f"answered {status}"
    if status < 300:
        return PageRejected(f"{answered} with what is no JSON", status=status)
    told = f": {text}" if (text := _told(found or {})) else ""
    if judge((), status, response.headers, None)[0] == "retry":
        hint = server_wait(response.headers, now)
        return PageRejected(f"{answered}{told}", status=status, hint_s=hint)
    return PageRefused(f"{answered}{told}; {_advice(auth, found or {})}", status=status)


def _told(found: Mapping[str, Any]) -> str:
    texts = [as_text(found[name]) for name in _TOLD if found.get(name) not in (None, "", {}, [])]
    text = " ".join(": ".join(texts).split())
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"


def _advice(auth: Renewable, found: Mapping[str, Any]) -> str:
    if isinstance(auth, SessionToken):
        return "is the login right, and are its variables set?"
    if isinstance(auth, OAuth2RefreshToken) and found.get("error") == "invalid_grant":
        return "the refresh token has expired, was revoked or used before: configure a new one"
    return "are client_id and client_secret right, and are their variables set?"
