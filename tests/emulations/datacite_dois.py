"""DataCite: https://support.datacite.org/docs/pagination.

A page that is not full has no next link; one that is has it, even if an empty page follows. The
link forgets mailto.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

SIZES = {"dryad.dryad": 2000, "gbif.gbif": 1003}
FIXED = {"resource-type-id": "dataset", "page[size]": "1000"}


def _doi(repository: str, n: int) -> dict[str, Any]:
    doi = f"10.5061/{repository}.{n}"
    return {
        "id": doi,
        "type": "dois",
        "attributes": {
            "doi": doi,
            "titles": [{"title": f"Données № {n}", "lang": None}],
            "publicationYear": 2000 + n % 25,
            "contentUrl": None,
            "state": "findable",
        },
        "relationships": {"client": {"data": {"id": repository, "type": "clients"}}},
    }


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/dois")
    params = asked.params
    assert params.pop("mailto") == "lab@example.org"
    repository, cursor = params["client-id"], params.pop("page[cursor]")
    assert params == {**FIXED, "client-id": repository}
    start = 0
    if cursor != "1":
        sealed, _, place = urlsafe_b64decode(cursor).decode().partition(",")
        assert sealed == repository
        start = int(place)
    data = [_doi(repository, n) for n in range(start, min(start + 1000, sizes[repository]))]
    links = {"self": f"{asked.origin}/dois?" + urlencode({**params, "page[cursor]": cursor})}
    if len(data) == 1000:
        following = urlsafe_b64encode(f"{repository},{start + 1000}".encode()).decode()
        links["next"] = f"{asked.origin}/dois?" + urlencode({**params, "page[cursor]": following})
    meta = {"total": sizes[repository], "totalPages": -(-sizes[repository] // 1000)}
    headers = {"content-type": "application/vnd.api+json; charset=utf-8"}
    return Answer({"data": data, "meta": meta, "links": links}, headers=headers)


def _limited(asked: Asked) -> Answer:
    return Answer({"errors": [{"status": "429", "title": "Too many requests"}]}, 429)


EMULATION = Emulation(
    records={
        "dois": [_doi(repository, n) for repository in SIZES for n in range(SIZES[repository])]
    },
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, dict.fromkeys(SIZES, 0)),
    failure=_limited,
    failure_exit_code=3,
    env={"DATACITE_MAILTO": "lab@example.org"},
)
