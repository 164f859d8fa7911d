"""Spotify: https://developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow."""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

CLIENT, TOKEN, REFRESH = (
    "65b708073fc0480ea92a077233ca87bd",
    "BQBZspotify-access",
    "AQDspotify-refresh",
)
TRACKS: list[Any] = [
    {
        "added_at": "2025-12-31T23:59:59Z",
        "track": {"id": f"track{n:05d}", "name": f"Für Elise № {n}", "is_local": False},
    }
    for n in range(120)
]


def _token(asked: Asked) -> Answer:
    form = asked.form
    assert form.pop("refresh_token").startswith(REFRESH)
    assert (form.pop("grant_type"), form.pop("client_id")) == ("refresh_token", CLIENT)
    assert form == {"scope": "user-library-read"}, "no secret, and no more than was agreed to"
    given = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}
    return Answer({**given, "refresh_token": f"{REFRESH}-2", "scope": "user-library-read"})


def _page(asked: Asked, tracks: list[Any]) -> Answer:
    if asked.path == "/api/token":
        return _token(asked)
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return Answer({"error": {"status": 401, "message": "Invalid access token"}}, 401)
    assert (asked.method, asked.path) == ("GET", "/v1/me/tracks")
    params = asked.params
    start, limit = int(params.get("offset", 0)), int(params["limit"])
    assert limit <= 50
    here = f"{asked.origin}{asked.path}"
    more = start + limit < len(tracks)
    return Answer(
        {
            "href": f"{here}?offset={start}&limit={limit}",
            "items": tracks[start : start + limit],
            "limit": limit,
            "next": f"{here}?offset={start + limit}&limit={limit}" if more else None,
            "offset": start,
            "previous": None,
            "total": len(tracks),
        }
    )


EMULATION = Emulation(
    records={"tracks": TRACKS},
    answer=lambda asked: _page(asked, TRACKS),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: Answer({"error": "invalid_grant", "error_description": "revoked"}, 400),
    failure_exit_code=3,
    env={"SPOTIFY_CLIENT_ID": CLIENT},
    base_path="/v1/",
    settings=("client.auth.access_token_url={origin}/api/token",),
    again=1,  # a token
    login=REFRESH,
)
