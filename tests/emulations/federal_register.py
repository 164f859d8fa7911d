"""Federal Register: https://www.federalregister.gov/developers/documentation/api/v1."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

PAGE = 20
FIRST = date(2024, 1, 1)  # a Monday
GTE, LTE = "conditions[publication_date][gte]", "conditions[publication_date][lte]"


def _document(n: int) -> dict[str, Any]:
    day = FIRST + timedelta(weeks=n // 50, days=n % 50 // 10)  # to Friday
    return {
        "title": f"Safety Zone; Río Grande—Mile {n}",
        "type": "Rule",
        "abstract": None if n % 6 == 0 else "The Coast Guard is establishing a § 165 zone.",
        "document_number": f"2024-{n:05d}",
        "html_url": f"https://www.federalregister.gov/d/2024-{n:05d}",
        "publication_date": day.isoformat(),
        "agencies": [{"raw_name": "DEPARTMENT OF HOMELAND SECURITY", "id": 227}],
    }


DOCUMENTS = [_document(n) for n in range(70)]


def _page(asked: Asked, documents: list[dict[str, Any]]) -> Answer:
    assert asked.method == "GET"
    params = asked.params
    page, size = int(params.pop("page", "1")), int(params.pop("per_page"))
    if page == 1:
        assert asked.path == "/api/v1/documents.json"
        assert params.keys() == {"order", GTE, LTE}
    else:  # where the links lead
        assert asked.path == "/api/v1/documents"
        assert params.keys() == {"order", GTE, LTE, "format"}
    assert params["order"] == "oldest"
    assert 1 <= size <= 1000
    since, until = date.fromisoformat(params[GTE]), date.fromisoformat(params[LTE])
    found = [
        document
        for document in documents
        if since <= date.fromisoformat(document["publication_date"]) <= until
    ]
    if not found:
        return Answer({"count": 0, "description": "All Documents"})
    pages = -(-len(found) // size)
    body = {"count": len(found), "description": "All Documents", "total_pages": pages}

    def link(number: int) -> str:
        query = {**params, "format": "json", "page": number, "per_page": size}
        return f"{asked.origin}/api/v1/documents?{urlencode(query)}"

    if page < pages:
        body["next_page_url"] = link(page + 1)
    if page > 1:
        body["previous_page_url"] = link(page - 1)
    return Answer({**body, "results": found[size * (page - 1) : size * page]},
                  headers={"Content-Type": "application/json; charset=utf-8"})  # fmt: skip


EMULATION = Emulation(
    records={"documents": DOCUMENTS},
    answer=lambda asked: _page(asked, DOCUMENTS),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: Answer({"errors": {"publication_date": "is not a valid date"}}, 400),
    failure_exit_code=3,
    base_path="/api/v1/",
    settings=(
        f"resources.documents.params.per_page={PAGE}",
        "resources.documents.partitions.window.end=2024-01-22",
    ),
)
