"""Salesforce, Bulk API 2.0: https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

ROWS = [
    {"Id": f"003{n:015}", "Name": f"N. {n}, é", "LastModifiedDate": f"2026-01-{n % 28 + 1:02}"}
    for n in range(5)
]
_JOB = "750R0000000zlh9IAA"
_polls: dict[str, int] = {}


def _answer(asked: Asked, rows: list[dict[str, Any]]) -> Answer:
    assert asked.headers["authorization"] == "Bearer 00D!s3cret.token"
    path = asked.path.removeprefix("/services/data/v62.0/jobs/query")
    if not path:
        assert asked.method == "POST"
        assert asked.json["operation"] == "query"
        assert asked.json["query"].startswith("SELECT ")
        return Answer({"id": _JOB, "state": "UploadComplete", "object": "Contact"})
    if path == f"/{_JOB}":
        count = _polls[asked.origin] = _polls.get(asked.origin, 0) + 1
        state = "JobComplete" if count % 2 == 0 else "InProgress"
        return Answer({"id": _JOB, "state": state, "retries": 0})
    assert path == f"/{_JOB}/results"
    assert asked.params["maxRecords"] == "50000"
    at = int(asked.params.get("locator", 0))
    page = rows[at : at + 2]
    text = "\n".join(['"Id","Name","LastModifiedDate"', *(_line(row) for row in page), ""])
    locator = str(at + 2) if at + 2 < len(rows) else "null"
    headers = {"Content-Type": "text/csv", "Sforce-Locator": locator}
    return Answer(text=text, headers={**headers, "Sforce-NumberOfRecords": str(len(page))})


def _line(row: dict[str, Any]) -> str:
    return ",".join(f'"{value}"' for value in row.values())


EMULATION = Emulation(
    records={"contacts": ROWS},
    answer=lambda asked: _answer(asked, ROWS),
    nothing=lambda asked: _answer(asked, []),
    failure=lambda asked: Answer(
        [{"errorCode": "API_DISABLED_FOR_ORG", "message": "not enabled"}], status=403
    ),
    failure_exit_code=3,
    env={"SALESFORCE_HOST": "acme.my.salesforce.com", "SALESFORCE_TOKEN": "00D!s3cret.token"},
    base_path="/services/data/v62.0/",
    settings=("resources.contacts.job.poll.every=0.01",),
)
