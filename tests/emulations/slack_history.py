"""Slack: https://docs.slack.dev/reference/methods/conversations.history."""

from base64 import b64decode, b64encode
from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "xoxb-emulated-0123456789"
PAGE = 3
#: Messages of each channel; None where the app is no member.
SIZES: dict[str, int | None] = {
    "C012AB3CD": 7, "C061EG9T2": 3, "C0FOREIGN": None, "C0EMPTY00": 0
}  # fmt: skip
CREATED = 1_609_459_200


def _channel(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": f"général-{name.lower()}",
        "is_channel": True,
        "is_archived": False,
        "is_member": SIZES[name] is not None,
        "created": CREATED,
        "creator": "U061F7AUR",
        "topic": {"value": "日々の仕事 🎉", "creator": "", "last_set": 0},
        "previous_names": [],
        "num_members": 4,
    }


def _message(channel: str, n: int) -> dict[str, Any]:
    return {
        "type": "message",
        "user": "U123ABC456",
        "text": f"{channel} № {n}: <https://example.org|très bien> :tada:",
        "ts": f"{CREATED + 60 * n}.{n:06d}",
        "thread_ts": None if n % 2 else f"{CREATED}.000000",
    }


CHANNELS = [_channel(name) for name in SIZES]
MESSAGES = {
    name: [_message(name, n) for n in reversed(range(size or 0))] for name, size in SIZES.items()
}


def _start(asked_cursor: str | None, of: str) -> int:
    """Where a cursor leads; it is one of this very list."""
    if asked_cursor is None:
        return 0
    owner, _, at = b64decode(asked_cursor, validate=True).decode().rpartition(":")
    assert owner == of
    return int(at)


def _cursor(of: str, at: int) -> str:
    return b64encode(f"{of}:{at}".encode()).decode()


def _answer(asked: Asked, channels: list[dict[str, Any]]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return _error("invalid_auth")
    assert asked.method == "GET"
    params = asked.params
    assert params.get("cursor") != ""
    limit = int(params.pop("limit"))
    assert 1 <= limit <= 999
    if asked.path == "/api/conversations.list":
        start = _start(params.pop("cursor", None), "channel")
        assert params == {"types": "public_channel", "exclude_archived": "false"}
        end = start + limit
        metadata = {"next_cursor": _cursor("channel", end) if end < len(channels) else ""}
        shown = channels[start:end]
        return _said({"ok": True, "channels": shown, "response_metadata": metadata})
    assert asked.path == "/api/conversations.history"
    channel = params.pop("channel")
    start = _start(params.pop("cursor", None), channel)
    assert not params
    if channel not in {item["id"] for item in channels}:
        return _error("channel_not_found")
    if SIZES[channel] is None:
        return _error("not_in_channel")
    messages = MESSAGES[channel]
    end = start + limit
    more = end < len(messages)
    body: dict[str, Any] = {"ok": True, "messages": messages[start:end], "has_more": more}
    body["pin_count"] = 0
    if more:
        body["response_metadata"] = {"next_cursor": _cursor(channel, end)}
    return _said(body)


def _said(body: dict[str, Any]) -> Answer:
    headers = {"Content-Type": "application/json; charset=utf-8", "x-slack-req-id": "1a2b"}
    return Answer(body, headers=headers)


def _error(name: str) -> Answer:
    return _said({"ok": False, "error": name})


EMULATION = Emulation(
    records={"channels": CHANNELS, "messages": [one for some in MESSAGES.values() for one in some]},
    answer=lambda asked: _answer(asked, CHANNELS),
    nothing=lambda asked: _answer(asked, []),
    failure=lambda asked: _error("token_revoked"),
    failure_exit_code=4,
    env={"SLACK_TOKEN": TOKEN},
    base_path="/api/",
    settings=(f"resources.channels.params.limit={PAGE}", f"resources.messages.params.limit={PAGE}"),
)
