"""QuickBooks Online.

https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/data-queries
"""

import re
from base64 import b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

COMPANY, CLIENT, SECRET = "9341453172345", "ABquickbooks-client", "quickbooks-s3cret"
TOKEN, REFRESH = "eyJlbmMiOiJBMTI4.quickbooks", "AB11734example-refresh"
BASIC = b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
QUERY = re.compile(
    r"select \* from Invoice where MetaData\.LastUpdatedTime >= '(\S+Z)' "
    r"orderby MetaData\.LastUpdatedTime startposition (\d+) maxresults (\d+)"
)

#: The config's own query, by smaller pages.
SMALLER = (
    "select * from Invoice where MetaData.LastUpdatedTime >= '{since:%Y-%m-%dT%H:%M:%SZ}' "
    "orderby MetaData.LastUpdatedTime startposition {offset} maxresults 100"
)


def _invoice(n: int, at: str) -> dict[str, Any]:
    return {
        "Id": str(n),
        "SyncToken": "0",
        "DocNumber": f"№ {1000 + n}",
        "TotalAmt": 362.07,
        "MetaData": {"CreateTime": "2024-01-01T00:00:00-08:00", "LastUpdatedTime": at},
    }


INVOICES = [_invoice(n, f"2024-01-01T{n // 60:02d}:{n % 60:02d}:00Z") for n in range(230)]
CHANGED = [_invoice(3, "2024-02-01T00:00:00Z"), _invoice(231, "2024-02-02T00:00:00Z")]


class Company:
    """The invoices of a company; some change once a list has been read to its end."""

    def __init__(self, invoices: list[Any], changed: list[Any]) -> None:
        self.invoices, self.changed = invoices, changed

    def answer(self, asked: Asked) -> Answer:
        """A page of a query."""
        if asked.path == "/tokens":
            return _token(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refused(asked)
        assert (asked.method, asked.path) == ("GET", f"/v3/company/{COMPANY}/query")
        assert asked.headers["accept"] == "application/json"
        params = asked.params
        found = QUERY.fullmatch(params["query"])
        assert found is not None, params["query"]
        since, start, most = found[1], int(found[2]), int(found[3])
        assert 1 <= most <= 1000
        known = self.invoices + (self.changed if since > "2024" else [])
        invoices = [one for one in known if one["MetaData"]["LastUpdatedTime"] >= since]
        page = invoices[start - 1 : start - 1 + most]
        shown = {"Invoice": page, "startPosition": start, "maxResults": len(page)} if page else {}
        return Answer({"QueryResponse": shown, "time": "2026-01-01T00:00:00.000-08:00"})


def _token(asked: Asked) -> Answer:
    assert asked.headers["authorization"] == f"Basic {BASIC}"
    form = asked.form
    assert form["grant_type"] == "refresh_token"
    assert form["refresh_token"].startswith(REFRESH)
    given = {"access_token": TOKEN, "token_type": "bearer", "expires_in": 3600}
    return Answer({**given, "refresh_token": f"{REFRESH}-2", "x_refresh_token_expires_in": 8726400})


def _refused(asked: Asked) -> Answer:
    if asked.path == "/tokens":
        return _token(asked)
    error = {"Message": "message=AuthenticationFailed; statusCode=401", "code": "3200"}
    return Answer({"Fault": {"Error": [error], "type": "AUTHENTICATION"}}, 401)


EMULATION = Emulation(
    records={"invoices": INVOICES},
    answer=Company(INVOICES, CHANGED).answer,
    nothing=Company([], []).answer,
    failure=_refused,
    failure_exit_code=3,
    env={
        "QUICKBOOKS_COMPANY": COMPANY,
        "QUICKBOOKS_CLIENT_ID": CLIENT,
        "QUICKBOOKS_CLIENT_SECRET": SECRET,
    },
    base_path=f"/v3/company/{COMPANY}/",
    settings=(
        "client.auth.access_token_url={origin}/tokens",
        f"resources.invoices.params.query={SMALLER}",
        "resources.invoices.paginator.limit=100",
    ),
    again=1,  # a token
    login=REFRESH,
    later={"invoices": [INVOICES[-1], *CHANGED]},  # the end of the run before is included
)
