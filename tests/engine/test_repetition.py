"""Pages and records that come again: loops end, and what is doubled otherwise is a doubt."""

import json
import signal
import subprocess
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harvester import harvest, iter_records, status, verify
from harvester.results.summary import Summary
from harvester.store.journal_lines import JOURNAL, read_checkpoint, read_entries
from tests.support import ENVIRONMENT, NUMBERED, Reply, Respond, Scripted, command, config, strace

_numbers = count()


def page(records: list[Any], **more: Any) -> Reply:
    """A page in an envelope that is never the same twice."""
    return Reply({"request_id": next(_numbers), "items": records, **more, "took": next(_numbers)})


def rows(start: int, stop: int) -> list[Any]:
    """Records with these ids."""
    return [{"id": number, "name": f"item {number}"} for number in range(start, stop)]


def numbered(pages: int, size: int = 10, param: str = "page") -> Respond:
    """Honest pages by number."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        at = int(asked.get(param, "1")) - 1
        return page(rows(at * size, (at + 1) * size) if at < pages else [])

    return respond


def always(records: list[Any], **more: Any) -> Respond:
    """The same page, whatever is asked for."""
    return lambda path, asked: page(records, **more)


def run(
    folder: Path, respond: Respond, *changes: str, text: str = NUMBERED, most: int = 40
) -> tuple[Summary, int]:
    """A run into `folder/out`, and the number of requests."""
    with Scripted(respond) as server:
        asked = config(folder, text, server.base_url, *changes)
        summary = harvest(asked, out=folder / "out", max_pages=most)
        return summary, len(server.asked)


def ids(folder: Path) -> list[Any]:
    """The ids that were kept, in order."""
    return [json.loads(record)["id"] for record in iter_records(folder / "out")]


def paging(**keys: Any) -> str:
    """A paginator, as `--set` takes it."""
    return f"resources.0.paginator={json.dumps(keys)}"


IGNORED: list[tuple[str, str, Mapping[str, Any]]] = [
    (paging(type="page_number", page_param="pg"), "page_param 'pg'", {}),
    (paging(type="offset", limit=10, offset_param="skip"), "offset_param 'skip'", {}),
    (
        paging(type="cursor", cursor_path="next", cursor_param="crsr"),
        "cursor_param 'crsr'",
        {"next": "a"},
    ),
    (
        paging(type="keyset", cursor_path="items[*].id", cursor_param="since"),
        "cursor_param 'since'",
        {},
    ),
    (
        paging(type="json_link", next_url_path="next"),
        "next_url_path 'next'",
        {"next": "/items?x=1"},
    ),
]


def test_row_57_the_same_records_in_another_order(tmp_path: Path) -> None:
    """A parameter that is ignored by a server that shuffles what it has: the same loop."""
    order = Random(1)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return page(order.sample([{"id": number} for number in range(10)], 10))

    summary, requests = run(tmp_path, respond)
    assert (summary.exit_code, requests) == (3, 2)


@pytest.mark.parametrize(("change", "names", "more"), IGNORED)
def test_row_57_a_parameter_that_the_server_ignores(
    tmp_path: Path, change: str, names: str, more: Mapping[str, Any]
) -> None:
    """The second page with the same records is refused, and what leads nowhere is named."""
    summary, requests = run(tmp_path, always(rows(0, 10), **more), change)
    assert (summary.exit_code, requests) == (3, 2)
    told = summary.failures[0].error
    assert names in told
    assert "the same 10 records" in told
    assert "repeated_page: end" in told
    assert ids(tmp_path) == [*range(10)]
    assert verify(tmp_path / "out", deep=True).ok


@pytest.mark.parametrize("pages", [2, 8])
def test_row_57_with_pages_ahead(tmp_path: Path, pages: int) -> None:
    """Nothing of what was asked for ahead is kept."""
    summary, _ = run(tmp_path, always(rows(0, 10)), f"concurrency.pages={pages}")
    assert summary.exit_code == 3
    assert ids(tmp_path) == [*range(10)]


def test_row_57_in_a_later_run(tmp_path: Path) -> None:
    """What the last page held is in the journal."""
    assert run(tmp_path, always(rows(0, 10)), most=1)[0].paused
    summary, requests = run(tmp_path, always(rows(0, 10)))
    assert (summary.exit_code, requests) == (3, 1)
    assert ids(tmp_path) == [*range(10)]


@pytest.mark.parametrize(
    "records",
    [
        ["a", "b", "c"],
        [{"name": "a", "size": 1}, {"name": "b", "size": 2}],
        [{"node": {"id": "x"}}, {"node": {"id": "y"}}],
        [[1, 2], [3, 4]],
        [{"id": number, "text": "x" * 2000} for number in range(100)],
        [{"v": f"{number:04}" * 400} for number in range(100)],
    ],
    ids=["text", "no id", "wrapped", "rows", "large", "large and no id"],
)
def test_row_57_whatever_the_records_are(tmp_path: Path, records: list[Any]) -> None:
    """With an id or without, in a page that is short or longer than what is looked at."""
    assert run(tmp_path, always(records))[0].exit_code == 3
    assert len([*iter_records(tmp_path / "out")]) == len(records)


def test_a_large_page_that_only_begins_alike(tmp_path: Path) -> None:
    """The part that nobody had looked at is read back, and is another."""
    head = [{"v": f"{number:04}" * 400} for number in range(60)]

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        number = int(asked["page"])
        return page([*head, {"v": "x" * 10 + str(number)}] if number < 5 else [])

    assert run(tmp_path, respond)[0].exit_code == 0
    assert len([*iter_records(tmp_path / "out")]) == 4 * 61


def last_again(path: str, asked: Mapping[str, str]) -> Reply:
    """Three pages; beyond, the last one again."""
    at = min(int(asked["page"]), 3)
    return page(rows(at * 10 - 10, at * 10))


def test_row_58_the_last_page_again(tmp_path: Path) -> None:
    """It fails by itself, and is the end where the YAML says so: also on an existing folder."""
    assert run(tmp_path, last_again)[0].exit_code == 3
    assert ids(tmp_path) == [*range(30)]
    end = "resources.0.paginator.repeated_page=end"
    (tmp_path / "again").mkdir()
    assert run(tmp_path / "again", last_again, end)[0].exit_code == 0
    assert ids(tmp_path / "again") == [*range(30)]
    checkpoint = read_checkpoint(tmp_path / "again" / "out" / "items")
    assert (checkpoint.reason, checkpoint.pages) == ("page_repeated", 3)
    assert verify(tmp_path / "again" / "out", deep=True).ok
    assert not status(tmp_path / "again" / "out").doubts


def test_an_api_that_repeats_itself(tmp_path: Path) -> None:
    """`repeated_page: keep` keeps what comes, without a doubt."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return page(rows(0, 3) if int(asked["page"]) < 4 else [])

    summary, _ = run(tmp_path, respond, "resources.0.paginator.repeated_page=keep")
    assert summary.exit_code == 0
    assert ids(tmp_path) == [0, 1, 2] * 3
    assert not summary.doubts


