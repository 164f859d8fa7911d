"""Binance: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security."""

import hmac
import time
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY, SECRET = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP"
SIZES = {"BTCEUR": 230, "ETHEUR": 30}


def _trade(symbol: str, n: int) -> dict[str, Any]:
    number = 28_457 + 3 * n  # one's own are not all
    return {
        "symbol": symbol,
        "id": number,
        "orderId": 100_234 + n,
        "price": "4.00000100",
        "qty": "12.00000000",
        "time": 1_499_865_549_590 + n,
        "isBuyer": n % 2 == 0,
    }


def _page(asked: Asked, sizes: dict[str, int]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/api/v3/myTrades")
    if asked.headers.get("x-mbx-apikey") != KEY:
        return Answer({"code": -2014, "msg": "API-key format invalid."}, 401)
    query, _, signature = asked.target.partition("?")[2].rpartition("&signature=")
    if hmac.digest(SECRET.encode(), query.encode(), "sha256").hex() != signature:
        return _refused(asked)
    params = asked.params
    if abs(int(params["timestamp"]) / 1000 - time.time()) > 5:
        return Answer({"code": -1021, "msg": "Timestamp is outside of the recvWindow."}, 400)
    assert params.keys() == {"symbol", "limit", "fromId", "timestamp", "signature"}
    limit, first = int(params["limit"]), int(params["fromId"])
    assert limit <= 1000
    trades = [_trade(params["symbol"], n) for n in range(sizes[params["symbol"]])]
    return Answer([trade for trade in trades if trade["id"] >= first][:limit])


def _refused(asked: Asked) -> Answer:
    return Answer({"code": -1022, "msg": "Signature for this request is not valid."}, 400)


EMULATION = Emulation(
    records={"trades": [_trade(symbol, n) for symbol, size in SIZES.items() for n in range(size)]},
    answer=lambda asked: _page(asked, SIZES),
    nothing=lambda asked: _page(asked, dict.fromkeys(SIZES, 0)),
    failure=_refused,
    failure_exit_code=3,
    env={"BINANCE_KEY": KEY, "BINANCE_SECRET": SECRET},
    base_path="/api/v3/",
    settings=("resources.trades.params.limit=100",),
)
