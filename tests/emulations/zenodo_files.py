"""Zenodo: https://developers.zenodo.org/#records."""

import hashlib
import re
from typing import Any
from urllib.parse import urlencode

from tests.api_server import Answer, Asked
from tests.emulations import Emulation

ORIGIN = "ORIGIN"  # the server's, in what it answers


def _files(n: int) -> dict[str, bytes]:
    """Of one in ten records; the second is empty."""
    return {f"größe {n}.pdf": b"%%PDF-1.7 \0 %d" % n, "empty.csv": b""} if n % 10 == 3 else {}


def _record(n: int) -> dict[str, Any]:
    here = f"{ORIGIN}/api/records/{7000 + n}/files"
    files = [
        {"key": key, "size": len(data), "links": {"self": f"{here}/{number}/content"}}
        for number, (key, data) in enumerate(_files(n).items())
    ]
    return {
        "id": 7000 + n,
        "created": f"2020-01-{1 + n % 28:02d}T00:00:00.000000+00:00",
        "metadata": {"title": f"Sonnenuhr № {n}"},
        "files": files,
    }


SIZE = 60


def _file(asked: Asked) -> Answer:
    _, _, _, record, _, number, _ = asked.path.split("/")
    data = [*_files(int(record) - 7000).values()][int(number)]
    return Answer(data=data, headers={"Content-Type": "application/octet-stream"})


def _page(asked: Asked, size: int) -> Answer:
    assert asked.method == "GET"
    if asked.path.endswith("/content"):
        return _file(asked)
    assert asked.path == "/api/records"
    params = asked.params
    assert re.fullmatch(r"sundial AND created:\[\S+ TO \S+\]", params["q"])
    start, most = int(params.get("page", 1)) - 1, int(params["size"])
    assert most <= 25, "the most without a token"
    found = [_record(n) for n in range(start * most, min((start + 1) * most, size))]
    links = {"self": f"{asked.origin}{asked.target}"}
    if (start + 1) * most < size:
        query = urlencode({**params, "page": start + 2})
        links["next"] = f"{asked.origin}{asked.path}?{query}"
    page = {"hits": {"hits": found, "total": size}, "links": links}
    return Answer(_of(page, asked.origin))


def _of(tree: Any, origin: str) -> Any:
    if isinstance(tree, dict):
        return {name: _of(value, origin) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_of(value, origin) for value in tree]
    return tree.replace(ORIGIN, origin) if isinstance(tree, str) else tree


def _stored(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


EMULATION = Emulation(
    records={
        "records": [_record(n) for n in range(SIZE)],
        "files": [_stored(data) for n in range(SIZE) for data in _files(n).values()],
    },
    answer=lambda asked: _page(asked, SIZE),
    nothing=lambda asked: _page(asked, 0),
    failure=lambda asked: Answer({"status": 429, "message": "Too many requests"}, 429),
    failure_exit_code=3,
    base_path="/api/",
)
