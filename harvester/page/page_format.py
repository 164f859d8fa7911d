"""Defines a page format: how the bytes of a page are read, whatever they are written in. Pure.

Each format is one class in one file of `formats`, registered by the model of its options;
`format_of` finds it. Every format is read as JSON: its `translator` gives a page's decoded bytes
as JSON text while they stream by, and from there on fields, records, keys and counts are those of
JSON, in the same flat memory. What is stored is always what the server sent, never the text.

A translator *must* give one complete JSON text in UTF-8 for a page that is whole and well formed,
and raise `Malformed` for any other, at the latest when it is closed. It *must* give the same text
however the bytes are cut, and *must* hold no more of a page than one of its records.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from harvester.config import FormatOptions, Limits
from harvester.model import Path
from harvester.page.fields import Field, FieldParser
from harvester.page.outline import Shape, shape_of
from harvester.page.page_walk import Record
from harvester.page.records import iter_batches, iter_elements, iter_lines, lone
from harvester.page.records import without_records as beside_records
from harvester.values import dataclass

Options = TypeVar("Options", bound=FormatOptions)


class Translator(Protocol):
    """One page on its way to JSON."""

    def feed(self, chunk: bytes) -> bytes:
        """Take in one more chunk, cut anywhere; the JSON text that it completes, maybe none."""

    def close(self) -> bytes:
        """The rest of the text. Raises `Malformed` where the page is not whole."""


class FieldReader(Protocol):
    """Picks the declared fields out of a page's JSON text."""

    @property
    def control_characters(self) -> int:
        """How many control characters stand raw in strings of the text so far."""

    def feed(self, chunk: bytes) -> None:
        """Take in one more chunk of the text. Raises `Malformed`, `PageRefused`."""

    def close(self) -> dict[str, Any]:
        """The fields that were found, by name. Raises as `feed` does."""

    def first_records(self, most: int) -> Sequence[Record]:
        """The records that end within the first `most` bytes of the text, once it is closed; none
        where they have not been told apart on the way.
        """


@dataclass(frozen=True)
class PageFormat(ABC, Generic[Options]):
    """The format of one resource's pages; `selector` leads to the records in their JSON text."""

    options: Options
    selector: Path

    #: What the name of a part ends in. Without `.gz` the part is stored as it is.
    suffix: ClassVar[str]
    #: What a request asks for.
    accept: ClassVar[str]
    #: What a replay says that a page is.
    content_type: ClassVar[str]
    #: Whether nothing else can be taken for a page, so that its Content-Type need not be looked at.
    proves_itself: ClassVar[bool] = True
    #: Whether a page that was cut is known to be by what is missing. Else the framing must say so.
    proves_its_end: ClassVar[bool] = True
    #: Whether a body that is packed, and says so by its first bytes only, is unpacked.
    unpacks: ClassVar[bool] = True

    @property
    def is_gzipped(self) -> bool:
        """Whether its parts are gzip."""
        return self.suffix.endswith(".gz")

    registered: ClassVar[dict[type[FormatOptions], type["PageFormat[Any]"]]] = {}

    def __init_subclass__(cls, options: type[FormatOptions] | None = None, **rest: Any) -> None:
        """Register the class by the model of its options."""
        super().__init_subclass__(**rest)
        if options is None:
            return
        if options in PageFormat.registered:
            raise TypeError(f"{options.__name__} has a page format already")
        if has_suffix(getattr(cls, "suffix", "")):
            raise TypeError(f"{cls.__name__}: another page format has the suffix {cls.suffix}")
        PageFormat.registered[options] = cls

    # --- What a format must say ------------------------------------------------------------------

    @abstractmethod
    def translator(self, limits: Limits | None = None) -> Translator:
        """Reads one page; `limits` bound one that is new, and not one that was kept."""

    @classmethod
    @abstractmethod
    def is_own(cls, content_type: str) -> bool:
        """Whether a Content-Type (in lower case, without parameters) names this format."""

    @abstractmethod
    def refuses(self, content_type: str, beginning: bytes) -> bool:
        """Whether what is sent as this type, and begins so, is meant as something else: a form to
        log in, which is there at the next try too.
        """

    # --- What follows ----------------------------------------------------------------------------

    def stored_as(self, suffix: str) -> "PageFormat[Any]":
        """The format of a part of this resource whose name ends so."""
        return self

    def described(self, headers: Mapping[str, str], url: str) -> Mapping[str, str]:
        """What else the journal says of a page, by the headers of the answer and its URL."""
        return {}

    def field_reader(self, fields: Sequence[Field], limits: Limits) -> FieldReader:
        """Reads fields out of the text that a translator gives."""
        return FieldParser(fields, limits)

    def text(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The JSON text of a page, by its decoded bytes. Raises `Malformed`."""
        translator = self.translator()
        for chunk in chunks:
            yield translator.feed(chunk)
        yield translator.close()

    def check(
        self, chunks: Iterable[bytes], fields: Sequence[Field], limits: Limits
    ) -> Mapping[str, Any]:
        """Read a page to its end, as when it was fetched. Raises `Malformed`, `PageRefused`."""
        reader = self.field_reader(fields, limits)
        for chunk in self.text(chunks):
            reader.feed(chunk)
        return reader.close()

    def records(self, chunks: Iterable[bytes], counted: int = 0) -> Iterator[bytes]:
        """The records of a page, as `iter_elements` gives them, by its decoded bytes."""
        return iter_elements(self.text(chunks), self.selector, counted)

    def lines(self, chunks: Iterable[bytes], counted: int = 0) -> Iterator[bytes]:
        """The same as JSON Lines, in blocks of whole lines."""
        return iter_lines(self.text(chunks), self.selector, counted)

    def batches(self, chunks: Iterable[bytes], counted: int = 0) -> Iterator[Sequence[Record]]:
        """The same, as many at a time as were found together."""
        return iter_batches(self.text(chunks), self.selector, counted)

    def lone(self, chunks: Iterable[bytes], *, after_records: bool = True) -> int | bytes:
        """How many records a page has that seems to have one; see `records.lone`."""
        return lone(self.text(chunks), self.selector, after_records=after_records)

    def without_records(self, chunks: Iterable[bytes]) -> Mapping[str, Any]:
        """What stands beside the records of a page; see `records.without_records`."""
        return beside_records(self.text(chunks), self.selector)

    def shape(self, chunks: Iterable[bytes]) -> Shape:
        """What a page has, in words."""
        return shape_of(self.text(chunks))


def has_suffix(text: str) -> bool:
    """Whether the names of some format's parts end so."""
    if any(text == each.suffix for each in PageFormat.registered.values()):
        return True
    import harvester.page.formats  # noqa: F401  # who only reads names may not have had it yet

    return any(text == each.suffix for each in PageFormat.registered.values())


def content_type_of(suffix: str) -> str | None:
    """What a page is whose part's name ends so."""
    found = (each for each in PageFormat.registered.values() if each.suffix == suffix)
    return next((each.content_type for each in found), None)


def named_by(content_type: str) -> str | None:
    """The format that a Content-Type names, as the YAML writes it; None where none is named."""
    for options, kind in PageFormat.registered.items():
        if kind.is_own(content_type):
            return str(options.model_fields["type"].annotation.__args__[0])  # type: ignore[union-attr]
    return None
