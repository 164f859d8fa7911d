"""Reddit: https://www.reddit.com/dev/api/#GET_new."""

from base64 import b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

CLIENT, SECRET = "reddit-client-1", "reddit-secret-1"
TOKEN = "eyJhbGciOiJSUzI1NiIs.reddit-example.token"
BASIC = "Basic " + b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
POSTS: dict[str, list[Any]] = {
    subreddit: [
        {
            "id": f"{subreddit[4]}{n:04d}",
            "name": f"t3_{subreddit[4]}{n:04d}",
            "subreddit": subreddit,
            "title": f"Déjà vu & more № {n}",
            "selftext": "",
            "author_fullname": None if n % 9 == 0 else f"t2_{n}",
            "created_utc": 1609459200.0 - n,
            "score": n % 70,
            "edited": False,
        }
        for n in range(size)
    ]
    for subreddit, size in (("datascience", 250), ("dataisbeautiful", 100))
}


def _page(asked: Asked, posts: dict[str, list[Any]]) -> Answer:
    assert "by /u/" in asked.headers["user-agent"]
    if asked.path == "/api/v1/access_token":
        assert asked.form == {"grant_type": "client_credentials"}
        if asked.headers.get("authorization") != BASIC:
            return Answer({"message": "Unauthorized", "error": 401}, 401)
        return Answer({"access_token": TOKEN, "token_type": "bearer", "expires_in": 86400,
                       "scope": "*"})  # fmt: skip
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"message": "Unauthorized", "error": 401}, 401)
    params = asked.params
    _, r, subreddit, new = asked.path.split("/")
    assert (asked.method, r, new) == ("GET", "r", "new")
    assert params.keys() <= {"limit", "raw_json", "after"}
    limit = int(params["limit"])
    assert 1 <= limit <= 100
    found = posts[subreddit]
    names = [post["name"] for post in found]
    start = names.index(params["after"]) + 1 if "after" in params else 0
    page = found[start : start + limit]
    data = {
        "after": page[-1]["name"] if start + limit < len(found) else None,
        "dist": len(page),
        "modhash": None,
        "geo_filter": "",
        "children": [{"kind": "t3", "data": post} for post in page],
        "before": None,
    }
    headers = {
        "x-ratelimit-used": "1",
        "x-ratelimit-remaining": "99.0",
        "x-ratelimit-reset": "420",
    }
    return Answer({"kind": "Listing", "data": data}, headers=headers)


def _too_many(asked: Asked) -> Answer:
    if asked.path == "/api/v1/access_token":
        return _page(asked, POSTS)
    return Answer({"message": "Too Many Requests", "error": 429}, 429,
                  {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "30000"})  # fmt: skip


EMULATION = Emulation(
    records={"posts": POSTS["datascience"] + POSTS["dataisbeautiful"]},
    answer=lambda asked: _page(asked, POSTS),
    nothing=lambda asked: _page(asked, {name: [] for name in POSTS}),
    failure=_too_many,
    failure_exit_code=3,
    env={"REDDIT_CLIENT_ID": CLIENT, "REDDIT_CLIENT_SECRET": SECRET},
    settings=("client.auth.access_token_url={origin}/api/v1/access_token",),
    again=1,  # a token
)
