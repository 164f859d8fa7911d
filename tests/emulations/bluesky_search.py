"""Bluesky: https://docs.bsky.app/docs/api/app-bsky-feed-search-posts."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

HANDLE, PASSWORD = "lab.example.org", "abcd-efgh-ijkl-mnop"
POSTS: dict[str, list[Any]] = {
    day: [
        {
            "uri": f"at://did:plc:example/app.bsky.feed.post/{day}-{n}",
            "cid": f"bafyrei{day}{n}",
            "author": {"did": "did:plc:example", "handle": "nasa.example", "avatar": None},
            "record": {"$type": "app.bsky.feed.post", "text": f"🚀 № {n}", "langs": ["en"]},
            "likeCount": n % 30,
            "indexedAt": f"{day}T12:00:00.000Z",
        }
        for n in range(size)
    ]
    for day, size in (("2024-01-01", 230), ("2024-01-02", 40))
}
NEXT_DAY = {"2024-01-01": "2024-01-02", "2024-01-02": "2024-01-03"}


class _Server:
    """Each login ends the session before it, so that its token has run out."""

    def __init__(self, posts: dict[str, list[Any]]) -> None:
        self._posts = posts
        self._sessions = 0

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/xrpc/com.atproto.server.createSession":
            return self._session(asked)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not token.startswith("eyJ.bluesky-example."):
            return Answer({"error": "AuthMissing", "message": "Authentication Required"}, 401)
        if token != f"eyJ.bluesky-example.{self._sessions}":
            return Answer({"error": "ExpiredToken", "message": "Token has expired"}, 400)
        assert (asked.method, asked.path) == ("GET", "/xrpc/app.bsky.feed.searchPosts")
        params = asked.params
        assert params.keys() - {"cursor"} == {"q", "sort", "since", "until", "limit"}
        assert (params["q"], params["sort"]) == ("nasa", "latest")
        day, limit, start = params["since"][:10], int(params["limit"]), params.get("cursor", "0")
        assert params["since"] == f"{day}T00:00:00Z"
        assert params["until"] == f"{NEXT_DAY[day]}T00:00:00Z"
        assert 1 <= limit <= 100
        found = self._posts[day]
        end = int(start) + limit
        body: dict[str, Any] = {"posts": found[int(start) : end], "hitsTotal": len(found)}
        if end < len(found):
            body["cursor"] = str(end)
        headers = {"RateLimit-Limit": "3000", "RateLimit-Remaining": "2990",
                   "RateLimit-Policy": "3000;w=300"}  # fmt: skip
        return Answer(body, headers=headers)

    def _session(self, asked: Asked) -> Answer:
        assert asked.method == "POST"
        if asked.json != {"identifier": HANDLE, "password": PASSWORD}:
            return _wrong_password(asked)
        self._sessions += 1
        return Answer({
            "accessJwt": f"eyJ.bluesky-example.{self._sessions}",
            "refreshJwt": f"eyJ.bluesky-refresh.{self._sessions}",
            "handle": HANDLE,
            "did": "did:plc:example",
            "active": True,
        })  # fmt: skip


def _wrong_password(asked: Asked) -> Answer:
    told = "Invalid identifier or password"
    return Answer({"error": "AuthenticationRequired", "message": told}, 401)


EMULATION = Emulation(
    records={"posts": POSTS["2024-01-01"] + POSTS["2024-01-02"]},
    answer=_Server(POSTS).answer,
    nothing=_Server({day: [] for day in POSTS}).answer,
    failure=_wrong_password,
    failure_exit_code=3,
    env={"BLUESKY_HANDLE": HANDLE, "BLUESKY_APP_PASSWORD": PASSWORD},
    base_path="/xrpc/",
    again=1,  # a login
)
