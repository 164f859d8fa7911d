"""Lets a person log in once, and keeps what runs need from then on.

The authorization code comes back from the browser to a port of this machine, with a proof that
only who began the login has (PKCE); Authlib makes and reads what goes through the browser. For the
device flow the person types a code into a browser anywhere, while the token endpoint is asked until
it agrees. Both ask the endpoints through the same transport as a run. What is kept *must* be
durable before success is said, in the token file, which only its owner may read.
"""

import secrets as random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, assert_never
from urllib.parse import parse_qsl, urlsplit

from harvester.auth.access import store_of
from harvester.auth.loopback import Loopback
from harvester.auth.oauth2_login import LoginScheme, to_keep
from harvester.auth.scheme import Token
from harvester.auth.schemes import scheme_of
from harvester.auth.token_answers import failure, fields_of
from harvester.config import (
    Config,
    Limits,
    OAuth2AuthorizationCode,
    OAuth2DeviceCode,
    OAuth2Login,
)
from harvester.errors import ConfigError, Interrupted, PageRefused
from harvester.http import Request, Response, Transport, Watch
from harvester.model import as_text, parse
from harvester.page import Field, as_float
from harvester.values import dataclass

_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_DEVICE_FIELDS: Final = tuple(
    Field(name, parse(name))
    for name in (
        "device_code", "user_code", "verification_uri", "verification_url",
        "verification_uri_complete", "expires_in", "interval",
    )
)  # fmt: skip
_INTERVAL_S: Final = 5.0  # RFC 8628, section 3.2
_SLOWER_S: Final = 5.0  # and 3.5
_VERIFIER_BYTES: Final = 48
_REQUEST_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Prompts:
    """How a person is reached: `open_page` gets the URL of the page that asks for consent, `show`
    the URL and the code that is to be typed in there; the rest are for tests.
    """

    open_page: Callable[[str], None]
    show: Callable[[str, str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def log_in(config: Config, out: Path, prompts: Prompts, *, patience_s: float) -> Path:
    """Log in as the YAML declares; the file that the login is kept in. `out` is the harvest's
    folder.

    Raises `ConfigError` where the YAML declares no login or a library is missing, `AttemptFailed`
    where it fails, `DiskError`, `DataRefused`, and `Interrupted` where nobody came for so long.
    """
    options = config.client.auth
    if not isinstance(options, OAuth2Login):
        declared = "no auth" if options is None else f"auth of the type {options.type}"
        raise ConfigError(
            f"client.auth: {declared} needs no login; the types that do are "
            "oauth2_authorization_code and oauth2_device_code"
        )
    scheme = scheme_of(options, config.env)
    assert isinstance(scheme, LoginScheme)  # noqa: S101 - by the options
    session = _Session(config, scheme, prompts, prompts.clock() + patience_s)
    try:
        token = session.token(options)
    finally:
        session.transport.close()
    store = store_of(config, scheme, out)
    with store.locked(lambda: False):
        store.write(scheme.refresh_token(), to_keep(token, time.time()))
    return store.path


class _Session:
    """One login."""

    def __init__(
        self, config: Config, scheme: LoginScheme[Any], prompts: Prompts, deadline: float
    ) -> None:
        self._config = config
        self._scheme = scheme
        self._prompts = prompts
        self._deadline = deadline
        self.transport = Transport(config.client)

    def token(self, options: OAuth2Login) -> Token:
        """The token that the person's consent gets."""
        match options:
            case OAuth2AuthorizationCode():
                return self._by_code(options)
            case OAuth2DeviceCode():
                return self._by_device(options)
            case OAuth2Login():
                raise AssertionError("a way to log in has no flow")
        assert_never(options)

    # --- The authorization code ------------------------------------------------------------------

    def _by_code(self, options: OAuth2AuthorizationCode) -> Token:
        authlib = _authlib()
        state, verifier = random.token_urlsafe(), random.token_urlsafe(_VERIFIER_BYTES)
        with Loopback(options.redirect_url) as loopback:
            page = authlib.page(
                as_text(self._scheme.values(options.authorization_url)),
                client_id=self._scheme.text(options.client_id),
                response_type="code",
                redirect_uri=loopback.url,
                scope=options.scope and self._scheme.text(options.scope),
                state=state,
                code_challenge=authlib.challenge(verifier),
                code_challenge_method="S256",
                **self._scheme.values(options.authorization_params),
            )
            self._prompts.open_page(page)
            came = loopback.wait(lambda url: authlib.is_ours(url, state), self._deadline)
            if came is None:
                raise Interrupted("nobody has logged in; run the command again")
            code = authlib.code(came, state)
            form = {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": loopback.url,
                "code_verifier": verifier,
            }
            token: Token = self._asked(self._scheme.request_for(form), self._scheme.read)
            return token

    # --- The device's code -----------------------------------------------------------------------

    def _by_device(self, options: OAuth2DeviceCode) -> Token:
        form = {"scope": self._scheme.text(options.scope)} if options.scope else {}
        url = as_text(self._scheme.values(options.device_authorization_url))
        found = self._asked(self._scheme.request_for(form, url), self._device)
        page = found.get("verification_uri") or found.get("verification_url")
        code, device = found.get("user_code"), found.get("device_code")
        if not (isinstance(page, str) and isinstance(code, str) and isinstance(device, str)):
            raise PageRefused("the answer has no device_code, user_code and verification_uri")
        complete = found.get("verification_uri_complete")
        self._prompts.show(complete if isinstance(complete, str) else page, code)
        interval_s = as_float(found.get("interval")) or _INTERVAL_S
        lives_s = as_float(found.get("expires_in"))
        clock = self._prompts.clock
        ends = self._deadline if lives_s is None else min(self._deadline, clock() + lives_s)
        form = {"grant_type": _DEVICE_GRANT, "device_code": device}
        while clock() + interval_s < ends:
            self._prompts.sleep(interval_s)
            got = self._asked(self._scheme.request_for(form), self._polled)
            if isinstance(got, Token):
                return got
            interval_s += got
        raise Interrupted("the code has expired before anybody agreed; run the command again")

    def _device(self, response: Response, limits: Limits, now: float) -> Mapping[str, Any]:
        found = fields_of(_DEVICE_FIELDS, response, limits)
        if response.status >= 300 or found is None:
            raise failure(response, found, now, self._scheme.advice)
        return found

    def _polled(self, response: Response, limits: Limits, now: float) -> Token | float:
        """The token, or by how many seconds to slow down."""
        fields = self._scheme.token_fields()
        found = fields_of(fields, response, limits)
        match (found or {}).get("error"):
            case "authorization_pending":
                return 0.0
            case "slow_down":
                return _SLOWER_S
        return self._scheme.read_fields(found, response, now)

    def _asked(self, request: Request, read: Callable[[Response, Limits, float], Any]) -> Any:
        """What an endpoint answers."""
        timeout = self._config.client.timeout
        began = time.monotonic()
        ends = began + min(_REQUEST_S, timeout.page)
        watch = Watch(time.monotonic, ends, timeout.read, lambda: False)
        with self.transport.open(request, watch) as response:
            return read(response, self._config.client.limits, time.time())


class _Authlib:
    """What Authlib does of it."""

    def __init__(self) -> None:
        from authlib.oauth2.rfc6749.parameters import (
            parse_authorization_code_response,
            prepare_grant_uri,
        )
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        self._prepare = prepare_grant_uri
        self._parse = parse_authorization_code_response
        self.challenge: Callable[[str], str] = create_s256_code_challenge

    def page(self, url: str, **params: Any) -> str:
        """The URL of the page that asks for consent."""
        return str(self._prepare(url, **{k: v for k, v in params.items() if v is not None}))

    def is_ours(self, url: str, state: str) -> bool:
        """Whether a URL that the browser came to ends the login that has this state."""
        return dict(parse_qsl(urlsplit(url).query)).get("state") == state

    def code(self, url: str, state: str) -> str:
        """The code that the browser brought; raises `PageRefused` where it brought an error."""
        brought = dict(parse_qsl(urlsplit(url).query))
        if "error" in brought:
            told = ": ".join(filter(None, map(brought.get, ("error", "error_description"))))
            raise PageRefused(f"the authorization server said no: {told}")
        try:
            return str(self._parse(url, state)["code"])
        except Exception as error:
            raise PageRefused(f"the authorization server sent no code: {error}") from error


def _authlib() -> _Authlib:
    try:
        return _Authlib()
    except ImportError as error:
        raise ConfigError(
            "client.auth: oauth2_authorization_code needs Authlib: "
            "pip install 'api-harvester[login]'"
        ) from error
