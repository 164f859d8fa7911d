"""What must hold for any bytes at all, one function for each thing that reads what others wrote.

A target takes bytes and returns; what a person's mistake, a server or a damaged disk can do ends
in the error tree of `harvester.errors`, and anything else that is raised here is a find. Seeds
are what mutation begins with. `test_fuzz` runs the targets for a moment, `fuzz` for as long as
one likes.
"""

import contextlib
import gzip
import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.config import Limits
from harvester.config.load import load_config, parse_config
from harvester.errors import (
    AttemptFailed,
    ConfigError,
    DataRefused,
    NotJSON,
    PageRefused,
)
from harvester.http import server_waits
from harvester.http.connection import Watch
from harvester.http.request import Request
from harvester.http.transport import Transport
from harvester.model.jsonpath import canonical, parse
from harvester.model.reference import TemplateError
from harvester.model.segments import JSONPathError
from harvester.model.templates import Scope, Template, render
from harvester.page.body import tee
from harvester.page.fields import Field, FieldParser, Take
from harvester.page.records import iter_elements
from harvester.paging.link_header import link_target
from harvester.planning.plans import plan
from harvester.results import state as report
from harvester.results.last_run import read_last_run
from harvester.results.records import iter_records
from harvester.security.origins import Origin, Origins, origin_of, resolve
from harvester.security.redaction import Secrets
from harvester.store import entries, journal_lines
from harvester.store.journal import Journal
from harvester.store.manifest import read_asked
from tests.fault_server import CLOSE, FaultServer
from tests.support import entry
from tests.yaml_texts import TWITTER

REPOSITORY = Path(__file__).parents[1]
LIMITS = Limits(
    wire_bytes=1 << 20, decoded_bytes=4 << 20, depth=64, string_bytes=1 << 16, number_chars=100
)


@dataclass(frozen=True, slots=True)
class Target:
    """A function of bytes that must return, and bytes to begin with."""

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """`data` in pieces of `size` bytes; whole where that is 0."""
    size = size or max(1, len(data))
    for start in range(0, len(data), size):
        yield data[start : start + size]


# --- Bodies ---------------------------------------------------------------------------------------


def body(data: bytes) -> None:
    """Any wire bytes: what passes is whole by Python's gzip too, and the same in any pieces."""
    codings: list[str] = [["gzip"], [], ["x-gzip"], ["br"], ["gzip", "identity"]][
        data[:1][0] % 5 if data else 0
    ]
    wire, size = data[2:], data[1] if len(data) > 1 else 0
    whole, cut = (_teed(pieces(wire, each), codings) for each in (0, size))
    assert whole == cut
    if whole is None:
        return
    stored, decoded = whole
    assert gzip.decompress(stored) == decoded
    if codings:
        assert gzip.decompress(wire) == decoded
        assert wire.startswith(stored)
    else:
        assert wire == decoded


def _teed(chunks: Iterator[bytes], codings: list[str]) -> tuple[bytes, bytes] | None:
    """Stored and decoded bytes; None where the body is not accepted."""
    try:
        pairs = [*tee(chunks, codings, LIMITS)]
    except AttemptFailed:
        return None
    stored, decoded = zip(*pairs, strict=True) if pairs else ((), ())
    return b"".join(stored), b"".join(decoded)


# --- Fields ---------------------------------------------------------------------------------------

FIELDS = (
    [Field("records", parse("data"), Take.COUNT), Field("cursor", parse("meta.next_token"))],
    [Field("cursor", parse("data[-1].id")), Field("records", parse("$"), Take.COUNT)],
    [Field("cursor", parse("links[?@.rel=='next'].href")), Field("n", parse("$[*]"), Take.COUNT)],
    [Field("cursor", parse("data[*].id"), Take.MAX), Field("least", parse("data[*].id"), Take.MIN)],
    [Field("cursor", parse("$")), Field("is", parse("data[0].id"), Take.EXISTS)],
    [Field("cursor", parse("meta")), Field("last", parse("data[*]"), Take.LAST)],
)