def test_row_59_the_same_page_elsewhere(tmp_path: Path) -> None:
    """In other partitions, and behind empty pages of other records, a page is only a page."""
    text = NUMBERED.replace("path: items", 'path: "items/{k}"').replace(
        "    data_selector", "    partitions: {k: [x, y, z]}\n    data_selector"
    )
    summary, _ = run(tmp_path, numbered(2), text=text)
    assert summary.exit_code == 0
    assert ids(tmp_path) == [*range(20)] * 3
    assert not summary.doubts


def test_row_59_alike_but_not_the_same(tmp_path: Path) -> None:
    """Readings say the same now and then, and mean it: the same ones stand in one page, too."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        return page([0, 0, 0, 1] if int(asked["page"]) < 4 else [])

    summary, _ = run(tmp_path, respond)
    assert summary.exit_code == 0
    assert not summary.doubts
    (tmp_path / "ever").mkdir()
    summary, requests = run(tmp_path / "ever", always([0, 0, 0, 1]))
    assert (summary.exit_code, requests) == (3, 11)


def shuffled(pages: int, size: int, seed: str = "") -> Respond:
    """A list that is put in another order for each page."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        number = int(asked["page"])
        found = rows(0, pages * size)
        Random(f"{seed}{number}").shuffle(found)
        return page(found[(number - 1) * size : number * size] if number <= pages else [])

    return respond


