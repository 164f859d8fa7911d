"""ClinicalTrials.gov: https://clinicaltrials.gov/data-api/api#get-/studies."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PAGE = 50
COUNTS = {"Crohn Disease": 120, "Ulcerative Colitis": 50}


def _study(condition: str, n: int) -> dict[str, Any]:
    return {
        "protocolSection": {
            "identificationModule": {
                "nctId": f"NCT{len(condition):02d}{n:06d}",
                "briefTitle": f"Étude de la β-lactamase № {n}",
                "orgStudyIdInfo": {"id": f"CHUV-{n}"},
            },
            "statusModule": {"overallStatus": "RECRUITING", "statusVerifiedDate": "2024-01"},
            "conditionsModule": {"conditions": [condition]},
        },
        "derivedSection": {"miscInfoModule": {"versionHolder": "2024-06-01"}},
        "hasResults": n % 4 == 0,
    }


STUDIES = {
    condition: [_study(condition, n) for n in range(count)] for condition, count in COUNTS.items()
}


def _page(asked: Asked, studies: dict[str, list[Any]]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/api/v2/studies")
    params = asked.params
    condition, size, start = params["query.cond"], int(params["pageSize"]), 0
    assert 0 <= size <= 1000
    found = studies[condition]
    body: dict[str, Any] = {}
    if "pageToken" in params:
        assert params.keys() == {"query.cond", "pageSize", "pageToken"}
        of, _, at = urlsafe_b64decode(params["pageToken"]).decode().partition("@")
        assert of == condition, "a page token belongs to its query"
        start = int(at)
    else:
        assert params.keys() == {"query.cond", "pageSize", "countTotal"}
        assert params["countTotal"] == "true"
        body["totalCount"] = len(found)
    body["studies"] = found[start : start + size]
    if start + size < len(found):
        body["nextPageToken"] = urlsafe_b64encode(f"{condition}@{start + size}".encode()).decode()
    return Answer(body)


EMULATION = Emulation(
    records={"studies": [study for found in STUDIES.values() for study in found]},
    answer=lambda asked: _page(asked, STUDIES),
    nothing=lambda asked: _page(asked, {key: [] for key in COUNTS}),
    failure=lambda asked: Answer(
        status=400, text="`query.cond` is invalid", headers={"Content-Type": "text/plain"}
    ),
    failure_exit_code=3,
    base_path="/api/v2/",
    settings=(f"resources.studies.params.pageSize={PAGE}",),
)
