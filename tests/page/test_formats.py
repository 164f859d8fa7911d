"""What every page format must keep, run over each: whoever adds one adds a `Sample` here."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest

from harvester import harvest, load_config
from harvester.config import (
    CsvFormat,
    FormatConfig,
    FormatOptions,
    JsonFormat,
    JsonLinesFormat,
    Limits,
    RawFormat,
    Resource,
    XmlFormat,
)
from harvester.errors import Malformed
from harvester.model import parse
from harvester.page import Field, PageFormat, Take, format_of
from harvester.page.page_format import Translator
from harvester.store import decoded_chunks, part_name, part_number
from tests.api_server import Answer, ApiServer, Asked
from tests.support import write_config

MEMBERS = sorted(PageFormat.registered, key=lambda options: options.__name__)


@dataclass(frozen=True)
class Sample:
    """A page as a server sends it, the records in it, and what is no page of this format."""

    options: Mapping[str, Any]
    page: bytes
    records: list[Any]
    selector: str | None = None
    malformed: tuple[bytes, ...] = ()
    refused: tuple[str, ...] = ("text/html",)
    empty: bytes | None = b""  # None: whatever comes is a record


SAMPLES: dict[type[FormatOptions], Sample] = {
    JsonFormat: Sample(
        {"type": "json"},
        '{"items": [{"id": 1, "name": "ä"}, {"id": 2}], "next": null}'.encode(),
        [{"id": 1, "name": "ä"}, {"id": 2}],
        "items",
        (b'{"items": [', b"<html>"),
        empty=b'{"items": []}',
    ),
    JsonLinesFormat: Sample(
        {"type": "jsonl"},
        '\ufeff{"id": 1, "name": "ä\\n"}\r\n\n{"id":\t2, "x": "\t\x01"}\n[3]'.encode(),
        [{"id": 1, "name": "ä\n"}, {"id": 2, "x": "\t\x01"}, [3]],
        malformed=(
            b'{"a": 1',
            b'{"a": 1\x01}\n',
            b"1,2\n",
            b"[1\n2]\n",
            b"<html>",
            b'{"a": 1}\n{"a"',
        ),
    ),
    CsvFormat: Sample(
        {"type": "csv", "comment": "#"},
        '\ufeff# of today\r\nid,name\r\n1,"ä, ""b""\r\n#c"\r\n\r\n2,\n# end'.encode(),
        [{"id": "1", "name": 'ä, "b"\r\n#c'}, {"id": "2", "name": ""}],
        malformed=(b'a,b\n1,"2', b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,a\n", b"a\n\xff", b""),
        refused=("text/html", "application/json", "application/xml"),
        empty=b"id,name\n",
    ),
    XmlFormat: Sample(
        {"type": "xml", "lists": ["tag"]},
        '<?xml version="1.0"?><r:a xmlns:r="u" n="1">\n<h>x</h>'
        '<b id="1"><tag>ä</tag>t <i>u</i> v</b>'
        "<h/><b><![CDATA[<&>]]></b><b><c>1</c><c>2</c></b></r:a>".encode(),
        [
            {"@id": "1", "tag": ["ä"], "i": "u", "#text": "ät u v"},
            "<&>",
            {"c": ["1", "2"]},
        ],
        "r:a.b",
        malformed=(b"<a><b></a>", b"<r:a><b/>", b"", b"{}", b"<r:a/><r:a/>"),
        empty=b"<r:a/>",
    ),
    RawFormat: Sample(
        {"type": "raw", "content_types": "application/*"},
        b"\x1f\x8b\0%PDF",
        [
            {
                "bytes": 7,
                "sha256": "9a79e800e8364acbd4b3109cd10601d4b2a581eb7f51ebc8b192d982d27dd6ca",
            }
        ],
        empty=None,
    ),
}


def made(member: type[FormatOptions]) -> PageFormat[Any]:
    """The format of a member's sample."""
    sample = SAMPLES[member]
    options: Any = member(**sample.options)
    given = Resource(name="items", path="i", format=options, data_selector=sample.selector)
    return format_of(given)


@pytest.fixture(params=MEMBERS, ids=lambda options: options.__name__)
def member(request: pytest.FixtureRequest) -> type[FormatOptions]:
    """Each registered format's options."""
    found: type[FormatOptions] = request.param
    return found