@pytest.mark.parametrize("key", ["", "id"])
def test_row_60_a_list_without_an_order(tmp_path: Path, key: str) -> None:
    """Records that come twice are counted, and the doubt has the figure, everywhere."""
    changes = [f"resources.0.key={key}"] if key else []
    summary, _ = run(tmp_path, shuffled(10, 20), *changes)
    assert summary.exit_code == 0
    (doubt,) = summary.doubts
    different = len(set(ids(tmp_path)))
    assert different < 200
    assert doubt.kind == "repeated_records"
    assert doubt.told.startswith(f"200 records, {different} different (by id)")
    assert [group.told for group in status(tmp_path / "out").doubts] == [doubt.told]
    summary.strict = True
    assert summary.exit_code == 3


@pytest.mark.parametrize("key", ["", "id"])
def test_row_60_of_a_long_list_it_is_an_estimate(tmp_path: Path, key: str) -> None:
    """Within a few hundredths, in flat memory."""
    changes = [f"resources.0.key={key}"] if key else []
    summary, _ = run(tmp_path, shuffled(30, 400), *changes)
    told = summary.doubts[0].told
    assert told.startswith("12,000 records, about ")
    estimate = int(told.split("about ")[1].split(" ")[0].replace(",", ""))
    assert estimate == pytest.approx(len(set(ids(tmp_path))), rel=0.12)


def test_row_60_a_list_that_moves(tmp_path: Path) -> None:
    """Newest first, and a new one with each request: one record of each page comes again."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        number = int(asked["page"])
        newest = 1000 + number - (number - 1) * 10
        return page(rows(newest - 10, newest)[::-1] if number <= 8 else [])

    summary, _ = run(tmp_path, respond)
    assert summary.doubts[0].told.startswith("80 records, 73 different (by id)")


def test_a_page_that_comes_again_later(tmp_path: Path) -> None:
    """Not in a row: the cursors differ, so it is no circle, but a doubt."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        at = (0, 10, 20, 0, 30)[int(asked["page"]) - 1] if int(asked["page"]) < 6 else None
        return page([] if at is None else rows(at, at + 10))

    summary, _ = run(tmp_path, respond)
    assert summary.doubts[0].told.startswith("50 records, 40 different")


def test_honest_lists_have_no_doubt(tmp_path: Path) -> None:
    """Nor do more records than are sampled."""
    for key, size in (("", 10), ("id", 10), ("", 300), ("id", 300)):
        folder = tmp_path / f"{key}{size}"
        folder.mkdir()
        changes = [f"resources.0.key={key}"] if key else []
        summary, _ = run(folder, numbered(12, size), *changes)
        assert summary.exit_code == 0
        assert summary.doubts == []


def test_several_paths_make_a_key(tmp_path: Path) -> None:
    """One of them alone may come again."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        day = int(asked["page"])
        found = [{"station": {"id": number}, "day": day} for number in range(10)]
        return page(found if day < 5 else [])

    summary, _ = run(tmp_path, respond, 'resources.0.key=["station.id", "day"]')
    assert summary.exit_code == 0
    assert summary.doubts == []
    (tmp_path / "one").mkdir()
    summary, _ = run(tmp_path / "one", respond, "resources.0.key=station.id")
    assert summary.exit_code == 3


@pytest.mark.parametrize("pages", [1, 4])
def test_row_61_what_was_seen_survives_a_kill(tmp_path: Path, pages: int) -> None:
    """Killed again and again, a harvest ends with the same journal, and the same doubt."""
    text = NUMBERED.replace("data_selector", "key: id\n    data_selector")
    with Scripted(shuffled(12, 30)) as server:
        whole = config(tmp_path, text, server.base_url, f"concurrency.pages={pages}")
        harvest(whole, out=tmp_path / "whole")
        path = tmp_path / "config.yaml"
        arguments = command(path, server.base_url, tmp_path / "out", f"concurrency.pages={pages}")
        for call in (9, 14, 21, 30):
            killed = strace("-e", f"inject=pwrite64,write,renameat,rename:signal=KILL:when={call}")
            done = subprocess.run(
                [*killed, *arguments], env=ENVIRONMENT, capture_output=True, timeout=60
            )
            assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL, 0), done.stderr
        harvest(whole, out=tmp_path / "out")
    lines, others = (
        [(entry.identity, entry.doubts) for entry in read_entries(tmp_path / name / "items")]
        for name in ("out", "whole")
    )
    assert lines == others
    assert status(tmp_path / "out").doubts == status(tmp_path / "whole").doubts != []


def test_row_61_a_chain_that_begins_again_is_counted_anew(tmp_path: Path) -> None:
    """What came before the cursor expired no longer counts, and comes again rightly."""
    requests = count(1)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        if next(requests) == 4:
            return Reply({"error": "expired"}, 410)
        at = int(asked.get("cursor", "0"))
        return page(rows(at, at + 10), next=str(at + 10) if at < 50 else None)

    text = NUMBERED.replace(
        "{type: page_number}",
        "{type: cursor, cursor_path: next, cursor_param: cursor}\n"
        "    response_actions: [{status: 410, action: restart}]",
    )
    summary, _ = run(tmp_path, respond, text=text)
    assert summary.exit_code == 0
    assert summary.doubts == []
    assert ids(tmp_path) == [*range(60)]


def test_a_line_says_what_it_knows(tmp_path: Path) -> None:
    """Few bytes a page once the sample is full; nothing of a partition's only page."""
    run(tmp_path, numbered(20, 200))
    lines = (tmp_path / "out" / "items" / JOURNAL).read_bytes().splitlines()
    assert len(json.loads(lines[1])["identity"]["sample"]) > 2000
    assert len(json.loads(lines[-2])["identity"].get("sample", "")) < 600
    only = NUMBERED.replace("{type: page_number}", "{type: single_page}")
    (tmp_path / "only").mkdir()
    run(tmp_path / "only", numbered(1), text=only)
    (entry,) = read_entries(tmp_path / "only" / "out" / "items")
    assert entry.identity is None


