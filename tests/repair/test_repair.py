"""Lost and damaged pages are had again, by the journal's own cursors; what cannot be is said."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harvester import __version__, harvest, iter_records, load_config, verify
from harvester.config import Config
from harvester.errors import ConfigError, DataRefused
from harvester.repair import Repair, begin_again, reopened, repair
from harvester.store.entries import encode, parsed, sound
from harvester.store.journal_lines import JOURNAL, read_entries
from harvester.store.parts import part_name
from tests.support import ENVIRONMENT, ITEMS, Reply, Respond, Scripted, chain, config

PAGES = 6
Damage = Callable[[Path], None]


class Changing:
    """A chain of pages whose answer can be replaced."""

    def __init__(self) -> None:
        self.respond: Respond = chain(PAGES)

    def __call__(self, path: str, parameters: Mapping[str, str]) -> Reply:
        """Answer as is set now."""
        return self.respond(path, parameters)


@pytest.fixture
def api() -> Iterator[tuple[Scripted, Changing]]:
    """A server of six pages for each shard."""
    changing = Changing()
    with Scripted(changing) as server:
        yield server, changing


def harvested(tmp_path: Path, server: Scripted, *changes: str) -> tuple[Config, Path, Path]:
    """A finished harvest: its configuration, its folder, and that of its first partition."""
    loaded = config(tmp_path, ITEMS, server.base_url, *changes)
    out = tmp_path / "out"
    assert harvest(loaded, out=out).complete
    server.asked.clear()
    return loaded, out, out / "items" / "shard=a"


def ids(out: Path) -> list[str]:
    """The ids of the records that count."""
    return [json.loads(record)["id"] for record in iter_records(out)]


def whole(shards: str = "a", pages: int = PAGES) -> list[str]:
    """The ids of all records."""
    return [
        f"{s}-{number}-{item}"
        for s in shards
        for number in range(1, pages + 1)
        for item in range(3)
    ]


# --- Damages -------------------------------------------------------------------------------------


def gone(number: int) -> Damage:
    """A part is gone."""
    return lambda folder: (folder / part_name(number)).unlink()


def flipped(number: int) -> Damage:
    """A bit of a part has flipped."""

    def damage(folder: Path) -> None:
        path = folder / part_name(number)
        stored = bytearray(path.read_bytes())
        stored[len(stored) // 2] ^= 0x10
        path.write_bytes(stored)

    return damage


def short(number: int) -> Damage:
    """The end of a part is missing."""

    def damage(folder: Path) -> None:
        path = folder / part_name(number)
        path.write_bytes(path.read_bytes()[:-5])

    return damage


def line(number: int, *, merged: bool = False) -> Damage:
    """A byte of a journal's line (0: the first) has changed, or its line break has."""

    def damage(folder: Path) -> None:
        lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
        text = lines[number]
        at = -1 if merged else len(text) // 2
        lines[number] = text[:at] + b"#" + (text[at:][1:] if not merged else b"")
        (folder / JOURNAL).write_bytes(b"".join(lines))

    return damage


def several(*damages: Damage) -> Damage:
    """All of them."""

    def damage(folder: Path) -> None:
        for one in damages:
            one(folder)

    return damage


@pytest.mark.parametrize(
    ("damage", "requests"),
    [
        (gone(1), 1),
        (gone(3), 1),
        (gone(PAGES), 1),
        (flipped(2), 1),
        (short(4), 1),
        (several(gone(2), flipped(3), short(PAGES)), 3),
        (several(*(gone(number) for number in range(1, PAGES + 1))), PAGES),
        (line(0), 0),
        (line(1), 1),
        (line(3), 1),
        (line(3, merged=True), 2),
        (several(line(2), line(3), line(4)), 3),
        (several(line(0), line(2), gone(2), flipped(5)), 2),
        (several(line(2), gone(4)), 2),
    ],
)
def test_row_105_what_is_damaged_is_had_again(
    tmp_path: Path, api: tuple[Scripted, Changing], damage: Damage, requests: int
) -> None:
    """Just these pages are asked for, and the harvest is what it was."""
    loaded, out, folder = harvested(tmp_path, api[0])
    before = [(entry.seq, entry.cursor, entry.next, entry.sha256) for entry in read_entries(folder)]
    damage(folder)
    assert not verify(out).ok
    found = repair(loaded, out)
    assert found.ok
    assert len(api[0].asked) == requests
    assert verify(out, deep=True).ok
    assert ids(out) == whole()
    after = [(entry.seq, entry.cursor, entry.next, entry.sha256) for entry in read_entries(folder)]
    assert after == before
    assert repair(loaded, out).pages == 0
    assert harvest(loaded, out=out).complete


