"""Runs that go on from a value, wherever it is sent; lists that stop at what is older; delta links
and tokens: each harvested from a server, killed once and resumed, and run again later.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harvester import harvest, verify
from harvester.config import load_config
from harvester.config.load import parse_resolved
from harvester.errors import ConfigError
from tests.api_server import Answer, ApiServer, Asked
from tests.killed_once import Harvested, harvested, run

HEAD = """
version: 1
name: news
client: {base_url: BASE, retry: {attempts: 3, max_wait: 0.01}}
resources:
  - name: news
"""

SINCE = (
    HEAD
    + """
    path: "news/{since:%Y-%m-%d}"
    params: {q: "created > {since:epoch}", to: "{until:%Y-%m-%dT%H:%M:%SZ}", at: "{now:epoch}"}
    headers: {X-Since: "{since}"}
    data_selector: data
    paginator: {type: page_number}
    incremental: {cursor_path: "data[*].at", initial_value: 2021-01-01T00:00:00Z}
"""
)

FEED = (
    HEAD
    + """
    path: feed
    data_selector: data
    incremental: {cursor_path: "data[*].at", initial_value: 2021-01-03}
    paginator:
      type: page_number
      total_path: total
      stop_before: {path: "data[-1].at", value: "{since}"}
"""
)

DELTA = (
    HEAD
    + """
    path: all
    first_params: {select: n}
    data_selector: value
    allow_missing: true
    incremental: {delta_path: "['@odata.deltaLink']"}
    paginator: {type: json_link, next_url_path: "['@odata.nextLink']"}
    response_actions: [{status: 410, action: restart}]
"""
)

TOKEN = (
    HEAD
    + """
    path: all
    data_selector: items
    allow_missing: true
    incremental: {delta_path: nextSyncToken, param: syncToken}
    paginator: {type: cursor, cursor_path: nextPageToken, cursor_param: pageToken}
    response_actions: [{status: 410, action: restart}]
