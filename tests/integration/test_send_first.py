"""A page number or an offset that the first request leaves out, interrupted once and resumed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from harvester import harvest, verify
from tests.support import Reply, Scripted, config

YAML = """
version: 1
name: items
client: {{base_url: "http://127.0.0.1:1/"}}
resources:
  - name: items
    path: items
    data_selector: data
    paginator: {paginator}
"""


@pytest.mark.parametrize(
    ("paginator", "asked"),
    [
        ("{type: page_number, base_page: 0, send_first: false}", [None, "1", "2", "3"]),
        ("{type: page_number, base_page: 1, send_first: false}", [None, "2", "3", "4"]),
        ("{type: offset, limit: 2, send_first: false}", [None, "2", "4", "6"]),
    ],
)
def test_the_first_request_leaves_the_count_out(
    paginator: str, asked: list[str | None], tmp_path: Path
) -> None:
    """The second has what comes after the first's own count."""
    seen: list[str | None] = []

    def answer(path: str, parameters: Mapping[str, str]) -> Reply:
        seen.append(parameters.get("page", parameters.get("offset")))
        count = len(seen)
        return Reply({"data": [{"id": count}, {"id": -count}] if count < 4 else []})

    out = tmp_path / "out"
    with Scripted(answer) as server:
        wanted = config(tmp_path, YAML.format(paginator=paginator), server.base_url)
        assert not harvest(wanted, out=out, max_pages=1).complete
        assert harvest(wanted, out=out).complete
    assert seen == asked
    assert verify(out, deep=True).ok
