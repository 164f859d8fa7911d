"""Microsoft Graph's delta queries: https://learn.microsoft.com/en-us/graph/delta-query-users."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation
from tests.emulations.microsoft_graph_users import CLIENT, SECRET, TENANT, TOKEN, _token

PAGE = 100
USERS: list[Any] = [
    {"id": f"87d349ed-{n:012d}", "displayName": f"Zoë № {n}", "mail": None} for n in range(230)
]
CHANGED: list[Any] = [
    {"id": "87d349ed-000000000001", "displayName": "Zoë, now with a mail", "mail": "z@example.org"},
    {"id": "87d349ed-000000000002", "@removed": {"reason": "changed"}},
]


def _page(asked: Asked, users: list[Any]) -> Answer:
    if asked.path == f"/{TENANT}/oauth2/v2.0/token":
        return _token(asked)
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"error": {"code": "InvalidAuthenticationToken", "message": "empty"}}, 401)
    assert (asked.method, asked.path) == ("GET", "/v1.0/users/delta")
    params, start = asked.params, 0
    if skipped := params.pop("$skiptoken", ""):
        start = int(skipped.removeprefix("s~"))
    elif token := params.pop("$deltatoken", ""):
        assert token == "d~1"
        users = CHANGED
    else:
        assert params.pop("$select") == "id,displayName,mail"
    assert params == {}, "the link holds all that was asked"
    more = start + PAGE < len(users)
    link = f"$skiptoken=s~{start + PAGE}" if more else "$deltatoken=d~1"
    name = "@odata.nextLink" if more else "@odata.deltaLink"
    where = f"{asked.origin}/v1.0/users/delta?{link}"
    return Answer({"value": users[start : start + PAGE], name: where})


def _wrong_app(asked: Asked) -> Answer:
    if asked.path.endswith("/token"):
        return _token(asked)
    message = "Insufficient privileges to complete the operation."
    return Answer({"error": {"code": "Authorization_RequestDenied", "message": message}}, 403)


EMULATION = Emulation(
    records={"users": USERS},
    answer=lambda asked: _page(asked, USERS),
    nothing=lambda asked: _page(asked, []),
    failure=_wrong_app,
    failure_exit_code=3,
    env={"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": SECRET},
    base_path="/v1.0/",
    settings=(f"client.auth.access_token_url={{origin}}/{TENANT}/oauth2/v2.0/token",),
    again=1,  # a token
    later={"users": CHANGED},
)