"""
)


def again(found: Harvested, tmp_path: Path, text: str, server: ApiServer) -> str:
    """Run once more, against a server of its own."""
    path = tmp_path / "harvest.yaml"
    path.write_text(text.replace("BASE", server.origin), encoding="utf-8")
    more = run(path, found.out)
    said, _ = more.communicate(timeout=60)
    assert more.returncode == 0, said
    return said


def test_since_and_until_anywhere_killed_once(tmp_path: Path) -> None:
    """In the path, inside of a parameter, in a header, each in its own form; and the time of the
    run is that at which the partition was begun, also after the kill.
    """

    def answer(asked: Asked) -> Answer:
        page = int(asked.params["page"])
        epoch = re.sub(r"\D", "", asked.params["q"])
        when = datetime.fromtimestamp(int(epoch), UTC)
        assert asked.path == f"/news/{when:%Y-%m-%d}"
        assert datetime.fromisoformat(asked.headers["x-since"]) == when
        data = [{"at": f"2022-02-0{page}T00:00:00Z", "n": page}] if page < 4 else []
        return Answer({"data": data})

    found = harvested(tmp_path, SINCE, answer, kill_at=3)
    assert len({asked.params["to"] for asked in found.asked}) == 1
    assert len({asked.params["at"] for asked in found.asked}) == 1
    assert found.asked[0].params["at"].isdigit(), "a whole second"
    until = datetime.fromisoformat(found.asked[0].params["to"])
    assert abs(until - datetime.now(UTC)) < timedelta(minutes=2)
    with ApiServer(answer) as server:
        again(found, tmp_path, SINCE, server)
        assert {asked.path for asked in server.asked} == {"/news/2022-02-03"}


def feed(asked: Asked, newest: int) -> Answer:
    """Two records a page, newest first, by days of January 2021 as mails write them."""
    page = int(asked.params["page"])
    days = range(newest - 2 * page + 2, max(newest - 2 * page, 0), -1)
    data = [{"at": f"2021-01-{day:02}T12:00:00+02:00"} for day in days]
    return Answer({"data": data, "total": newest})


def test_a_feed_stops_at_what_is_older_killed_once(tmp_path: Path) -> None:
    """The first run at the value given, the next at the largest of the first; the total counts
    against neither.
    """
    found = harvested(tmp_path, FEED, lambda asked: feed(asked, 9), kill_at=3)
    assert [record["at"][8:10] for record in found.records] == [
        "09", "08", "07", "06", "05", "04", "03", "02",
    ]  # fmt: skip
    with ApiServer(lambda asked: feed(asked, 14)) as server:
        said = again(found, tmp_path, FEED, server)
        assert [asked.params["page"] for asked in server.asked] == ["1", "2", "3", "4"]
        assert "doubt" not in said.lower()


def test_a_feed_that_cannot_be_compared_fails(tmp_path: Path) -> None:
    """What is neither a time nor a number is no end, and no page either."""
    path = tmp_path / "harvest.yaml"

    def answer(asked: Asked) -> Answer:
        return Answer({"data": [{"at": "2021-05-05", "n": "yesterday"}]})

    with ApiServer(answer) as server:
        text = FEED.replace("[-1].at", "[-1].n").replace("BASE", server.origin)
        path.write_text(text, encoding="utf-8")
        failed = run(path, tmp_path / "out")
        said, _ = failed.communicate(timeout=60)
    assert failed.returncode == 3
    assert "stop_before cannot compare 'yesterday' (at data[-1].n)" in said


def test_delta_links_killed_once(tmp_path: Path) -> None:
    """The next run begins with the link of the last page; one that has expired, with all again."""
    expired: list[bool] = []

    def answer(asked: Asked) -> Answer:
        page = int(dict(asked.query).get("page", 1))
        if "delta" in dict(asked.query):
            if expired:
                return Answer({"error": "resync"}, status=410)
            page = 5
        link = {"@odata.nextLink": f"/all?page={page + 1}"} if page < 3 else {}
        delta = {"@odata.deltaLink": f"/all?delta={page}"} if page >= 3 else {}
        return Answer({"value": [{"n": page}], **link, **delta})

    found = harvested(tmp_path, DELTA, answer, kill_at=2)
    assert [record["n"] for record in found.records] == [1, 2, 3]
    all_again = ["/all?select=n", "/all?page=2", "/all?page=3"]
    for targets in (["/all?delta=3"], ["/all?delta=5"], ["/all?delta=5", *all_again]):
        with ApiServer(answer) as server:
            again(found, tmp_path, DELTA, server)
            assert [asked.target for asked in server.asked] == targets
        if targets == ["/all?delta=5"]:
            expired.append(True)
    assert [record["n"] for record in found.of("news")] == [1, 2, 3, 5, 5, 1, 2, 3]
    runs = sorted(path.name for path in (found.out / "news").iterdir())
    assert [name[:8] for name in runs] == ["run=0001", "run=0002", "run=0003", "run=0004"]
    assert verify(found.out).as_dict()["problems"] == []


def test_delta_tokens_killed_once(tmp_path: Path) -> None:
    """A token is sent as a parameter with each page of the run, with none of the first, nor once
    it has expired.
    """
    expired: list[bool] = []

    def answer(asked: Asked) -> Answer:
        sent = dict(asked.query)
        page = int(sent.get("pageToken", 1))
        if expired and "syncToken" in sent:
            return Answer({"error": "fullSyncRequired"}, status=410)
        token = {"nextSyncToken": f"t{len(sent.get('syncToken', ''))}"} if page == 3 else {}
        more = {"nextPageToken": str(page + 1)} if page < 3 else {}
        return Answer({"items": [{"n": page, "sync": sent.get("syncToken")}], **more, **token})

    found = harvested(tmp_path, TOKEN, answer, kill_at=2)
    with ApiServer(answer) as server:
        assert "Doubts" not in again(found, tmp_path, TOKEN, server)
    assert [record["sync"] for record in found.of("news")] == [None] * 3 + ["t0"] * 3
    expired.append(True)
    with ApiServer(answer) as server:
        again(found, tmp_path, TOKEN, server)
        assert [dict(asked.query).get("syncToken") for asked in server.asked] == ["t2"] + [None] * 3
    assert [record["sync"] for record in found.of("news")][6:] == [None] * 3
    assert verify(found.out).as_dict()["problems"] == []


def test_a_run_without_its_delta_fails(tmp_path: Path) -> None:
    """Otherwise the next run would ask for all again, or for nothing."""
    path = tmp_path / "harvest.yaml"
    with ApiServer(lambda asked: Answer({"value": [{"n": 1}]})) as server:
        path.write_text(DELTA.replace("BASE", server.origin), encoding="utf-8")
        failed = run(path, tmp_path / "out")
        said, _ = failed.communicate(timeout=60)
    assert failed.returncode == 3
    assert "nothing at ['@odata.deltaLink'] (incremental.delta_path)" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SINCE.replace("{since:epoch}", "{since.start}"), "{since.start}: 'since' is a time"),
        (SINCE.replace("    incremental", "    #"), "this resource is not incremental"),
        (SINCE.replace(", initial_value: 2021-01-01T00:00:00Z", ""), "initial_value: missing"),
        (FEED.replace("{since}", "2020-01-01"), "the value goes nowhere"),
        (FEED.replace("{since}", "{nothing}"), "unknown reference {nothing}"),
        (TOKEN.replace(", param: syncToken", ""), "the token goes nowhere"),
        (TOKEN.replace("param:", "cursor_path: a, param:"), "needs one of cursor_path and delta_"),
        (TOKEN.replace("param:", "initial_value: 1, param:"), "initial_value: is for cursor_path"),
        (TOKEN.replace("delta_path: nextSyncToken, ", ""), "needs one of cursor_path and delta_"),
    ],
)
def test_what_check_says(text: str, told: str, tmp_path: Path) -> None:
    """Each fault by its key."""
    path = tmp_path / "harvest.yaml"
    path.write_text(text.replace("BASE", "http://x.org"))
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert told in str(refused.value)


@pytest.mark.parametrize("text", [SINCE, FEED, DELTA, TOKEN])
def test_all_reads_back(text: str, tmp_path: Path) -> None:
    """harvest.json says what the YAML said."""
    path = tmp_path / "harvest.yaml"
    path.write_text(text.replace("BASE", "http://x.org"))
    config = load_config(path)
    tree = json.loads(json.dumps(config.reference_dict()))
    assert parse_resolved(tree, "harvest.json").resources == config.resources


def test_mistyped_paths_are_doubted(tmp_path: Path) -> None:
    """A feed that nothing stops, and a run that the next one cannot go on from, say so."""
    text = FEED.replace("[-1].at", "[-1].att").replace("[*].at", "[*].att")
    path = tmp_path / "harvest.yaml"
    pages = {1: [{"at": "2021-01-05"}, {"at": "2021-01-04"}], 2: [{"at": "2021-01-02"}]}
    with ApiServer(lambda asked: Answer({"data": pages.get(int(asked.params["page"]), [])})) as api:
        path.write_text(text.replace("BASE", api.origin), encoding="utf-8")
        summary = harvest(load_config(path), out=tmp_path / "out")
    assert summary.complete
    told = {each.kind: each.told for each in summary.doubts}
    assert "none of 3 records has anything at data[*].att" in told["cursor_path"]
    assert "no page has anything at data[-1].att (stop_before.path)" in told["stop_path"]
    assert "no page has a number at total (paginator.total_path)" in told["never_total"]
