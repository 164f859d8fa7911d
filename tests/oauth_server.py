"""A real authorization server, Authlib's, and the API behind it; in a thread, on loopback.

Its page for consent agrees by itself, as soon as a browser runs its script. Access tokens are good
for as long as `expires_in` says, refresh tokens once.
"""

import threading
import time
from types import TracebackType
from typing import Any, Self

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import (
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

CLIENT_ID = "the-client"
_CONSENT = """<!doctype html><form method=post><button name=agree value=1>Agree</button></form>
<script>document.querySelector("button").click()</script>"""


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    """A public client."""

    redirect_uris: tuple[str, ...] = ()

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        # RFC 8252 section 7.3: any port of loopback
        return redirect_uri.startswith("http://127.0.0.1:")

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class _Code(dict[str, Any]):
    def get_redirect_uri(self) -> Any:
        return self["redirect_uri"]

    def get_scope(self) -> Any:
        return self["scope"]

    @property
    def code_challenge(self) -> Any:
        return self["code_challenge"]

    @property
    def code_challenge_method(self) -> Any:
        return self["code_challenge_method"]


class _Refresh(dict[str, Any]):
    def get_scope(self) -> Any:
        return self["scope"]

    def check_client(self, client: Any) -> bool:
        return bool(self["client_id"] == client.get_client_id())


class OAuthServer:
    """`/authorize`, `/device`, `/token`, and `/items`, which wants a token; three pages."""

    def __init__(
        self, *, expires_in: int = 3600, refreshes: bool = True, denies: bool = False
    ) -> None:
        self.tokens: dict[str, float] = {}
        self.refresh_tokens: dict[str, _Refresh] = {}
        self.codes: dict[str, _Code] = {}
        self.devices: dict[str, dict[str, Any]] = {}
        self.agreed: set[str] = set()  # user codes
        self.asked: list[str] = []  # grants
        self.expires_in, self.refreshes, self.denies = expires_in, refreshes, denies
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _app(self) -> Flask:
        app = Flask(__name__)
        server = AuthorizationServer(app, query_client=self._client, save_token=self._save_token)
        server.register_token_generator("default", self._token)
        server.register_grant(self._code_grant(), [CodeChallenge(required=True)])
        server.register_grant(self._refresh_grant())
        server.register_grant(self._device_grant())
        server.register_endpoint(self._device_endpoint())

        def authorize() -> Any:
            grant = server.get_consent_grant(end_user="somebody")
            if request.method == "GET":
                return _CONSENT
            user = None if self.denies else "somebody"
            return server.create_authorization_response(grant=grant, grant_user=user)

        def token() -> Any:
            self.asked.append(request.form["grant_type"])
            return server.create_token_response()

        app.add_url_rule("/authorize", view_func=authorize, methods=["GET", "POST"])
        app.add_url_rule("/token", view_func=token, methods=["POST"])
        app.add_url_rule(
            "/device",
            "device",
            lambda: server.create_endpoint_response("device_authorization"),
            methods=["POST"],
        )
        app.add_url_rule("/items", view_func=self._items)
        return app

    def _items(self) -> Response:
        value = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens.get(value, 0) < time.time():
            return Response("{}", 401)
        page = int(request.args["page"])
        return jsonify({"items": [{"id": page}] if page < 4 else []})

    def _client(self, client_id: str) -> _Client | None:
        return _Client() if client_id == CLIENT_ID else None

    def _token(self, **asked: Any) -> dict[str, Any]:
        number = len(self.tokens)
        token = {
            "token_type": "Bearer",
            "access_token": f"access-s3cret-{number}",
            "expires_in": self.expires_in,
        }
        if self.refreshes:
            token["refresh_token"] = f"refresh-s3cret-{number}"
        return token

    def _save_token(self, token: dict[str, Any], asked: Any) -> None:
        self.tokens[token["access_token"]] = time.time() + self.expires_in
        if self.refreshes:
            self.refresh_tokens[token["refresh_token"]] = _Refresh(
                token=token["refresh_token"], client_id=CLIENT_ID, scope="read"
            )

    def _code_grant(self) -> type:
        codes = self.codes

        class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

            def save_authorization_code(self, code: str, asked: Any) -> None:
                data = asked.payload.data
                names = ("redirect_uri", "scope", "code_challenge", "code_challenge_method")
                codes[code] = _Code({name: data.get(name) for name in names}, code=code)

            def query_authorization_code(self, code: str, client: Any) -> _Code | None:
                return codes.get(code)

            def delete_authorization_code(self, authorization_code: _Code) -> None:
                del codes[authorization_code["code"]]

            def authenticate_user(self, authorization_code: _Code) -> str:
                return "somebody"

        return CodeGrant

    def _refresh_grant(self) -> type:
        tokens = self.refresh_tokens

        class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token: str) -> _Refresh | None:
                return tokens.get(refresh_token)

            def authenticate_user(self, refresh_token: _Refresh) -> str:
                return "somebody"

            def revoke_old_credential(self, refresh_token: _Refresh) -> None:
                tokens.pop(refresh_token["token"], None)

        return RefreshGrant

    def _device_grant(self) -> type:
        devices, agreed, denies = self.devices, self.agreed, self.denies

        class DeviceGrant(DeviceCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

            def query_device_credential(self, device_code: str) -> Any:
                return DeviceCredentialDict(devices[device_code])

            def query_user_grant(self, user_code: str) -> Any:
                if denies:
                    return "somebody", False
                return ("somebody", True) if user_code in agreed else None

            def should_slow_down(self, credential: Any) -> bool:
                return False

        return DeviceGrant

    def _device_endpoint(self) -> type:
        devices, origin = self.devices, lambda: self.origin

        class DeviceEndpoint(DeviceAuthorizationEndpoint):  # type: ignore[misc]
            CLIENT_AUTH_METHODS = ("none",)
            INTERVAL = 1

            def get_verification_uri(self) -> str:
                return f"{origin()}/activate"  # type: ignore[no-untyped-call]

            def save_device_credential(
                self, client_id: str, scope: str, data: dict[str, Any]
            ) -> None:
                devices[data["device_code"]] = {
                    **data,
                    "client_id": client_id,
                    "scope": scope,
                    "expires_at": time.time() + 60,
                }

        return DeviceEndpoint