def strictly(text: bytes, *, controls: bool = True) -> Any:
    """What JSON in UTF-8 says, RFC 8259 but for control characters in strings, which may stand
    there raw if `controls`; ValueError or RecursionError where it is none.
    """

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    text = text.removeprefix(b"\xef\xbb\xbf")
    return json.loads(text.decode(), parse_constant=refuse, strict=not controls)


class EveryByte(FieldParser):
    """Is spared nothing, and takes no short way: the reference for what is, or does."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._small = None

    def _spare(self) -> None:
        """Nowhere."""


def fields(data: bytes) -> None:
    """Any JSON: what passes is JSON, what is not JSON is not, and borders change neither; nor does
    it matter whether records are passed over that no field looks into, but where another limit or
    another fault is met first.
    """
    first, size, text = data[0] if data else 0, data[1:2], data[2:]
    wanted = FIELDS[first % len(FIELDS)]
    whole = _parsed(FieldParser(wanted, LIMITS), pieces(text, 0))
    cut = _parsed(FieldParser(wanted, LIMITS), pieces(text, size[0] if size else 1))
    spared_nothing = _parsed(EveryByte(wanted, LIMITS), pieces(text, 0))
    try:
        strictly(text)
        is_json = True
    except (ValueError, RecursionError):
        is_json = False
    for verdict, told in (whole, cut, spared_nothing):
        if verdict is None:
            assert is_json, "accepted what is no JSON"
        elif verdict is NotJSON:
            assert not is_json, f"rejected what is JSON: {told}"
    for other in (cut, spared_nothing):
        assert whole == other or (whole[0] and other[0]), "borders or fields decided"


def _parsed(parser: FieldParser, chunks: Iterator[bytes]) -> tuple[type | None, str]:
    """No class, the fields and the count of control characters; or the class and the words of the
    verdict.
    """
    try:
        for chunk in chunks:
            parser.feed(chunk)
        found = parser.close()
    except AttemptFailed as error:
        return type(error), str(error)
    return None, json.dumps([found, parser.control_characters], sort_keys=True)


def elements(data: bytes) -> None:
    """Records cut out of any bytes: refused, or each record of the JSON that it is."""
    selector = parse(
        ("data", "$", "data[*]", "links[?@.rel=='next']", "data[-1]")[data[0] % 5] if data else "$"
    )
    size, text = data[1:2], data[2:]

    def cut(chunks: Iterator[bytes]) -> list[bytes] | None:
        try:
            return [*iter_elements(chunks, selector)]
        except DataRefused:
            return None

    whole, small = cut(pieces(text, 0)), cut(pieces(text, size[0] if size else 1))
    with contextlib.suppress(ValueError, RecursionError):
        strictly(text)
        assert whole == small
        for record in whole or ():
            strictly(record, controls=False)


# --- What lies on disk ----------------------------------------------------------------------------

HEADER = entries.Header("items", {"shard": "a"}, "f" * 16, "0", "2021-01-01T00:00:00.000Z")


def _signed(text: bytes) -> bytes:
    """A line of this JSON object with a right checksum."""
    return b'%b,"crc32":"%08x"}\n' % (text, zlib.crc32(text))


def _sound_journal(pages: int = 3) -> bytes:
    lines: list[entries.Header | entries.Entry] = [HEADER]
    lines += [
        entry(number, part=f"part-{number:06d}.json.gz", stored_bytes=4)
        for number in range(1, pages + 1)
    ]
    return b"".join(entries.encode(line) for line in lines)


def journal_bytes(data: bytes) -> None:
    """Any bytes as a journal: recovered or refused; what is refused is left as it was.

    An odd first byte: each line gets a right checksum, so that what it says is looked at.
    """
    text = data[1:]
    if data[:1] and data[0] % 2:
        text = b"".join(
            _signed(line.rpartition(b',"crc32"')[0] or line) for line in text.splitlines()
        )
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        folder = Path(place)
        (folder / journal_lines.JOURNAL).write_bytes(text)
        for number in range(1, 5):
            (folder / f"part-{number:06d}.json.gz").write_bytes(b"page")
        (folder / "part-000005.json.gz.tmp").write_bytes(b"half")
        (folder / "notes.txt").write_bytes(b"mine")
        before = _contents(folder)
        for read in (
            journal_lines.read_header, journal_lines.read_checkpoint, journal_lines.is_done,
            lambda where: [*journal_lines.read_pages(where)],
            lambda where: [*journal_lines.read_entries(where)],
        ):  # fmt: skip
            with contextlib.suppress(DataRefused):
                read(folder)
            assert _contents(folder) == before, "a reader has written"
        _opened(folder, text, before)


def _opened(folder: Path, text: bytes, before: dict[str, bytes]) -> None:
    try:
        with Journal.open(folder, HEADER, fsync=False) as opened:
            pages = opened.checkpoint.pages
    except DataRefused:
        assert _contents(folder) == before, "refused, and touched"
        return
    after = _contents(folder)
    gone = before.keys() - after.keys()
    assert gone <= {f"part-{pages + 1:06d}.json.gz", "part-000005.json.gz.tmp"}
    kept = after[journal_lines.JOURNAL]
    assert text.startswith(kept) or kept.count(b"\n") == 1, "a line was lost or changed"
    assert kept.count(b"\n") > pages


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


SMALL = """
version: 1
name: items
client: {base_url: "http://127.0.0.1:1/"}
resources:
  - name: items
    path: items
    params: {shard: "{shard}"}
    partitions: {shard: [a]}
    data_selector: data
    paginator: {type: cursor, cursor_path: next, cursor_param: cursor}
