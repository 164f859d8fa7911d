"""Microsoft Graph: https://learn.microsoft.com/en-us/graph/api/user-list."""

from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TENANT, CLIENT, SECRET = "tenant-1", "app-1", "a~b.c-client-secret"
TOKEN = "eyJ0eXAiOiJKV1Qi.graph-example.token"
SELECTED = "id,displayName,userPrincipalName,mail,accountEnabled,createdDateTime"
PAGE = 999
USERS: list[Any] = [
    {
        "id": f"87d349ed-44d7-43e1-9a83-{n:012d}",
        "displayName": f"Ádám № {n}",
        "userPrincipalName": f"user{n}@example.org",
        "mail": None if n % 4 == 0 else f"user{n}@example.org",
        "accountEnabled": n % 3 != 0,
        "createdDateTime": "2021-01-01T00:00:00Z",
    }
    for n in range(2100)
]


def _token(asked: Asked) -> Answer:
    form = asked.form
    assert asked.method == "POST"
    assert (form["grant_type"], form["client_id"]) == ("client_credentials", CLIENT)
    assert form["scope"] == "https://graph.microsoft.com/.default"
    if form["client_secret"] != SECRET:
        return _wrong_secret(asked)
    return Answer({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
                   "access_token": TOKEN})  # fmt: skip


def _page(asked: Asked, users: list[Any]) -> Answer:
    if asked.path == f"/{TENANT}/oauth2/v2.0/token":
        return _token(asked)
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"error": {"code": "InvalidAuthenticationToken", "message": "empty"}}, 401)
    params = asked.params
    assert (asked.method, asked.path) == ("GET", "/v1.0/users")
    start = int(params.pop("$skiptoken", "m~0").removeprefix("m~"))
    assert params == {"$top": str(PAGE), "$select": SELECTED}
    body: dict[str, Any] = {
        "@odata.context": f"{asked.origin}/v1.0/$metadata#users({SELECTED})",
        "value": users[start : start + PAGE],
    }
    if start + PAGE < len(users):
        query = urlencode({**params, "$skiptoken": f"m~{start + PAGE}"}, safe="$")
        body["@odata.nextLink"] = f"{asked.origin}/v1.0/users?{query}"
    return Answer(body, headers={"Content-Type": "application/json;odata.metadata=minimal"})


def _wrong_secret(asked: Asked) -> Answer:
    told = "AADSTS7000215: Invalid client secret provided."
    error = {"error": "invalid_client", "error_description": told, "error_codes": [7000215]}
    return Answer(error, 401)


EMULATION = Emulation(
    records={"users": USERS},
    answer=lambda asked: _page(asked, USERS),
    nothing=lambda asked: _page(asked, []),
    failure=_wrong_secret,
    failure_exit_code=3,
    env={"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": SECRET},
    base_path="/v1.0/",
    settings=(f"client.auth.access_token_url={{origin}}/{TENANT}/oauth2/v2.0/token",),
    again=1,  # a token
)
