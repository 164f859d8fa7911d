"""Elasticsearch: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-scroll."""

from base64 import b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="
PAGE = 50
HITS: dict[int, list[Any]] = {
    shard: [
        {
            "_index": "my-index",
            "_id": f"{shard}-{n}",
            "_score": None,
            "_source": {"n": 2**63 - 1 - n, "name": f"Łódź {n}", "note": None},
            "sort": [n],
        }
        for n in range(count)
    ]
    for shard, count in ((0, 120), (1, 50))
}


class _Cluster:
    """Remembers how far each scroll has come, as the server does: asking moves it on."""

    def __init__(self, hits: dict[int, list[Any]]) -> None:
        self._hits = hits
        self._scrolls: dict[str, tuple[int, int, int]] = {}  # slice, size, next hit

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"ApiKey {KEY}":
            return Answer({"error": {"type": "security_exception"}, "status": 401}, 401)
        assert asked.method == "POST"
        json = asked.json
        if asked.path == "/_search/scroll":
            assert (json.keys(), asked.query) == ({"scroll", "scroll_id"}, ())
            return self._page(json["scroll_id"])
        assert (asked.path, asked.params) == ("/my-index/_search", {"scroll": "5m"})
        assert json.keys() == {"size", "slice", "sort", "query"}
        assert 1 <= json["size"] <= 10_000
        assert json["slice"]["max"] == len(self._hits)
        scroll = b64encode(b"FGluY2x1ZGVfY29udGV4dF91dWlk%d" % len(self._scrolls)).decode()
        self._scrolls[scroll] = (json["slice"]["id"], json["size"], 0)
        return self._page(scroll)

    def _page(self, scroll: str) -> Answer:
        if scroll not in self._scrolls:
            return _expired(scroll)
        shard, size, start = self._scrolls[scroll]
        self._scrolls[scroll] = (shard, size, start + size)
        found = self._hits[shard]
        total = {"value": len(found), "relation": "eq"}
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        hits = {"total": total, "max_score": None, "hits": found[start : start + size]}
        return Answer({"_scroll_id": scroll, "took": 2, "timed_out": False,
                       "_shards": shards, "hits": hits})  # fmt: skip


def _expired(scroll: str) -> Answer:
    cause = {
        "type": "search_context_missing_exception",
        "reason": f"No search context for {scroll}",
    }
    failed = {"type": "search_phase_execution_exception", "reason": "all shards failed"}
    return Answer({"error": {"root_cause": [cause], **failed}, "status": 404}, 404)


CLUSTER, FORGETFUL = _Cluster(HITS), _Cluster(HITS)


def _forgotten(asked: Asked) -> Answer:
    """The first page, and then a scroll that has expired."""
    first = asked.path != "/_search/scroll"
    return FORGETFUL.answer(asked) if first else _expired(asked.json["scroll_id"])


EMULATION = Emulation(
    records={"documents": HITS[0] + HITS[1]},
    answer=CLUSTER.answer,
    nothing=_Cluster({0: [], 1: []}).answer,
    failure=_forgotten,
    failure_exit_code=3,
    env={"ELASTIC_API_KEY": KEY},
    settings=(f"resources.documents.json.size={PAGE}",),
    again=2,  # both pages of the first slice: the cluster has moved on
)
