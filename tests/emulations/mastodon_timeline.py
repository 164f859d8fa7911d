"""Mastodon: https://docs.joinmastodon.org/methods/timelines/ and /api/rate-limits/."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "masto-tøken".encode().hex()
TAGS = {"caturday": 90, "wissenschaft": 40}


def _status(tag: str, n: int) -> dict[str, Any]:
    number = 111_680_000_000_000_000 + (1_000_000 * len(tag) - n) * 65_536  # newest first
    return {
        "id": str(number),
        "created_at": "2024-01-01T00:00:00.000Z",
        "in_reply_to_id": None,
        "sensitive": n % 7 == 0,
        "spoiler_text": "",
        "visibility": "public",
        "language": "de" if n % 2 else None,
        "uri": f"https://mastodon.example/users/katze/statuses/{number}",
        "content": f'<p>Schöne Grüße 🐈 <a href="/tags/{tag}">#{tag}</a></p>',
        "reblog": None,
        "account": {"id": str(number % 1000), "acct": "katze@example.social"},
        "tags": [{"name": tag, "url": f"https://mastodon.example/tags/{tag}"}],
    }


STATUSES = {tag: [_status(tag, n) for n in range(count)] for tag, count in TAGS.items()}


def _limits(remaining: int) -> dict[str, str]:
    reset = datetime.now(UTC) + timedelta(minutes=5)
    return {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%M:%S.%fZ}",
        "Content-Type": "application/json; charset=utf-8",
    }


def _page(asked: Asked, statuses: dict[str, list[dict[str, Any]]]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"error": "The access token is invalid"}, 401)
    path, _, tag = asked.path.rpartition("/")
    assert (asked.method, path) == ("GET", "/api/v1/timelines/tag")
    params = asked.params
    assert params.keys() in ({"limit"}, {"limit", "max_id"})
    assert 1 <= int(params["limit"]) <= 40
    below = int(params.get("max_id", 2**63))
    assert below == 2**63 or any(int(status["id"]) == below for status in statuses[tag])
    found = [status for status in statuses[tag] if int(status["id"]) < below]
    found = found[: int(params["limit"])]
    headers = _limits(remaining=291)
    if found:  # a page with statuses has both links, the last one too

        def link(**more: str) -> str:
            query = urlencode({"limit": params["limit"], **more})
            return f"<{asked.origin}{asked.path}?{query}>"

        headers["Link"] = (
            f'{link(max_id=found[-1]["id"])}; rel="next", {link(min_id=found[0]["id"])}; rel="prev"'
        )
    return Answer(found, headers=headers)


EMULATION = Emulation(
    records={"statuses": [status for found in STATUSES.values() for status in found]},
    answer=lambda asked: _page(asked, STATUSES),
    nothing=lambda asked: _page(asked, {key: [] for key in TAGS}),
    failure=lambda asked: Answer({"error": "Too many requests"}, 429, _limits(remaining=0)),
    failure_exit_code=3,
    env={"MASTODON_TOKEN": TOKEN},
    base_path="/api/v1/",
)
