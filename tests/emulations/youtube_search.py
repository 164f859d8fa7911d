"""YouTube: https://developers.google.com/youtube/v3/docs/search/list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KEY = "AIzaSyD-emulated-key-0123456789"
WEEKS = {"2024-01-01": 120, "2024-01-08": 50, "2024-01-15": 0, "2024-01-22": 3, "2024-01-29": 1}
ASKED = {"part", "type", "order", "q", "maxResults", "publishedAfter", "publishedBefore", "key"}


def _video(week: str, n: int) -> dict[str, Any]:
    return {
        "kind": "youtube#searchResult",
        "etag": f"e{n:026d}",
        "id": {"kind": "youtube#video", "videoId": f"{week[-2:]}_{n:08d}"},
        "snippet": {
            "publishedAt": f"{week}T{n // 60:02d}:{n % 60:02d}:00Z",
            "channelId": "UC0123456789",
            "title": f"Données ouvertes · オープンデータ № {n}",
            "description": "",
            "thumbnails": {"default": {"url": f"https://example.org/{n}.jpg", "width": 120}},
            "liveBroadcastContent": "none",
        },
    }


VIDEOS = {week: [_video(week, n) for n in range(count)] for week, count in WEEKS.items()}


def _page(asked: Asked, videos: dict[str, list[dict[str, Any]]]) -> Answer:
    assert (asked.method, asked.path) == ("GET", "/youtube/v3/search")
    params = asked.params
    if params.get("key") != KEY:
        return _error(400, "API key not valid.", "badRequest", "global")
    assert params.keys() - {"pageToken"} == ASKED
    assert (params["part"], params["type"], params["order"]) == ("snippet", "video", "date")
    assert 0 <= int(params["maxResults"]) <= 50
    assert params["publishedAfter"] < params["publishedBefore"]
    assert params["publishedBefore"].endswith("T23:59:59Z"), "an end that is included"
    week = params["publishedAfter"].removesuffix("T00:00:00Z")
    size, start = int(params["maxResults"]), 0
    if "pageToken" in params:
        of, _, at = urlsafe_b64decode(params["pageToken"]).decode().partition(" ")
        assert of == week, "a page token belongs to its query"
        start = int(at)
    found = [
        each
        for of_week in videos.values()
        for each in of_week
        if params["publishedAfter"] <= each["snippet"]["publishedAt"] <= params["publishedBefore"]
    ]

    def token(at: int) -> str:
        return urlsafe_b64encode(f"{week} {at}".encode()).decode()

    body: dict[str, Any] = {"kind": "youtube#searchListResponse", "etag": "t0"}
    if start + size < len(found):
        body["nextPageToken"] = token(start + size)
    if start:
        body["prevPageToken"] = token(start - size)
    body["regionCode"] = "CH"
    body["pageInfo"] = {"totalResults": 1_000_000, "resultsPerPage": size}  # an estimate, rightly
    body["items"] = found[start : start + size]
    return Answer(body, headers={"Content-Type": "application/json; charset=UTF-8"})


def _error(status: int, message: str, reason: str, domain: str = "youtube.quota") -> Answer:
    one = {"message": message, "domain": domain, "reason": reason}
    return Answer({"error": {"code": status, "message": message, "errors": [one]}}, status)


EMULATION = Emulation(
    records={"videos": [video for found in VIDEOS.values() for video in found]},
    answer=lambda asked: _page(asked, VIDEOS),
    nothing=lambda asked: _page(asked, {key: [] for key in WEEKS}),
    failure=lambda asked: _error(403, "You have exceeded your quota.", "quotaExceeded"),
    failure_exit_code=4,
    env={"YOUTUBE_API_KEY": KEY},
    base_path="/youtube/v3/",
)