"""


def _sound_asked() -> bytes:
    value = {
        "name": "items", "harvester": "0", "fingerprint": "0",
        "created_at": "2021-01-01T00:00:00Z", "planned_at": "2021-01-01T00:00:00Z",
        "config": parse_config(SMALL, "small.yaml", env={}).reference_dict(),
    }  # fmt: skip
    return json.dumps(value).encode()


def folder(data: bytes) -> None:
    """Any bytes as harvest.json, last_run.json and a part: readers answer or refuse, and no more.

    The first byte says which of them is given the bytes.
    """
    which, text = (data[0] % 3 if data else 0), data[1:]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        out = Path(place)
        sound = _sound_asked()
        (out / "harvest.json").write_bytes(text if which == 0 else sound)
        if which == 1:
            (out / "last_run.json").write_bytes(text)
        partition = out / "items" / "shard=a"
        partition.mkdir(parents=True)
        page = text if which == 2 else gzip.compress(b'{"data": [{"id": 1}]}', mtime=0)
        (partition / "part-000001.json.gz").write_bytes(page)
        line = entry(1, part="part-000001.json.gz", stored_bytes=len(page), done=True, next=None)
        (partition / journal_lines.JOURNAL).write_bytes(
            entries.encode(HEADER) + entries.encode(line)
        )
        read_last_run(out)
        for read in (
            read_asked, report.status, lambda where: report.verify(where, deep=True),
            lambda where: [*iter_records(where)],
        ):  # fmt: skip
            with contextlib.suppress(DataRefused):
                read(out)


# --- What a person writes -------------------------------------------------------------------------


def config(data: bytes) -> None:
    """Any file as a configuration: one that can be planned, or problems that name file and line."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        path = Path(place, "fuzzed.yaml")
        path.write_bytes(data)
        try:
            loaded = load_config(
                path, env={"TOKEN": "s3cret-token", "TWITTER_BEARER_TOKEN": "x" * 9}
            )
        except ConfigError as error:
            _told(error, str(path))
            return
        with contextlib.suppress(ConfigError, DataRefused):
            for number, _ in enumerate(plan(loaded)):
                if number > 20:
                    break
        json.dumps(loaded.reference_dict())


