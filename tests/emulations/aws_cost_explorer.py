"""AWS Cost Explorer, and how AWS signs requests.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import json
import re
from datetime import date, timedelta
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SIGNED = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={KEY}/(\d{{8}}/us-east-1/ce/aws4_request), "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 1)
PAGE = 12


def _day(day: date) -> dict[str, Any]:
    cost = {"Amount": f"{day.day}.0000000001", "Unit": "USD"}
    group = {"Keys": ["Amazon Simple Storage Service"], "Metrics": {"UnblendedCost": cost}}
    period = {"Start": str(day), "End": str(day + timedelta(days=1))}
    return {"TimePeriod": period, "Total": {}, "Groups": [group], "Estimated": False}


def _days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days)]


def _is_signed(asked: Asked) -> bool:
    found = SIGNED.fullmatch(asked.headers.get("authorization", ""))
    if found is None:
        return False
    scope, names, signature = found.groups()
    assert {"host", "x-amz-date", "x-amz-target"} <= set(names.split(";"))
    headers = "".join(f"{name}:{asked.headers[name].strip()}\n" for name in names.split(";"))
    body = hashlib.sha256(asked.body).hexdigest()
    canonical = "\n".join([asked.method, asked.path, "", headers, names, body])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", asked.headers["x-amz-date"], scope, digest])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex() == signature


def _refused(asked: Asked) -> Answer:
    message = "The security token included in the request is invalid."
    return Answer({"__type": "UnrecognizedClientException", "message": message}, 400)


def _page(asked: Asked, *, empty: bool = False) -> Answer:
    assert (asked.method, asked.path, asked.query) == ("POST", "/", ())
    assert asked.headers["content-type"] == "application/x-amz-json-1.1"
    assert asked.headers["x-amz-target"] == "AWSInsightsIndexService.GetCostAndUsage"
    if not _is_signed(asked):
        return _refused(asked)
    body = json.loads(asked.body)
    start = int(body.pop("NextPageToken", "token-0").removeprefix("token-"))
    assert body.keys() == {"TimePeriod", "Granularity", "Metrics", "GroupBy"}
    period = body["TimePeriod"]
    days = _days(date.fromisoformat(period["Start"]), date.fromisoformat(period["End"]))
    days = [] if empty else days
    page: dict[str, Any] = {"ResultsByTime": [_day(day) for day in days[start : start + PAGE]]}
    if start + PAGE < len(days):
        page["NextPageToken"] = f"token-{start + PAGE}"
    return Answer({"GroupDefinitions": body["GroupBy"], **page, "DimensionValueAttributes": []})


EMULATION = Emulation(
    records={"days": [_day(day) for day in _days(FIRST, LAST)]},
    answer=_page,
    nothing=lambda asked: _page(asked, empty=True),
    failure=_refused,
    failure_exit_code=3,
    env={"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
    settings=("resources.days.partitions.window.end=2026-03-01",),
)
