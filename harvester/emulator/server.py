"""Serves the emulator: who may ask, how often, what they get, and what goes wrong on the way.

A request passes these stations in order, and the first that objects answers: path and method
(404, 405), bearer token (401), rate limit (429), faults (503, 429, reset), monthly cap (429),
the API itself (400, 403, 422). Only what is left is a page, and a fault may still spoil its
transfer. All state (windows, fates, counts) lies under one lock; pages are made outside it.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from threading import Lock
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from harvester.emulator import endpoints as at
from harvester.emulator import v1, v2
from harvester.emulator.faults import UNHARMED, Fate, Fates, Fault, Faults
from harvester.emulator.limits import Allowance, RateLimit, Ruling
from harvester.emulator.paging import Archive
from harvester.emulator.tweets import Tweets
from harvester.emulator.wire import Call, Response, Server, gzipped

NO_FAULTS = Faults()
START = datetime(2021, 1, 1, tzinfo=UTC)
END = datetime(2022, 1, 1, tzinfo=UTC)

_ANSWERS: Mapping[at.Endpoint, Callable[[Archive, at.Request], at.Answer]] = {
    at.SEARCH_ALL: v2.search,
    at.SEARCH_RECENT: v2.search,
    at.COUNTS_ALL: v2.counts,
    at.COUNTS_RECENT: v2.counts,
    at.SEARCH_V1: v1.standard,
    at.PREMIUM: v1.premium,
}
_CAPPED = (at.SEARCH_ALL, at.SEARCH_RECENT)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What was decided on a request, before it is dressed for the wire."""

    status: int
    body: bytes
    ruling: Ruling | None = None
    fate: Fate = UNHARMED