def _told(error: ConfigError, file: str) -> None:
    """Each problem names the file, a line, and what is wrong."""
    assert error.problems
    for problem in error.problems:
        assert (problem.file, problem.line >= 0, bool(problem.message)) == (file, True, True)


def overrides(data: bytes) -> None:
    """Any text as a `--set`: a value in the tree, or problems."""
    with contextlib.suppress(ConfigError):
        parse_config(SMALL, "small.yaml", set=[data.decode("utf-8", "surrogateescape")], env={})


def paths(data: bytes) -> None:
    """Any text as a path: a path that can be written down and read again, or its own error."""
    with contextlib.suppress(JSONPathError):
        found = parse(data.decode("utf-8", "surrogateescape"))
        assert parse(canonical(found)) == found


def templates(data: bytes) -> None:
    """Any text as a template: it renders, or its own error says why not."""
    text = data.decode("utf-8", "replace")
    scope = Scope(env={"TOKEN": "s"}, values={"query": "q", "n": 7}, cursor={"a": 1}, page=2)
    with contextlib.suppress(TemplateError):
        Template.parse(text)
        render({"key": [text]}, scope)


# --- What servers say -----------------------------------------------------------------------------

_HINTS = (
    "retry-after", "ratelimit", "x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset",
    "x-ratelimit-remaining", "date", "x-ratelimit-reset-requests", "x-ratelimit-reset-after",
)  # fmt: skip


def headers(data: bytes) -> None:
    """Any texts as headers: waits are numbers from 0 on, links are links, and nothing raises."""
    texts = data.decode("latin-1").split("\n")
    said = dict(zip(_HINTS, texts, strict=False))
    for wait in (
        server_waits.server_wait(said, 1.6e9), server_waits.window_reset(said, 1.6e9),
        *((found.seconds,) if (found := server_waits.exhausted(said, 1.6e9)) else ()),
    ):  # fmt: skip
        assert wait is None or 0 <= wait < float("inf")
    for text in texts:
        with contextlib.suppress(PageRefused):
            link_target(text, "next")


def wire(data: bytes) -> None:
    """Any bytes as what a server sends, up to its end: a body, or a verdict, within seconds."""
    with FaultServer(lambda request: [data, CLOSE]) as server:
        transport = Transport(CLIENT)
        request = Request("GET", server.url, {"Accept-Encoding": "gzip"})
        watch = Watch(time.monotonic, time.monotonic() + 3, 2, lambda: False)
        try:
            with contextlib.suppress(AttemptFailed), transport.open(request, watch) as response:
                for _ in tee(response.chunks(), response.encodings, LIMITS):
                    pass
        finally:
            transport.close()


CLIENT = parse_config(SMALL, "small.yaml", env={}).client


def links(data: bytes) -> None:
    """Any text as a next link: refused, or on the configured origin to the last character."""
    text = data.decode("utf-8", "replace")
    home = origin_of("https://api.example/")
    origins = Origins(frozenset({home}), {"other.example": False})
    with contextlib.suppress(PageRefused):
        url = resolve("https://api.example/2/", text)
        credentials = origins.check(url)
        found = origin_of(url)
        assert credentials == (found == home)
        assert found in (home, Origin("https", "other.example", 443))


def secrets(data: bytes) -> None:
    """Any text with a secret in it: redacted it is gone, and a cursor comes back exactly."""
    text = data.decode("utf-8", "replace")
    known = Secrets({"env.TOKEN": "hush-hush/7+", "env.OTHER": "p@ss w\u00f6rd"})
    redacted = known.redact(text)
    assert "hush-hush" not in redacted or "hush-hush/7+" not in redacted
    assert known.redact(redacted) == redacted
    assert known.reveal(known.conceal([text, {text: text}])) == [text, {text: text}]


# --- All of them ----------------------------------------------------------------------------------

