"""Page numbers and offsets as a part of the path, or wherever the request names them; links that
lead to the page they are on; variables written as times: each killed once and resumed.
"""

from pathlib import Path

import pytest

from tests.api_server import Answer, Asked
from tests.killed_once import harvested

HEAD = """
version: 1
name: items
client: {base_url: BASE}
resources:
  - name: items
    data_selector: data
"""


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ('path: "p/{page}", paginator: {type: page_number}', ["/p/1", "/p/2", "/p/3"]),
        ('path: "p/{cursor}", paginator: {type: page_number, base_page: 0}',
         ["/p/0", "/p/1", "/p/2"]),
        ('path: "o/{offset}", paginator: {type: offset}', ["/o/0", "/o/2", "/o/4"]),
        ('path: o, headers: {X-From: "{offset}"}, paginator: {type: offset}', ["/o"] * 3),
        ('path: "p/{page}", paginator: {type: page_number, page_param: n}',
         ["/p/1?n=1", "/p/2?n=2", "/p/3?n=3"]),
        ('path: p, params: {n: "{cursor}"}, paginator: {type: page_number, send_first: false}',
         ["/p", "/p?n=2", "/p?n=3"]),
        ('path: p, params: {n: "{page}"}, paginator: {type: page_number, base_page: 0}',
         ["/p?n=0", "/p?n=1", "/p?n=2"]),
        ("path: p, params: {n: '{page}'}, paginator: {type: page_number, send_first: false}",
         ["/p", "/p?n=2", "/p?n=3"]),
        ('path: "p/{page}", paginator: {type: page_number, base_page: 5, send_first: false}',
         ["/p/5", "/p/6", "/p/7"]),
    ],
)  # fmt: skip
def test_a_count_that_the_request_names_killed_once(
    more: str, asked: list[str], tmp_path: Path
) -> None:
    """The paginator's own parameter is left out by itself, unless it is written down too."""
    seen: list[str] = []

    def answer(request: Asked) -> Answer:
        if request.target not in seen or request.path == "/o":
            seen.append(request.target)
        if request.path == "/o":
            at = int(request.headers["x-from"]) // 2
        else:
            at = asked.index(request.target)
        return Answer({"data": [{"n": at}, {"n": -at - 10}] if at < 2 else []})

    text = f"{HEAD}    {more}\n".replace(", paginator", "\n    paginator")
    text = text.replace(", params", "\n    params").replace(", headers", "\n    headers")
    found = harvested(tmp_path, text, answer, kill_at=2)
    assert [target for at, target in enumerate(seen) if at == 0 or target != seen[at - 1]] == list(
        dict.fromkeys(asked)
    )
    assert len(found.records) == 4


@pytest.mark.parametrize("kind", ["json_link", "header_link"])
def test_a_link_to_itself_is_the_end_killed_once(kind: str, tmp_path: Path) -> None:
    """Where the YAML says that it may be; relative or absolute."""

    def answer(asked: Asked) -> Answer:
        page = int(dict(asked.query).get("page", 1))
        link = f"{asked.origin}/items?page={min(page + 1, 4)}"
        headers = {"Link": f'<{link}>; rel="next"'} if kind == "header_link" else {}
        return Answer(
            {"data": [{"n": page}], "next": link.removeprefix(asked.origin)}, 200, headers
        )

    text = f"{HEAD}    path: items\n    paginator: {{type: {kind}, cursor_may_repeat: true}}\n"
    found = harvested(tmp_path, text, answer, kill_at=2)
    assert [record["n"] for record in found.records] == [1, 2, 3, 4]


def test_variables_written_as_times_killed_once(tmp_path: Path) -> None:
    """In the form that the API wants."""

    def answer(asked: Asked) -> Answer:
        assert asked.params["since"] == "1609459200000"
        assert asked.path == "/days/2021-01-01"
        assert asked.params["share"] == "0.5"
        page = int(asked.params["page"])
        return Answer({"data": [{"n": page}] if page < 4 else []})

    text = (
        HEAD
        + """
    path: "days/{env.START:%Y-%m-%d}"
    params: {since: "{env.START:epoch_ms}", share: "{env.SHARE:float?0.5}"}
    paginator: {type: page_number}
"""
    )
    found = harvested(tmp_path, text, answer, kill_at=2, env={"START": "2021-01-01T00:00:00Z"})
    assert len(found.records) == 3