class Emulator:
    """Twitter's search APIs on a loopback port, for the length of a `with` block.

    Each query has a stream of `tweets` tweets (or `per_day` a day) over [start, end), the same
    for the same `seed` everywhere. `rate_limit` holds for each endpoint by itself; None means what
    each documents: 300 requests in 15 minutes *and one per second* for full-archive search.
    `monthly_cap` tweets of v2 search are served, then only UsageCapExceeded. `now` returns Unix
    seconds. `port` 0 picks a free one. `gzip=False` ignores Accept-Encoding.

    `counts` says what was done so far, by name: `requests`, `pages` (answers with status 200,
    spoiled or not), `tweets` (in them), each status that is not 200 (`"400"`, `"429"`, …), the
    kinds of 429 (`429_window`, `429_second`, `429_cap`, `429_fault`), `reset`, `cut` and its
    kinds (`cut_length`, `cut_chunked`, `cut_gzip`), `slow`.
    """

    def __init__(
        self,
        *,
        tweets: int = 100_000,
        per_day: float | None = None,
        seed: int = 1,
        start: datetime = START,
        end: datetime = END,
        bearer: str = "demo",
        rate_limit: RateLimit | None = None,
        monthly_cap: int | None = None,
        faults: Faults = NO_FAULTS,
        gzip: bool = True,
        chunked: bool = False,
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        if per_day is not None:
            tweets = round(per_day * (end - start).total_seconds() / 86_400)
        self.tweets = Tweets(tweets, seed, start, end)
        self.bearer = bearer
        self.counts: Counter[str] = Counter()
        self._archive = Archive(self.tweets, now, short=faults.short, empty=faults.empty)
        self._faults = faults
        self._fates = Fates(faults, seed)
        self._allowances = {
            endpoint: Allowance(
                rate_limit or RateLimit(endpoint.requests, endpoint.window_s, endpoint.per_second)
            )
            for endpoint in at.ENDPOINTS
        }
        self._cap_left = float("inf") if monthly_cap is None else monthly_cap
        self._gzip = gzip
        self._chunked = chunked
        self._port = port
        self._now = now
        self._lock = Lock()
        self._server: Server | None = None

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`; RuntimeError before the emulator was started."""
        if self._server is None:
            raise RuntimeError("the emulator is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """The v2 API: `http://127.0.0.1:PORT/2/`, in the place of `https://api.twitter.com/2/`."""
        return self.origin + "/2/"

    def start(self) -> None:
        """Listen; OSError if the port is taken."""
        self._server = Server(self._port, self._respond)
        self._server.start()

    def stop(self) -> None:
        """Close everything. RuntimeError if the emulator itself failed while it ran."""
        if self._server is not None:
            server, self._server = self._server, None
            server.stop()
            if server.errors:
                raise RuntimeError("the emulator failed inside") from server.errors[0]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _respond(self, call: Call) -> Response:
        path, _, query = call.target.partition("?")
        try:
            outcome = self._decide(call, path, query)
        except Exception as error:  # told to the client, and raised by `stop`
            if self._server is not None:
                self._server.errors.append(error)
            outcome = _Outcome(500, _json(at.refusal(at.family(path), 500)))
        with self._lock:
            self._count(outcome)
        return self._dress(call, outcome)

    def _decide(self, call: Call, path: str, query: str) -> _Outcome:
        family, endpoint = at.family(path), at.route(path)
        if endpoint is None or call.method != endpoint.method:
            status = 405 if endpoint else 404
            return _Outcome(status, _json(at.refusal(family, status)))
        allowance = self._allowances[endpoint]
        request = at.Request(endpoint, parse_qs(query, keep_blank_values=True), call.body)
        authorized = call.headers.get("authorization") == f"Bearer {self.bearer}"
        with self._lock:
            ruling = allowance.take(self._now()) if authorized else allowance.look(self._now())
            if not authorized or ruling.refused:
                status = 429 if authorized else 401
                return _Outcome(status, _json(at.refusal(family, status)), ruling)
            page = call.target.encode("latin-1", "replace") + b"\n" + call.body
            fate = self._fates.deal(page, v2.max_results(request))
            capped = endpoint in _CAPPED and self._cap_left <= 0
        if fate.fault in (Fault.UNAVAILABLE, Fault.TOO_MANY, Fault.RESET):
            status = 429 if fate.fault is Fault.TOO_MANY else 503
            return _Outcome(status, _json(at.refusal(family, status)), ruling, fate)
        if capped:
            return _Outcome(429, _json(at.USAGE_CAP_EXCEEDED), ruling)
        try:
            answer = _ANSWERS[endpoint](self._archive, request)
        except at.Refused as refused:
            return _Outcome(refused.status, _json(refused.body), ruling)
        with self._lock:
            self._cap_left -= answer.tweets if endpoint in _CAPPED else 0
            self.counts["tweets"] += answer.tweets
        return _Outcome(200, answer.body, ruling, self._possible(call, fate))

    def _possible(self, call: Call, fate: Fate) -> Fate:
        """Turn a cut that this response cannot have into one that it can."""
        gzip_missing = fate.fault is Fault.CUT_GZIP and not (self._gzip and call.takes_gzip)
        if gzip_missing or (fate.fault is Fault.CUT_CHUNKED and not call.modern):
            return Fate(Fault.CUT_LENGTH, fate.slow, fate.where)
        return fate

    def _count(self, outcome: _Outcome) -> None:
        counts, fault = self.counts, outcome.fate.fault
        counts["requests"] += 1
        if fault is Fault.RESET:
            counts[fault] += 1
            return
        counts["pages" if outcome.status == 200 else str(outcome.status)] += 1
        if outcome.status == 429:
            refused = outcome.ruling.refused if outcome.ruling else None
            counts[fault or f"429_{refused or 'cap'}"] += 1
        elif fault and fault is not Fault.UNAVAILABLE:
            counts[fault] += 1
            counts["cut"] += 1
        counts["slow"] += outcome.status == 200 and outcome.fate.slow

    def _dress(self, call: Call, outcome: _Outcome) -> Response:
        headers = [
            ("date", formatdate(self._now(), usegmt=True)),
            ("content-type", "application/json; charset=utf-8"),
            ("cache-control", "no-cache, no-store, max-age=0"),
        ]
        if ruling := outcome.ruling:
            headers += [
                ("x-rate-limit-limit", str(ruling.limit)),
                ("x-rate-limit-remaining", str(ruling.remaining)),
                ("x-rate-limit-reset", str(ruling.reset)),
            ]
        body = outcome.body
        if self._gzip and call.takes_gzip:
            headers.append(("content-encoding", "gzip"))
            body = gzipped(body)
        return Response(
            status=outcome.status,
            headers=tuple(headers),
            body=body,
            chunked=self._chunked and call.modern,
            fault=outcome.fate.fault,
            where=outcome.fate.where,
            before_s=self._faults.latency_s,
            halfway_s=self._faults.slow_s if outcome.fate.slow and outcome.status == 200 else 0.0,
        )


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