def types() -> tuple[Any, ...]:
    """What the YAML may name."""
    inner = get_args(FormatConfig)[0]
    return get_args(inner) or (inner,)


def half_wired(registered: Mapping[type[FormatOptions], type[PageFormat[Any]]]) -> list[str]:
    """What is missing, by name: a method, an attribute, a class, a sample."""
    found = [f"{one.__name__} has no page format" for one in types() if one not in registered]
    for options, kind in registered.items():
        found += [f"{kind.__name__} lacks {name}" for name in sorted(kind.__abstractmethods__)]
        for name in ("suffix", "accept", "content_type"):
            if not getattr(kind, name, ""):
                found.append(f"{kind.__name__} lacks {name}")
        if options not in types():
            found.append(f"{options.__name__} is not in FormatConfig")
        if options not in SAMPLES:
            found.append(f"{options.__name__} has no sample")
    return found


def test_each_is_whole() -> None:
    """Every format of the YAML has its class, every class all it needs, and a sample here."""
    assert half_wired(PageFormat.registered) == []


def test_a_half_wired_format_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, before a page is read with it; nor can it be made."""
    monkeypatch.setattr(PageFormat, "registered", dict(PageFormat.registered))

    class Half(FormatOptions):
        """A format that forgets most."""

    class Halves(PageFormat[Half], options=Half):
        """Has a suffix only."""

        suffix = ".half.gz"

    assert half_wired(PageFormat.registered) == [
        "Halves lacks is_own",
        "Halves lacks refuses",
        "Halves lacks translator",
        "Halves lacks accept",
        "Halves lacks content_type",
        "Half is not in FormatConfig",
        "Half has no sample",
    ]
    with pytest.raises(TypeError, match="translator"):
        Halves(Half(), ())  # type: ignore[abstract]


def test_nothing_is_registered_twice() -> None:
    """Neither options nor a suffix has two formats."""
    with pytest.raises(TypeError, match="has a page format already"):
        type("Again", (PageFormat,), {"suffix": ".again.gz"}, options=JsonFormat)
    with pytest.raises(TypeError, match="another page format has the suffix"):
        type("Same", (PageFormat,), {"suffix": ".json.gz"}, options=FormatOptions)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """In pieces of `size` bytes."""
    return (data[at : at + size] for at in range(0, len(data), size))


def test_records(member: type[FormatOptions]) -> None:
    """Come out as JSON objects, the same ones however the page is cut, one by one and in lines."""
    pages, sample = made(member), SAMPLES[member]
    for size in (1, 2, 3, 7, len(sample.page)):
        found = [*pages.records(cut(sample.page, size))]
        assert [json.loads(each) for each in found] == sample.records
        assert b"".join(pages.lines(cut(sample.page, size))).splitlines() == found
        batches = [bytes(one) for each in pages.batches(cut(sample.page, size)) for one in each]
        assert batches == found


def test_check_counts(member: type[FormatOptions]) -> None:
    """The field reader counts the records that are given, and an empty page has none."""
    pages, sample = made(member), SAMPLES[member]
    count = Field("records", pages.selector, Take.COUNT)
    for size in (1, 5, len(sample.page)):
        fields = pages.check(cut(sample.page, size), [count], Limits())
        assert fields["records"] == len(sample.records)
    assert sample.empty is None or [*pages.records([sample.empty])] == []


def test_the_text_is_the_same_however_it_is_cut(member: type[FormatOptions]) -> None:
    """And JSON, whole."""
    pages, sample = made(member), SAMPLES[member]
    whole = b"".join(pages.text([sample.page]))
    json.loads(whole)
    for size in (1, 2, 3, 5, 11):
        assert b"".join(pages.text(cut(sample.page, size))) == whole


def test_what_is_malformed_is_rejected(member: type[FormatOptions]) -> None:
    """Never taken for a page."""
    pages = made(member)
    count = Field("records", pages.selector, Take.COUNT)
    for page in SAMPLES[member].malformed:
        with pytest.raises(Malformed):
            pages.check([page], [count], Limits())


def test_content_types(member: type[FormatOptions]) -> None:
    """It takes its own, and what says nothing; and it refuses others."""
    pages = made(member)
    assert pages.is_own(pages.content_type)
    for kind in (pages.content_type, "application/octet-stream"):
        assert not pages.refuses(kind, b"x")
    for kind in SAMPLES[member].refused:
        assert pages.refuses(kind, b"<html>")


def test_suffixes_are_names(member: type[FormatOptions]) -> None:
    """Of a part: lower case, with nothing that could lead elsewhere."""
    suffix = PageFormat.registered[member].suffix
    assert suffix.startswith(".")
    assert suffix.replace(".", "").isalpha()
    assert suffix.islower()


# --- A format that nothing else knows ------------------------------------------------------------


class Toy(JsonFormat):
    """Words, one a line. What reads the YAML again takes it for `json`."""


@dataclass
class _Words:
    waiting: bytes = b""
    lines: list[str] = field(default_factory=list)

    def feed(self, chunk: bytes) -> bytes:
        """Keep it."""
        self.waiting += chunk
        return b""

    def close(self) -> bytes:
        """All words."""
        if not self.waiting.endswith(b".\n"):
            raise Malformed("the words do not end with a point")
        return json.dumps([{"word": word.decode()} for word in self.waiting.split()[:-1]]).encode()


def toys() -> type[PageFormat[Toy]]:
    """The class, registered as it is made."""

    class Toys(PageFormat[Toy], options=Toy):
        """Each line is a record."""

        suffix = ".toy.gz"
        accept = "text/x-toy"
        content_type = "text/x-toy"

        def translator(self, limits: Limits | None = None) -> Translator:
            return _Words()

        @classmethod
        def is_own(cls, content_type: str) -> bool:
            return content_type == "text/x-toy"

        def refuses(self, content_type: str, beginning: bytes) -> bool:
            return content_type == "text/html"

    return Toys


TOY_YAML = """
version: 1
name: toy
client: {base_url: "%s"}
resources:
  - name: words
    path: words
    paginator: {type: page_number}
