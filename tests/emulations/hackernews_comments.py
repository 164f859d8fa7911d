"""Hacker News: https://github.com/HackerNews/API.

Two threads, one of them a chain of replies; a deleted comment, and one that is not there.
"""

from typing import Any

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

KIDS = {8863: [11, 12, 13], 11: [21, 22], 13: [23], 21: [31], 2921983: [41], 41: [42], 42: [43]}
GONE, DELETED = 12, 22


def _item(number: int) -> dict[str, Any]:
    below = {"kids": KIDS[number]} if number in KIDS else {}
    if number in (8863, 2921983):
        title = "My YC app: Dropbox - Throw away your USB drive"
        return {"by": "dhouston", "descendants": 7, "id": number, **below, "title": title}
    parent = next(above for above, kids in KIDS.items() if number in kids)
    common = {"id": number, "parent": parent, "time": 1_175_714_200 + number, "type": "comment"}
    if number == DELETED:
        return {"deleted": True, **common}
    return {"by": "norvig", **below, "text": "Aw shucks, guys&#x2F;gals … 😊", **common}


#: Breadth first, the seeds side by side.
ORDER = [8863, 2921983, 11, 13, 41, 21, 22, 23, 42, 31, 43]


def _page(asked: Asked) -> Answer:
    assert (asked.method, asked.query) == ("GET", ())
    number = int(asked.path.removeprefix("/v0/item/").removesuffix(".json"))
    return Answer(None if number == GONE else _item(number))


EMULATION = Emulation(
    records={"items": [_item(number) for number in ORDER]},
    answer=_page,
    nothing=lambda asked: Answer(None),
    failure=lambda asked: Answer({"error": "Permission denied"}, 401),
    failure_exit_code=3,
    base_path="/v0/",
)
