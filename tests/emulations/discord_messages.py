"""Discord: https://discord.com/developers/docs/resources/message#get-channel-messages."""

import time
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
CHANNELS = {"175928847299117063": 250, "197038439483310086": 100}


def _message(channel: str, n: int) -> dict[str, Any]:
    return {
        "id": str(1_190_000_000_000_000_000 - 4_194_304_123 * n),  # newest first
        "channel_id": channel,
        "type": 0,
        "content": f"Grüezi 👋🏽 {n}" if n % 9 else "",
        "author": {"id": "80351110224678912", "username": "nelly", "global_name": None},
        "timestamp": "2023-12-28T00:00:00.000000+00:00",
        "edited_timestamp": None,
        "mentions": [],
        "attachments": [],
        "embeds": [],
        "pinned": n % 50 == 0,
    }


MESSAGES = {
    channel: [_message(channel, n) for n in range(count)] for channel, count in CHANNELS.items()
}


def _limits(remaining: int) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": f"{time.time() + 0.318:.3f}",
        "X-RateLimit-Reset-After": "0.318",
        "X-RateLimit-Bucket": "80c17d2f203122d936070c88c8d10f33",
    }


def _page(asked: Asked, messages: dict[str, list[dict[str, Any]]]) -> Answer:
    if asked.headers.get("authorization") != f"Bot {TOKEN}":
        return Answer({"message": "401: Unauthorized", "code": 0}, 401)
    assert asked.headers["user-agent"].startswith("DiscordBot (")
    channel = asked.path.removeprefix("/api/v10/channels/").removesuffix("/messages")
    assert (asked.method, asked.path) == ("GET", f"/api/v10/channels/{channel}/messages")
    if channel not in messages:
        return Answer({"message": "Unknown Channel", "code": 10003}, 404)
    params = asked.params
    assert params.keys() in ({"limit"}, {"limit", "before"})
    assert 1 <= int(params["limit"]) <= 100
    found = messages[channel]
    if "before" in params:
        assert params["before"] in {message["id"] for message in found}
        found = [message for message in found if int(message["id"]) < int(params["before"])]
    return Answer(found[: int(params["limit"])], headers=_limits(remaining=4))


def _too_many(asked: Asked) -> Answer:
    headers = {"Retry-After": "0.318", "X-RateLimit-Scope": "user", **_limits(remaining=0)}
    said = {"message": "You are being rate limited.", "retry_after": 0.318, "global": False}
    return Answer(said, 429, headers)


EMULATION = Emulation(
    records={"messages": [message for found in MESSAGES.values() for message in found]},
    answer=lambda asked: _page(asked, MESSAGES),
    nothing=lambda asked: _page(asked, {key: [] for key in CHANNELS}),
    failure=_too_many,
    failure_exit_code=3,
    env={"DISCORD_BOT_TOKEN": TOKEN},
    base_path="/api/v10/",
)