def changing(make: Callable[[int, int], dict[str, Any]]) -> Respond:
    """Ten records, made of their number and of how often was asked."""
    asked_so_far = count(1)

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        n = next(asked_so_far)
        return page([make(number, n) for number in range(10)] if n < 20 else [])

    return respond


@pytest.mark.parametrize(
    "make",
    [
        lambda i, n: {"id": i, "seen": n},
        lambda i, n: {"id": i, "name": f"item {i}", "ago": f"{n} minutes ago"},
        lambda i, n: {"_id": f"a{i}", "url": f"https://x/{i}?sig={n}", "text": "t"},
        lambda i, n: {"uuid": i, "at": f"2025-01-01T00:00:{n:02}Z", "score": n * 1.5},
    ],
)
def test_row_64_a_member_that_changes_with_each_request(
    tmp_path: Path, make: Callable[[int, int], dict[str, Any]]
) -> None:
    """The ids say that it is the same page."""
    summary, requests = run(tmp_path, changing(make))
    assert (summary.exit_code, requests) == (3, 2)


def test_row_64_ids_that_are_numbers_of_rows(tmp_path: Path) -> None:
    """They begin anew on each page, and everything else is another."""

    def respond(path: str, asked: Mapping[str, str]) -> Reply:
        number = int(asked["page"])
        names = [(f"name {number}-{i}", f"city {number}-{i}") for i in range(10)]
        found = [{"id": i, "name": name, "city": city} for i, (name, city) in enumerate(names)]
        return page(found if number < 5 else [])

    assert run(tmp_path, respond)[0].exit_code == 0
    assert len(ids(tmp_path)) == 40


def test_a_key_that_is_declared_later(tmp_path: Path) -> None:
    """On an existing folder: from there on records are known by it, and by what it was before."""
    for at, key in enumerate(("", "name", '["id", "name"]', "", "")):
        changes = [f"resources.0.key={key}"] if key else []
        run(tmp_path, numbered(12), *changes, most=2)
        assert read_checkpoint(tmp_path / "out" / "items").pages == 2 * at + 2
    summary, _ = run(tmp_path, numbered(12), "resources.0.key=name")
    assert summary.exit_code == 0
    assert summary.doubts == []
    (tmp_path / "again").mkdir()
    run(tmp_path / "again", always(rows(0, 5)), "resources.0.key=name", most=1)
    summary, _ = run(tmp_path / "again", always(rows(0, 5)), "resources.0.key=name")
    assert summary.exit_code == 3


def test_a_key_that_no_record_has(tmp_path: Path) -> None:
    """It is told; records are known by all that they hold."""
    summary, _ = run(tmp_path, numbered(3), "resources.0.key=idd")
    (doubt,) = summary.doubts
    assert doubt.told == "none of 30 records has a value at its key, idd: is it spelt so?"
    (tmp_path / "again").mkdir()
    summary, _ = run(tmp_path / "again", always(rows(0, 5)), "resources.0.key=idd")
    assert summary.exit_code == 3
