"""A loopback authorization server and the API behind it, as strict as RFC 6749.

Access tokens are good for so many requests, whatever `expires_in` said. A refresh token is good
once: it is replaced with each use, and one that comes back revokes everything (RFC 9700, section
4.14). `token_requests` counts what was asked of the token endpoint, `refused` what the API said
401 to.
"""

import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.api_server import Answer, Asked

CLIENT_ID, CLIENT_SECRET = "the-client", "cl1ent-s3cret/+"
BASIC = "Basic " + b64encode(b"the-client:cl1ent-s3cret%2F%2B").decode()


@dataclass
class Authorization:
    """Answers `/token` and `/login`, and guards `api`, which answers everything else.

    `uses` is what an access token is good for; `expires_in` what the answer says of its life;
    `takes` says whether a signed assertion is right; `trouble` answers instead of the token
    endpoint where it gives an answer.
    """

    api: Callable[[Asked], Answer]
    uses: int = 10**9
    expires_in: object = 3600
    rotates: bool = False
    refresh_token: str = "refresh-s3cret-0"
    takes: Callable[[str], bool] = lambda assertion: False
    trouble: Callable[[Asked], Answer | None] = lambda asked: None
    token_requests: int = 0
    refused: int = 0
    forms: list[dict[str, str]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)  # uses of each token
    revoked: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, asked: Asked) -> Answer:
        """Answer a request to either of them."""
        with self._lock:
            if asked.path in ("/token", "/login"):
                self.token_requests += 1
                return self.trouble(asked) or (
                    self._login(asked) if asked.path == "/login" else self._token(asked)
                )
            token = asked.headers.get("authorization", "").removeprefix("Bearer ")
            if self.left.get(token, 0) <= 0:
                self.refused += 1
                return Answer({"error": "invalid_token"}, 401)
            self.left[token] -= 1
        return self.api(asked)

    def _token(self, asked: Asked) -> Answer:
        form = dict(asked.form)
        self.forms.append(form)
        if form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            taken = self.takes(form["assertion"])
            return self._granted() if taken else Answer({"error": "invalid_grant"}, 400)
        if asked.headers.get("authorization") != BASIC and (
            (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET)
        ):
            description = f"{form.get('client_secret')} is wrong"
            return Answer({"error": "invalid_client", "error_description": description}, 401)
        if form["grant_type"] == "refresh_token":
            if self.revoked or form["refresh_token"] != self.refresh_token:
                self.revoked = True
                self.left.clear()
                return Answer({"error": "invalid_grant"}, 400)
            if self.rotates:
                self.refresh_token = f"refresh-s3cret-{self.token_requests}"
                return self._granted(refresh_token=self.refresh_token)
        else:
            assert form["grant_type"] == "client_credentials"
        return self._granted()

    def _granted(self, **more: str) -> Answer:
        token = f"access-s3cret-{self.token_requests}"
        self.left[token] = self.uses
        expires = {} if self.expires_in is None else {"expires_in": self.expires_in}
        return Answer({"access_token": token, "token_type": "bearer", **expires, **more})

    def _login(self, asked: Asked) -> Answer:
        if asked.json != {"user": "ann", "password": CLIENT_SECRET}:
            return Answer({"message": "Invalid password"}, 403)
        token = f"session-s3cret-{self.token_requests}"
        self.left[token] = self.uses
        return Answer({"session": {"jwt": token}}, 201)