@pytest.mark.parametrize("lines", [(PAGES,), (PAGES - 1, PAGES), (3, 4, 5, 6)])
def test_a_lost_end_is_harvested_on(
    tmp_path: Path, api: tuple[Scripted, Changing], lines: tuple[int, ...]
) -> None:
    """What the end of a journal said is asked for by the next run; its parts stand aside."""
    loaded, out, folder = harvested(tmp_path, api[0])
    several(*map(line, lines))(folder)
    found = repair(loaded, out)
    assert found.ok
    assert len(found.aside) == len(lines)
    assert harvest(loaded, out=out).complete
    assert ids(out) == whole()
    assert verify(out, deep=True).ok


def test_an_unfinished_partition(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """It is mended as far as it came, and goes on from there."""
    loaded = config(tmp_path, ITEMS, api[0].base_url)
    out = tmp_path / "out"
    harvest(loaded, out=out, max_pages=4)
    several(gone(2), line(3))(out / "items" / "shard=a")
    with pytest.raises(DataRefused, match=r"part-000002.*harvester verify"):
        list(iter_records(out))
    assert repair(loaded, out).ok
    assert harvest(loaded, out=out).complete
    assert ids(out) == whole()


def test_nothing_to_do(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """Of a sound harvest nothing is asked and nothing changed."""
    loaded, out, folder = harvested(tmp_path, api[0], "resources.items.partitions.shard=[a, b]")
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    found = repair(loaded, out, deep=True)
    assert (found.ok, found.parts, found.pages, found.aside) == (True, 2 * PAGES, 0, [])
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
    assert api[0].asked == []


def test_a_page_that_has_changed(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """The chain still fits: what the page has now is kept, and what changed is said."""
    loaded, out, folder = harvested(tmp_path, api[0])
    gone(3)(folder)
    api[1].respond = chain(PAGES, per_page=2)
    found = repair(loaded, out)
    assert found.ok
    assert "it has 2 records now, had 3" in found.again[0]
    assert len(ids(out)) == 3 * PAGES - 1
    assert verify(out, deep=True).ok


def test_new_tokens_with_each_answer(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """As many records in as many bytes are the same page, whatever token stands in it."""
    salt = iter(range(100, 200))

    def respond(path: str, parameters: Mapping[str, str]) -> Reply:
        number = int(parameters.get("cursor", "1.000")[0])
        data = [{"id": f"a-{number}-{item}"} for item in range(3)]
        following = f"{number + 1}.{next(salt)}" if number < PAGES else None
        return Reply({"data": data, "next": following})

    api[1].respond = respond
    loaded, out, folder = harvested(tmp_path, api[0])
    gone(3)(folder)
    assert repair(loaded, out).ok
    assert ids(out) == whole()
    assert verify(out, deep=True).ok


def refused(found: Repair) -> str:
    """Why the one partition must begin anew."""
    assert not found.ok
    (item,) = found.anew
    return item.why


@pytest.mark.parametrize("damage", [gone(3), line(3)])
def test_row_106_a_page_that_leads_elsewhere(
    tmp_path: Path, api: tuple[Scripted, Changing], damage: Damage
) -> None:
    """It cannot take the place of the old one: nothing is changed, and redo is what is left."""
    loaded, out, folder = harvested(tmp_path, api[0])
    damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    api[1].respond = lambda path, parameters: Reply({"data": [{"id": "x"}], "next": "other"})
    assert "now leads elsewhere" in refused(repair(loaded, out))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_page_that_the_api_no_longer_gives(
    tmp_path: Path, api: tuple[Scripted, Changing]
) -> None:
    """The others are mended all the same; the next repair may have more luck."""
    loaded, out, folder = harvested(tmp_path, api[0])
    several(gone(2), gone(4))(folder)
    usual = chain(PAGES)
    api[1].respond = lambda path, parameters: (
        Reply({"error": "expired"}, 410)
        if parameters.get("cursor") == "4"
        else usual(path, parameters)
    )
    found = repair(loaded, out)
    assert (found.ok, found.pages, found.anew) == (False, 1, [])
    assert "410 Gone" in found.failed[0]
    assert [problem.path for problem in verify(out).problems] == [
        "items/shard=a/part-000004.json.gz"
    ]
    api[1].respond = usual
    assert repair(loaded, out).ok
    assert verify(out, deep=True).ok


def test_row_106_a_journal_that_is_gone(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """No page can be placed without it."""
    loaded, out, folder = harvested(tmp_path, api[0])
    (folder / JOURNAL).unlink()
    assert "its journal is gone" in refused(repair(loaded, out))
    assert len(list(folder.glob("part-*"))) == PAGES


def test_of_another_question(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """A journal whose pages were asked for in another way stays as it is."""
    loaded, out, folder = harvested(tmp_path, api[0])
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    text = sound(lines[0])
    assert text is not None
    header = {**json.loads(text), "fingerprint": "0" * 16}
    import zlib

    bare = json.dumps(header, separators=(",", ":")).encode()[:-1]
    lines[0] = bare + b',"crc32":"%08x"}\n' % zlib.crc32(bare)
    (folder / JOURNAL).write_bytes(b"".join(lines))
    assert "in another way" in refused(repair(loaded, out))


@pytest.mark.parametrize("swap", [(2, 3), (1, 5)])
def test_lines_out_of_order(
    tmp_path: Path, api: tuple[Scripted, Changing], swap: tuple[int, int]
) -> None:
    """No order is guessed."""
    loaded, out, folder = harvested(tmp_path, api[0])
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    lines[swap[0]], lines[swap[1]] = lines[swap[1]], lines[swap[0]]
    (folder / JOURNAL).write_bytes(b"".join(lines))
    assert refused(repair(loaded, out))


def test_row_107_a_lost_harvest_json(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """It is written anew from the YAML, if the journals say that they are of that."""
    loaded, out, _ = harvested(tmp_path, api[0])
    before = json.loads((out / "harvest.json").read_bytes())
    (out / "harvest.json").unlink()
    with pytest.raises(DataRefused, match=r"harvester repair CONFIG --out"):
        harvest(loaded, out=out)
    other = config(tmp_path, ITEMS, api[0].base_url, "resources.items.path=others")
    with pytest.raises(DataRefused, match="asked for in another way"):
        repair(other, out)
    assert repair(loaded, out).ok
    after = json.loads((out / "harvest.json").read_bytes())
    assert after["config"] == before["config"]
    assert after["created_at"][:16] == before["created_at"][:16]
    assert harvest(loaded, out=out).complete
    assert ids(out) == whole()


# --- From the folder alone -----------------------------------------------------------------------

SECRET = ITEMS.replace("retry:", 'auth: {type: bearer, token: "{env.TOKEN}"}\n  retry:')


def test_the_folder_knows_the_yaml(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """With its variables; one that is missing is named."""
    path = tmp_path / "c.yaml"
    path.write_text(SECRET.replace("http://127.0.0.1:1/", api[0].base_url))
    out = tmp_path / "out"
    harvest(load_config(path, env={"TOKEN": "token-of-the-test"}), out=out)
    with pytest.raises(ConfigError, match="the environment variable TOKEN is not set"):
        reopened(out, env={})
    loaded, place = reopened(out, env={"TOKEN": "token-of-the-test"})
    assert place == out
    gone(2)(out / "items" / "shard=a")
    assert repair(loaded, out).ok


def test_a_secret_in_the_yaml_is_not_in_the_folder(
    tmp_path: Path, api: tuple[Scripted, Changing]
) -> None:
    """Then the YAML is needed, and said to be."""
    path = tmp_path / "c.yaml"
    text = SECRET.replace("{env.TOKEN}", "token-in-the-yaml")
    path.write_text(text.replace("http://127.0.0.1:1/", api[0].base_url))
    out = tmp_path / "out"
    harvest(load_config(path, env={}), out=out)
    with pytest.raises(ConfigError, match="give the YAML: CONFIG --out"):
        reopened(out, env={})
    assert reopened(path, out, env={})[1] == out


# --- As a person types it ------------------------------------------------------------------------


def typed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command of the tool."""
    return subprocess.run(
        [sys.executable, "-m", "harvester", *map(str, words)],
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_verify_says_how_and_repair_does(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """Verify ends with the command; what that prints is JSON, too."""
    _, out, folder = harvested(tmp_path, api[0])
    flipped(3)(folder)
    told = typed("verify", out)
    assert told.returncode == 5
    assert f"repair {out}" in told.stderr
    done = typed("repair", out)
    assert done.returncode == 0, done.stderr
    assert "again: items shard=a, part-000003.json.gz: its SHA-256 differs" in done.stdout
    assert "1 file put aside, items/shard=a/part-000003.json.gz.damaged first" in done.stdout
    assert typed("verify", out).returncode == 0
    assert json.loads(typed("repair", out, "--json").stdout)["ok"] is True


def test_what_must_begin_anew_is_typed_out(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """The command that repair names does it."""
    _, out, folder = harvested(tmp_path, api[0])
    (folder / JOURNAL).unlink()
    done = typed("repair", out)
    assert done.returncode == 3
    (command,) = [text.strip() for text in done.stdout.splitlines() if " redo " in text]
    words = command.split(" redo ")[1].split()
    assert words == [str(out), "--resource", "items", "--partition", "shard=a"]
    again = typed("redo", *words, "--progress", "plain")
    assert again.returncode == 0, again.stderr
    assert ".aside/items/shard=a: the old pages are here" in again.stderr
    assert typed("verify", out, "--deep").returncode == 0
    assert ids(out) == whole()
    assert len(list((out / ".aside" / "items" / "shard=a").glob("part-*"))) == PAGES


@pytest.mark.parametrize("kill", ["rename", "link", "fsync"])
def test_row_105_a_repair_that_is_killed_is_repeated(
    tmp_path: Path, api: tuple[Scripted, Changing], kill: str
) -> None:
    """At whatever call: the next one ends what it began, and nothing that was sound is lost."""
    from tests.support import strace

    _, out, folder = harvested(tmp_path, api[0])
    for at in range(1, 5):
        flipped(3)(folder)
        several(line(4))(folder)
        subprocess.run(
            [*strace("-e", f"inject={kill}:signal=KILL:when={at}"), sys.executable, "-m",
             "harvester", "repair", str(out)],
            env=ENVIRONMENT, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        done = typed("repair", out)
        assert done.returncode == 0, (at, done.stdout, done.stderr)
        assert verify(out, deep=True).ok
        assert ids(out) == whole()


def entries(folder: Path) -> list[Any]:
    """The sound lines of a journal."""
    texts = [sound(text) for text in (folder / JOURNAL).read_bytes().splitlines(keepends=True)]
    return [parsed(text) for text in texts[1:] if text]


def test_lines_stay_as_they_are(tmp_path: Path, api: tuple[Scripted, Changing]) -> None:
    """Repair changes no line but those it must, and keeps the journal that was."""
    loaded, out, folder = harvested(tmp_path, api[0])
    before = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    line(3)(folder)
    damaged = (folder / JOURNAL).read_bytes()
    assert repair(loaded, out).ok
    after = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    assert [number for number, text in enumerate(after) if text != before[number]] == [3]
    assert (folder / (JOURNAL + ".damaged")).read_bytes() == damaged
    assert all(encode(entry) in after for entry in entries(folder))
    assert not (folder / (JOURNAL + ".tmp")).exists()


def test_the_first_line_lost_as_a_whole(api: tuple[Scripted, Changing], tmp_path: Path) -> None:
    """It is written anew; no page is asked for."""
    server, _ = api
    loaded, out, folder = harvested(tmp_path, server)
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    (folder / JOURNAL).write_bytes(b"".join(lines[1:]))
    assert repair(loaded, out).ok
    assert not server.asked
    assert verify(out).ok
    assert ids(out) == whole()


@pytest.mark.parametrize("command", [harvest, repair, begin_again])
def test_a_later_format_changes_nothing(
    api: tuple[Scripted, Changing], tmp_path: Path, command: Callable[..., object]
) -> None:
    """Its journal is refused before a file of the folder is written."""
    server, _ = api
    loaded, out, folder = harvested(tmp_path, server)
    path = folder / JOURNAL
    path.write_bytes(path.read_bytes().replace(b'{"format":1,', b'{"format":2,', 1))
    manifest = out / "harvest.json"  # which says that a later version was at work
    manifest.write_text(manifest.read_text().replace(f'"{__version__}"', '"99.0"'))
    before = {item: item.read_bytes() for item in out.rglob("*") if item.is_file()}
    with pytest.raises(DataRefused, match="journal format 2 is not known"):
        command(loaded, out=out)
    assert {item: item.read_bytes() for item in out.rglob("*") if item.is_file()} == before


@pytest.mark.parametrize(("status", "anew"), [(403, 0), (410, 1)])
def test_what_is_not_to_be_had_now_is_not_lost(
    api: tuple[Scripted, Changing], tmp_path: Path, status: int, anew: int
) -> None:
    """A key that is not taken costs no partition; a cursor that is gone does."""
    server, changing = api
    loaded, out, folder = harvested(tmp_path, server)
    line(3)(folder)
    changing.respond = lambda path, parameters: Reply({"error": "no"}, status=status)
    found = repair(loaded, out)
    assert (found.ok, len(found.failed), len(found.anew)) == (False, 1, anew)
    changing.respond = chain(PAGES)
    assert repair(loaded, out).ok
    assert ids(out) == whole()
