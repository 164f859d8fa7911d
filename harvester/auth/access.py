"""What the requests of a run carry to be let in: one object for all of its workers.

A static scheme gives the same credentials to each. A scheme with tokens fetches one when the
first request needs it, and another before it expires or when the API refuses it. One worker does
so while the others wait, and each token that was refused is replaced once: whoever comes later
with the same one finds it replaced. A refresh token that came along is on disk before the token
is used.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harvester.auth.schemes import credentials, placed
from harvester.auth.token_file import TokenFile
from harvester.auth.token_requests import Token, read_token, token_request
from harvester.config import RENEWABLE, Config, OAuth2RefreshToken, Renewable, SessionToken
from harvester.errors import (
    AttemptFailed,
    CredentialsRefused,
    Interrupted,
    PageRefused,
    PageRejected,
    Unreached,
)
from harvester.http import Credentials, Transport, Watch
from harvester.model import Scope, render
from harvester.security import Secrets, origin_of
from harvester.store import TOKENS

#: How long before its end a token is replaced: a tenth of its life, or this if that is less.
_EARLY_S: Final = 60.0
_EARLY: Final = 0.1
_LONGEST_S: Final = 60.0  # a token endpoint that takes longer is in trouble
_POSTPONED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Held:
    credentials: Credentials
    renew_at: float
    expires_at: float


class Access:
    """Gives each request its credentials. Every method may be called by any thread."""

    def __init__(
        self,
        config: Config,
        secrets: Secrets,
        out: Path,
        *,
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`out` is the harvest's folder. Raises `ConfigError` as `auth.credentials` does."""
        auth = config.client.auth
        self._auth: Renewable | None = auth if isinstance(auth, RENEWABLE) else None
        self._static = credentials(auth, config.env)
        self._config = config
        self._secrets = secrets
        self._store = TokenFile(_place(config, out))
        self._stopping = stopping
        self._clock = clock
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._held: _Held | None = None
        self._unproven = False  # the token in use came after a refusal and has opened nothing yet
        self._refused: PageRefused | None = None

    @property
    def renewable(self) -> bool:
        """Whether refused credentials can be replaced."""
        return self._auth is not None

    def close(self) -> None:
        """Close the connection to the token endpoint."""
        if self._transport is not None:
            self._transport.close()

    def credentials(self) -> Credentials:
        """What the next request carries.

        Raises `PageRejected` or `PageRefused` where no token can be had, `Interrupted`, and
        `DiskError` or `DataRefused` for the file of a refresh token.
        """
        if self._auth is None:
            return self._static
        held = self._held
        if held is None or self._clock() >= held.renew_at:
            with self._lock:
                held = self._current(self._auth)
        return held.credentials

    def accepted(self, used: Credentials) -> None:
        """The API took these credentials."""
        held = self._held
        if self._unproven and held is not None and held.credentials is used:
            self._unproven = False

    def renew(self, used: Credentials, refusal: CredentialsRefused) -> None:
        """The API refused these credentials: replace them, unless somebody has done so.

        Raises `PageRefused` where new ones were refused too, or cannot be replaced; else as
        `credentials` does.
        """
        if self._auth is None:
            raise refusal
        with self._lock:
            if self._held is None or self._held.credentials is not used:
                return
            if self._unproven:
                raise PageRefused(
                    f"{refusal}; and the token was fetched a moment ago: may these credentials "
                    "read this?",
                    status=refusal.status,
                )
            self._unproven, self._held = True, None
            self._current(self._auth)

    def _current(self, auth: Renewable) -> _Held:
        """The token in use, fetched if there is none or it is due. The lock is held."""
        held, now = self._held, self._clock()
        if held is not None and now < held.renew_at:
            return held
        try:
            self._held = self._fetch(auth)
        except PageRejected:
            if held is None or now >= held.expires_at:
                raise
            # It still opens doors; soon there is another chance.
            self._held = replace(held, renew_at=min(held.expires_at, now + _POSTPONED_S))
        return self._held

    def _fetch(self, auth: Renewable) -> _Held:
        if self._stopping():
            raise Interrupted("interrupted")
        if self._refused is not None:
            raise PageRefused(str(self._refused), status=self._refused.status)
        rotates = isinstance(auth, OAuth2RefreshToken)
        with self._store.locked(self._stopping) if rotates else contextlib.nullcontext():
            began = self._clock()
            token = self._asked(auth, began)
            self._secrets.learn("auth.access_token", token.value)
            if isinstance(auth, OAuth2RefreshToken) and token.refresh_token is not None:
                self._keep(auth, token.refresh_token)
        name, location, prefix = "Authorization", "header", "Bearer "
        if isinstance(auth, SessionToken):
            name, location, prefix = auth.name, auth.location, auth.written_prefix
        lives_s = float("inf") if token.lives_s is None else token.lives_s
        early_s = min(_EARLY_S, _EARLY * lives_s)
        return _Held(
            placed(prefix + token.value, name, location),
            began + lives_s - early_s,
            began + lives_s,
        )

    def _asked(self, auth: Renewable, began: float) -> Token:
        """The token of one request to the endpoint."""
        timeout = self._config.client.timeout
        limit_s = min(_LONGEST_S, timeout.page)
        watch = Watch(self._clock, began + limit_s, timeout.read, self._stopping)
        refresh = None
        if isinstance(auth, OAuth2RefreshToken):
            refresh = self._store.current(self._configured(auth))
            self._secrets.learn("auth.refresh_token", refresh)
        if self._transport is None:
            self._transport = Transport(self._config.client)
        what = "the login" if isinstance(auth, SessionToken) else "the token endpoint"
        try:
            request = token_request(auth, self._config, refresh)
            what += f" at {origin_of(request.url)}"
            with self._transport.open(request, watch) as response:
                return read_token(auth, response, self._config, time.time())
        except PageRejected as error:
            kind = Unreached if isinstance(error, Unreached) else PageRejected
            told = kind(f"{what}: {error}", status=error.status, hint_s=error.hint_s)
            if isinstance(told, Unreached):
                told.origin = getattr(error, "origin", "")
            raise told from error
        except AttemptFailed as error:
            self._refused = PageRefused(f"{what}: {error}", status=error.status)
            raise self._refused from error

    def _configured(self, auth: OAuth2RefreshToken) -> str:
        return str(render(auth.refresh_token, Scope(env=self._config.env)))

    def _keep(self, auth: OAuth2RefreshToken, token: str) -> None:
        """Write a new refresh token back, before anything that came with it is used."""
        self._secrets.learn("auth.refresh_token", token)
        configured = self._configured(auth)
        if token != self._store.current(configured):
            self._store.write(configured, token)


def _place(config: Config, out: Path) -> Path:
    auth = config.client.auth
    if isinstance(auth, OAuth2RefreshToken) and auth.token_file is not None:
        return config.home / str(render(auth.token_file, Scope(env=config.env)))
    return out / TOKENS
