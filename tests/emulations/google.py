"""What the emulations of Google's APIs share: a service account, and its token.

https://developers.google.com/identity/protocols/oauth2/service-account
"""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.api_server import Answer, Asked

PRIVATE = rsa.generate_private_key(65537, 2048)
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ROBOT = "robot@lab-1.iam.gserviceaccount.com"
ACCOUNT = json.dumps(
    {
        "type": "service_account",
        "project_id": "lab-1",
        "private_key_id": "0123456789abcdef",
        "private_key": PEM,
        "client_email": ROBOT,
    }
)
TOKEN = "ya29.c.service-account-example"
#: Where the token is asked for, in place of https://oauth2.googleapis.com/token.
SETTINGS = ("client.auth.access_token_url={origin}/token",)


def signed(asked: Asked, text: str, **options: Any) -> dict[str, Any]:
    """The claims of a token that the account signed."""
    claims: dict[str, Any] = jwt.decode(text, PRIVATE.public_key(), ["RS256"], **options)
    return claims


def token(asked: Asked, scope: str, subject: str | None = None) -> Answer:
    """An access token for an assertion that asks for a scope."""
    form = asked.form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = signed(asked, form["assertion"], audience=f"{asked.origin}/token")
    assert (claims["iss"], claims["scope"], claims.get("sub")) == (ROBOT, scope, subject)
    return Answer({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})


def let_in(asked: Asked) -> Answer | None:
    """Google's refusal, where the access token is not the one that was given."""
    if asked.headers.get("authorization") == f"Bearer {TOKEN}":
        return None
    return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")


def error(code: int, status: str, message: str) -> Answer:
    """An error in the shape of all Google APIs."""
    reason = {"domain": "global", "reason": status, "message": message}
    body = {"code": code, "message": message, "status": status, "errors": [reason]}
    return Answer({"error": body}, code)
