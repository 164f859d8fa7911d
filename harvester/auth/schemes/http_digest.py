"""Proves a password without sending it (RFC 7616), with what requests has for it.

The server's challenge comes with its 401: the first request of each worker is refused, and sent
again with the answer. Later ones carry it from the start, until the server gives another nonce.
"""

import threading
from collections.abc import Iterator
from typing import Any

from requests.auth import HTTPDigestAuth
from requests.utils import parse_dict_header

from harvester.auth.scheme import StaticScheme
from harvester.config import HttpDigest
from harvester.http import Credentials, Signature

_DIGEST = "digest "


class Digest(StaticScheme[HttpDigest], options=HttpDigest):
    """`type: http_digest`."""

    def credentials(self) -> Credentials:
        """The proof, made anew for each request."""
        username, password = map(self.text, (self.options.username, self.options.password))
        return Credentials(sign=_Proof(username, password))

    def derived(self) -> Iterator[str]:
        """Nothing: a proof is good for one request."""
        return iter(())


class _Proof(Signature):
    def __init__(self, username: str, password: str) -> None:
        self._digest: Any = HTTPDigestAuth(username, password)
        self._of_thread = threading.local()  # the challenge of this worker's server

    def __call__(self, prepared: Any) -> Any:
        """Add the answer to the challenge that was given last, if any."""
        state = self._of_thread
        if getattr(state, "challenge", None) is not None:
            self._digest.init_per_thread_state()
            self._digest._thread_local.chal = state.challenge
            method, url = str(prepared.method), str(prepared.url)
            if answer := self._digest.build_digest_header(method, url):
                prepared.headers["Authorization"] = answer
        return prepared

    def challenged(self, challenge: str) -> bool:
        """Take a challenge; one for basic credentials is none."""
        at = challenge.lower().find(_DIGEST)
        if at < 0:
            return False
        found = parse_dict_header(challenge[at + len(_DIGEST) :])  # type: ignore[no-untyped-call]  # requests has none for it
        if not {"realm", "nonce"} <= found.keys():
            return False
        self._of_thread.challenge = found
        return True