"""


def test_a_toy_format_needs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A harvest of a format that only this test knows: asked for, stored, read back, verified."""
    monkeypatch.setattr(PageFormat, "registered", dict(PageFormat.registered))
    toys()

    def answer(asked: Asked) -> Answer:
        assert asked.headers["accept"] == "text/x-toy"
        page = int(asked.params["page"])
        words = [f"w{page}a", f"w{page}b"] if page < 4 else []
        text = "\n".join([*words, ".\n"])
        return Answer(text=text, headers={"Content-Type": "text/x-toy"})

    with ApiServer(answer) as api:
        config = load_config(write_config(tmp_path, TOY_YAML % api.origin))
        toy = config.resources[0].model_copy(update={"format": Toy(type="json")})
        summary = harvest(config.model_copy(update={"resources": (toy,)}), out=tmp_path / "out")
    assert summary.complete
    part = tmp_path / "out/words" / part_name(3, ".toy.gz")
    assert [*format_of(toy).records(decoded_chunks(part))] == [
        b'{"word": "w3a"}',
        b'{"word": "w3b"}',
    ]
    counted = summary.resources[0]
    assert (counted.pages, counted.records) == (4, 6)
    assert part_number(part.name) == 3


@pytest.mark.parametrize(
    ("selector", "path", "found"),
    [
        ("a.b", "a.b.c", "1"),
        ("a.b", "a.b[1].c", "3"),
        ("a.b[*]", "a.b[*].c", "1"),
        ("a.b", "a.n", "9"),
        ("a.b", "a.@m", "7"),
        ("a", "a.b[-1].c", "3"),
        ("a", "a.n", "9"),
        ("$", "a.n", "9"),
        ("a.b[*].d.e", "a.b[1].d.e", "5"),
        ("a.b[*].d.e", "a.b[1].d.e[-1]", "6"),
    ],
)
def test_a_field_of_xml(selector: str, path: str, found: str) -> None:
    """Is the same text whichever way the records lie, and with attributes or without."""
    page = b"<a m='7'><n x='y'>9</n><b><c>1</c></b><b><c k='v'>3</c><d><e>5</e><e>6</e></d></b></a>"
    given = Resource(name="i", path="i", format=XmlFormat(type="xml"), data_selector=selector)
    taken = format_of(given).check([page], [Field("found", parse(path))], Limits())
    assert taken["found"] in (found, [found, "6"])