_PAGE = (
    b'{"data": [{"id": "1", "text": "\\ud83d\\ude00 \\" caf\xc3\xa9"},'
    b' {"id": 12345678901234567890}],'
    b' "meta": {"next_token": "abc", "n": -1.5e3}, "links": [{"rel": "next", "href": "/b"}]}'
)
_BULKY = _PAGE.replace(b"[", b"[" + b'{"a": ["x\\"{", {}, [[null]]], "b": -1e5}, ' * 40, 1)
_GZIPPED = gzip.compress(_PAGE, mtime=0)

TARGETS: dict[str, Target] = {
    "body": Target(
        body,
        [
            b"\0\7" + _GZIPPED,
            b"\0\0" + 2 * _GZIPPED + bytes(9),
            b"\1\1" + _PAGE,
            b"\2\3" + _GZIPPED[:-4],
        ],
    ),
    "fields": Target(
        fields,
        [bytes([kind, 7]) + _PAGE for kind in range(len(FIELDS))]
        + [bytes([kind + 128, 200]) + _BULKY for kind in range(2, 2 + len(FIELDS))]
        + [
            b"\0\1\xef\xbb\xbf[1, 2.50, null, true, [[[]]]]",
            b"\4\1" + b"[" * 70,
            b"\5\2" + b"9" * 120,
        ],
    ),
    "elements": Target(elements, [bytes([kind, 5]) + _PAGE for kind in range(5)]),
    "journal": Target(
        journal_bytes,
        [
            b"\0" + _sound_journal(),
            b"\1" + _sound_journal(),
            b"\0" + _sound_journal()[:-9],
            b"\0",
            b"\0" + _sound_journal(2) + bytes(40),
            b"\1" + b'[]\n{}\n7\n{"seq":1\n',
        ],
    ),
    "folder": Target(
        folder,
        [b"\0" + _sound_asked(), b'\1{"failed": {"items": 1}, "failures": []}', b"\2" + _GZIPPED],
    ),
    "config": Target(
        config,
        [SMALL.encode(), TWITTER.encode()]
        + [path.read_bytes() for path in sorted((REPOSITORY / "configs").glob("*.yaml"))[::5]],
    ),
    "overrides": Target(
        overrides,
        [
            b"client.retry.attempts=3",
            b"resources.items.params.q={query}",
            b"resources[0].path=x",
            b"output={path: x}",
            b"resources.items.partitions.shard=[a, b]",
        ],
    ),
    "paths": Target(
        paths, [b"$.a['b.c'][*][0][-1]", b"links[?@.rel=='next'].href", b'$["\\ud83d\\ude00"]']
    ),
    "templates": Target(
        templates, [b"{query}x{{y}}", b"{env.TOKEN}", b"{window.start:%Y-%m-%d}", b"{cursor}{page}"]
    ),
    "headers": Target(
        headers,
        [
            b"120\nlimit=1, remaining=0, reset=30\n16e8\n\n0\nWed, 21 Oct 2015 07:28:00 GMT\n6m0s",
            b'"burst";r=0;t=5\n1e12\n2021-01-01T00:00:00Z',
            b'<https://a/?p=2>; rel="next", </c>; rel=prev',
        ],
    ),
    "wire": Target(
        wire,
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nA: b\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nX: \xe9\r\n folded\r\n\r\n[1]",
            b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nLink: <a>; rel=next\r\n\r\n" + _GZIPPED,
        ],
    ),
    "links": Target(
        links,
        [
            b"/items?page=2",
            b"https://api.example/2/items",
            b"//other.example/x",
            b"?a=b#c",
            b"http://[::1]:80/",
            b"https://user@api.example/",
        ],
    ),
    "secrets": Target(
        secrets,
        [
            b"?k=hush-hush%2f7%2B&x={secret.env.TOKEN}",
            b"hush-hush/7+ p%40ss+w%C3%B6rd",
        ],
    ),
}
