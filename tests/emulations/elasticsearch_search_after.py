"""Elasticsearch: https://www.elastic.co/docs/reference/elasticsearch/rest-apis/paginate-search-results."""

from datetime import UTC, datetime
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
PAGE = 50
TYPE = "application/vnd.elasticsearch+json;compatible-with=9"


def _hit(month: int, n: int) -> dict[str, Any]:
    # Three documents share each nanosecond: only the id tells them apart.
    time = f"2024-{month:02d}-01T00:00:{n // 3:02d}.{123_456_789 + n // 3:09d}Z"
    source = {
        "@timestamp": time,
        "event": {"id": f"é{month:02d}{n:06d}", "sequence": 9_007_199_254_740_993 + n},
        "message": None if n % 10 == 0 else f"søk etter № {n} ✓",
    }
    return {
        "_index": "my-index",
        "_id": f"{month}-{n}",
        "_score": None,
        "_source": source,
        "sort": [time, f"é{month:02d}{n:06d}"],
    }


HITS = {month: [_hit(month, n) for n in range(count)] for month, count in ((1, 120), (2, 50))}


def _month(asked: Asked) -> int:
    json = asked.json
    times = json["query"]["range"]["@timestamp"]
    start, end = (datetime.fromisoformat(times[name]) for name in ("gte", "lt"))
    assert (start.tzinfo, start.day, end.month) == (UTC, 1, start.month + 1)
    return start.month


def _page(asked: Asked, hits: dict[int, list[dict[str, Any]]]) -> Answer:
    if asked.headers.get("authorization") != f"ApiKey {KEY}":
        return Answer({"error": {"type": "security_exception"}, "status": 401}, 401)
    assert (asked.method, asked.path, asked.query) == ("POST", "/my-index/_search", ())
    json = asked.json
    assert json.keys() - {"search_after"} == {"size", "track_total_hits", "query", "sort"}
    assert 1 <= json["size"] <= 10_000
    assert [list(key) for key in json["sort"]] == [["@timestamp"], ["event.id"]]
    found = hits[_month(asked)]
    if after := json.get("search_after"):
        assert after in [hit["sort"] for hit in found]
        found = [hit for hit in found if hit["sort"] > after]
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    body = {"took": 3, "timed_out": False, "_shards": shards,
            "hits": {"max_score": None, "hits": found[: json["size"]]}}  # fmt: skip
    return Answer(body, headers={"Content-Type": TYPE, "X-elastic-product": "Elasticsearch"})


def _full(asked: Asked) -> Answer:
    cause = {"type": "es_rejected_execution_exception", "reason": "rejected execution of search"}
    failed = {"type": "search_phase_execution_exception", "reason": "all shards failed"}
    return Answer({"error": {"root_cause": [cause], **failed}, "status": 429}, 429)


EMULATION = Emulation(
    records={"documents": HITS[1] + HITS[2]},
    answer=lambda asked: _page(asked, HITS),
    nothing=lambda asked: _page(asked, {1: [], 2: []}),
    failure=_full,
    failure_exit_code=3,
    env={"ELASTIC_API_KEY": KEY},
    settings=(f"resources.documents.json.size={PAGE}",),
)
