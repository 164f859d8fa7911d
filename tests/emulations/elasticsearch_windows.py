"""Elasticsearch's result window.

https://www.elastic.co/guide/en/elasticsearch/reference/current/paginate-search-results.html
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6example=="
#: The most that from and size may be together; 10,000 unless an index says otherwise.
CAP = 300
START, BUSY = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 1, 12, tzinfo=UTC)
TIMES = [
    *(START + timedelta(days=n) for n in range(180)),
    *(BUSY + timedelta(seconds=n) for n in range(450)),
]


def _hit(n: int) -> dict[str, Any]:
    at = TIMES[n].strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"_index": "logs", "_id": f"x{n:05d}", "_source": {"@timestamp": at, "msg": "größer"}}


HITS = [_hit(n) for n in range(len(TIMES))]


def _refused(kind: str, reason: str, status: int) -> Answer:
    cause = {"type": kind, "reason": reason}
    return Answer({"error": {"root_cause": [cause], **cause}, "status": status}, status)


def _page(asked: Asked, hits: list[Any]) -> Answer:
    if asked.headers.get("authorization") != f"ApiKey {KEY}":
        return _refused("security_exception", "unable to authenticate", 401)
    assert (asked.method, asked.path) == ("POST", "/logs/_search")
    body = asked.json
    assert body["track_total_hits"] is True
    start, size = body["from"], body["size"]
    if start + size > CAP:
        told = f"Result window is too large, from + size must be less than or equal to: [{CAP}]"
        return _refused("illegal_argument_exception", told, 400)
    times = body["query"]["range"]["@timestamp"]
    found = [hit for hit in hits if times["gte"] <= hit["_source"]["@timestamp"] < times["lt"]]
    total = {"value": len(found), "relation": "eq"}
    shown = {"total": total, "max_score": None, "hits": found[start : start + size]}
    return Answer({"took": 3, "timed_out": False, "hits": shown})


EMULATION = Emulation(
    records={"hits": HITS},
    answer=lambda asked: _page(asked, HITS),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: _refused("security_exception", "unable to authenticate", 401),
    failure_exit_code=3,
    env={"ELASTIC_API_KEY": KEY},
    settings=(
        f"resources.hits.partitions.window.split_above={CAP - 1}",
        "resources.hits.json.size=100",
        "resources.hits.paginator.limit=100",
    ),
)
