"""Holds what the requests of a run carry to be let in: one object for all of its workers.

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
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from harvester.auth.scheme import Asking, RenewableScheme, Scheme, Token
from harvester.auth.schemes import scheme_of
from harvester.auth.token_file import TokenFile
from harvester.config import Config, SecretText
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
from harvester.values import dataclass

#: How long before its end a token is replaced: a tenth of its life, or this if that is less.
_EARLY_S: Final = 60.0
_EARLY: Final = 0.1
_LONGEST_S: Final = 60.0  # a token endpoint that takes longer is in trouble
_POSTPONED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Held:
    """The token in use, and how long it is."""

    credentials: Credentials
    renew_at: float
    expires_at: float
    token: str = field(default="", repr=False)
    number: int = 0  # of the token, from 1 in each run


@dataclass(frozen=True, slots=True)
class Lent:
    """A token for another process of the run: its number, and when to ask for the next."""

    number: int
    token: str = field(repr=False)
    renew_in_s: float = 0.0
    expires_in_s: float = 0.0


def store_of(config: Config, scheme: Scheme[Any], out: Path) -> TokenFile:
    """Where the tokens of a harvest are kept that a server may replace."""
    named = scheme.token_file() if isinstance(scheme, RenewableScheme) else None
    return TokenFile(out / TOKENS if named is None else config.home / named)


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
        """`out` is the harvest's folder. Raises `ConfigError` where a scheme lacks its library."""
        scheme = scheme_of(config.client.auth, config.env)
        self._renewable: RenewableScheme[Any] | None = None
        self._static = Credentials()
        self._store = store_of(config, scheme, out)
        if isinstance(scheme, RenewableScheme):
            scheme.check()
            self._renewable = scheme
        else:
            self._static = scheme.credentials()
        self._config = config
        self._secrets = secrets
        self._stopping = stopping
        self._clock = clock
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._held: Held | None = None
        self._number = 0
        self._unproven = False  # the token in use came after a refusal and has opened nothing yet
        self._refused: PageRefused | None = None

    @property
    def renewable(self) -> bool:
        """Whether refused credentials can be replaced."""
        return self._renewable is not None

    def close(self) -> None:
        """Close the connection to the token endpoint."""
        if self._transport is not None:
            self._transport.close()

    def credentials(self) -> Credentials:
        """What the next request carries.

        Raises `PageRejected` or `PageRefused` where no token can be had, `Interrupted`, and
        `DiskError` or `DataRefused` for the file of a refresh token.
        """
        if self._renewable is None:
            return self._static
        held = self._held
        if held is None or self._clock() >= held.renew_at:
            with self._lock:
                held = self._current(self._renewable)
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
        if self._renewable is None:
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
            self._current(self._renewable)

    def lend(self, refused: int, refusal: CredentialsRefused | None) -> Lent:
        """The token in use, for a worker in another process; where that was `refused` there,
        another one. Raises as `credentials` and `renew` do.
        """
        held = self._held
        if refusal is not None and held is not None and held.number == refused:
            self.renew(held.credentials, refusal)
        self.credentials()
        with self._lock:
            if self._renewable is None:
                raise AssertionError("credentials that never change are not lent")
            held = self._current(self._renewable)
        now = self._clock()
        return Lent(held.number, held.token, held.renew_at - now, held.expires_at - now)

    def accepted_elsewhere(self, number: int) -> None:
        """The API took the token of this number from another process."""
        held = self._held
        if held is not None and held.number == number:
            self.accepted(held.credentials)

    def _current(self, scheme: RenewableScheme[Any]) -> Held:
        """The token in use, fetched if there is none or it is due. The lock is held."""
        held, now = self._held, self._clock()
        if held is not None and now < held.renew_at:
            return held
        try:
            self._held = self._fetch(scheme)
        except PageRejected:
            if held is None or now >= held.expires_at:
                raise
            # It still opens doors; soon there is another chance.
            self._held = replace(held, renew_at=min(held.expires_at, now + _POSTPONED_S))
        return self._held

    def _fetch(self, scheme: RenewableScheme[Any]) -> Held:
        if self._stopping():
            raise Interrupted("interrupted")
        if self._refused is not None:
            raise PageRefused(str(self._refused), status=self._refused.status)
        configured = scheme.refresh_token()
        rotates = configured is not None
        with self._store.locked(self._stopping) if rotates else contextlib.nullcontext():
            began = self._clock()
            token = self._asked(scheme, configured, began)
            self._secrets.learn("auth.access_token", token.value)
            if configured is not None and token.refresh_token is not None:
                self._keep(configured, token.refresh_token)
        lives_s = float("inf") if token.lives_s is None else token.lives_s
        early_s = min(_EARLY_S, _EARLY * lives_s)
        self._number += 1
        ends = began + lives_s
        placed = scheme.placed(token.value)
        return Held(placed, ends - early_s, ends, str(token.value), self._number)

    def _asked(
        self, scheme: RenewableScheme[Any], configured: SecretText | None, began: float
    ) -> Token:
        """The token of one request to the endpoint."""
        timeout = self._config.client.timeout
        limit_s = min(_LONGEST_S, timeout.page)
        watch = Watch(self._clock, began + limit_s, timeout.read, self._stopping)
        refresh = None
        if configured is not None:
            refresh = self._store.current(configured)
            self._secrets.learn("auth.refresh_token", refresh)
        what = scheme.asked
        try:
            if (made := scheme.made(refresh)) is not None:
                return made
        except PageRefused as error:
            self._refused = error
            raise
        if self._transport is None:
            self._transport = Transport(self._config.client)
        try:
            request = scheme.token_request(Asking(self._config.base_url, self._agent(), refresh))
            what += f" at {origin_of(request.url)}"
            with self._transport.open(request, watch) as response:
                return scheme.read(response, self._config.client.limits, time.time())
        except PageRejected as error:
            kind = Unreached if isinstance(error, Unreached) else PageRejected
            failed = kind(f"{what}: {error}", status=error.status, hint_s=error.hint_s)
            if isinstance(failed, Unreached):
                failed.origin = getattr(error, "origin", "")
            raise failed from error
        except AttemptFailed as error:
            self._refused = PageRefused(f"{what}: {error}", status=error.status)
            raise self._refused from error

    def _agent(self) -> dict[str, str]:
        """The User-Agent, the one header of the client that goes to a token endpoint."""
        scope = Scope(env=self._config.env)
        return {
            name: str(render(value, scope))
            for name, value in self._config.client.headers.items()
            if name.lower() == "user-agent"
        }

    def _keep(self, configured: SecretText, token: SecretText) -> None:
        """Write a new refresh token back, before anything that came with it is used."""
        self._secrets.learn("auth.refresh_token", token)
        if token != self._store.current(configured):
            self._store.write(configured, token)
