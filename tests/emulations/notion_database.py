"""Notion: https://developers.notion.com/reference/post-database-query (version 2022-06-28)."""

from typing import Any
from uuid import UUID

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

TOKEN = "ntn_example"
DATABASE = "0" * 32


def _id(n: int) -> str:
    return str(UUID(int=0x59833787_2CF9_4FDF_8782_000000000000 + n))


def _row(n: int) -> dict[str, Any]:
    name = {"type": "text", "text": {"content": f"Zeile № {n} 🗂️", "link": None}}
    return {
        "object": "page",
        "id": _id(n),
        "created_time": f"2024-03-{1 + n // 24:02d}T{n % 24:02d}:00:00.000Z",
        "cover": None,
        "icon": None if n % 2 else {"type": "emoji", "emoji": "🥬"},
        "parent": {"type": "database_id", "database_id": str(UUID(DATABASE))},
        "archived": False,
        "properties": {
            "Name": {"id": "title", "type": "title", "title": [name]},
            "Størrelse (m²)": {"id": "%3B%7D", "type": "number", "number": n or None},
        },
        "url": f"https://www.notion.so/{_id(n).replace('-', '')}",
        "public_url": None,
    }


ROWS = [_row(n) for n in range(250)]


def _page(asked: Asked, rows: list[dict[str, Any]]) -> Answer:
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return _error(401, "unauthorized", "API token is invalid.")
    assert (asked.method, asked.path) == ("POST", f"/v1/databases/{DATABASE}/query")
    assert (asked.query, asked.headers["notion-version"]) == ((), "2022-06-28")
    body = asked.json
    assert body["sorts"] == [{"timestamp": "created_time", "direction": "ascending"}]
    assert body.keys() <= {"page_size", "sorts", "start_cursor"}
    assert 1 <= body["page_size"] <= 100
    start = 0
    if "start_cursor" in body:  # the id of the first row to give; null would be refused
        start = [row["id"] for row in rows].index(body["start_cursor"])
    end = start + body["page_size"]
    return Answer(
        {
            "object": "list",
            "results": rows[start:end],
            "next_cursor": rows[end]["id"] if end < len(rows) else None,
            "has_more": end < len(rows),
            "type": "page_or_database",
            "page_or_database": {},
            "request_id": _id(0),
        },
        headers={"content-type": "application/json; charset=utf-8"},
    )


def _error(status: int, code: str, message: str) -> Answer:
    headers = {"retry-after": "2"} if status == 429 else {}
    body = {"object": "error", "status": status, "code": code, "message": message}
    return Answer(body, status, headers)


EMULATION = Emulation(
    records={"pages": ROWS},
    answer=lambda asked: _page(asked, ROWS),
    nothing=lambda asked: _page(asked, []),
    failure=lambda asked: _error(429, "rate_limited", "You have been rate limited."),
    failure_exit_code=3,
    env={"NOTION_TOKEN": TOKEN},
    base_path="/v1/",
)
