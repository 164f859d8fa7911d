"""Turns a streamed XML document into JSON text, holding one record at a time.

The elements that lead to the records are written as they come; whatever else lies in them is held
until they end, and each record until it does. expat reads the XML, as it comes with Python. What
makes it dangerous is refused: a document type that declares anything of its own, entities with it
(a billion laughs), and entities of a document type that lies elsewhere, which is never fetched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final
from xml.parsers import expat

import msgspec

from harvester.config import Limits
from harvester.errors import Malformed, PageRefused
from harvester.page.formats.record_limit import RecordLimit
from harvester.values import dataclass

#: The key of an element's text where it has attributes or elements besides.
TEXT: Final = "#text"

_encode: Final = msgspec.json.encode


@dataclass(slots=True)
class _Element:
    """An element that is held until it ends."""

    name: str
    members: dict[str, Any]
    texts: list[Any] = field(default_factory=list)  # in order; those of elements within are lists
    size_before: int | None = None  # of a record: what was held when it began


@dataclass(slots=True)
class _Step:
    """An element on the way to the records, which is written while it is read."""

    element: _Element
    leads_to: tuple[str, bool] | None  # the name of the next step, and whether that is a list
    opened: bool = False  # the next step has been there

    @property
    def is_list(self) -> bool:
        """Whether it leads to a list."""
        return self.leads_to is not None and self.leads_to[1]


class XmlStream:
    """One document on its way to JSON. `steps` are the names on the way to the records, each with
    whether it is a list; elements named in `lists` always are.
    """

    def __init__(
        self, steps: Sequence[tuple[str, bool]], lists: frozenset[str], limits: Limits | None
    ) -> None:
        self._steps = steps
        self._lists = lists
        self._limits = limits
        self._limit = RecordLimit(limits)
        self._out = [b"{"]
        document = _Element("", {})
        self._way = [_Step(document, steps[0] if steps else None)]  # open, written as they come
        self._held: list[_Element] = []  # open, below them
        self._size = 0  # of what is held
        self._fed = 0
        self._parser = self._made()

    def feed(self, chunk: bytes) -> bytes:
        """The JSON text that the chunk completes. Raises `Malformed`, `PageRefused`."""
        self._parse(chunk, final=False)
        self._fed += len(chunk)
        waiting = self._fed - max(self._parser.CurrentByteIndex, 0)
        if self._limits is not None and waiting > self._limits.string_bytes + len(chunk):
            raise PageRefused(
                f"a tag has more than {self._limits.string_bytes:,} bytes (limits.string_bytes)"
            )
        return self._taken()

    def close(self) -> bytes:
        """The rest of the text. Raises `Malformed` where the document is not whole."""
        self._parse(b"", final=True)
        self._write_members(self._way[0], opened=self._way[0].opened)
        return self._taken()

    def _taken(self) -> bytes:
        text = b"".join(self._out)
        self._out = []
        return text

    def _parse(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            raise Malformed(
                f"the body is not complete, well-formed XML: {expat.ErrorString(error.code)} "
                f"(line {error.lineno:,}, column {error.offset + 1:,})"
            ) from error
        except (ValueError, LookupError) as error:  # an encoding that is none, or has many bytes
            raise Malformed(f"the body is no XML that can be read: {error}") from error

    def _made(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _refuse_declarations
        parser.EntityDeclHandler = _refuse_entity
        parser.SkippedEntityHandler = _refuse_unknown
        return parser

    # --- What expat tells ------------------------------------------------------------------------

    def _start(self, name: str, attributes: list[str]) -> None:
        depth = len(self._way) - 1 + len(self._held)
        if self._limits is not None and depth >= self._limits.depth:
            raise PageRefused(f"elements are nested deeper than {depth:,} (limits.depth)")
        element = _Element(name, _members(attributes))
        step = self._way[-1]
        if self._held or step.leads_to is None or step.leads_to[0] != name:
            self._held.append(element)
        else:
            self._lead_on(step, name)
            if len(self._way) == len(self._steps):
                element.size_before = self._size
                self._held.append(element)
            else:
                self._out.append(b"{")
                self._way.append(_Step(element, self._steps[len(self._way)]))
        self._grow(len(name) + sum(map(len, attributes)))

    def _text(self, text: str) -> None:
        if self._held:
            self._grow(len(text))
            self._held[-1].texts.append(text)
        elif not text.isspace():
            self._grow(len(text))
            self._way[-1].element.texts.append(text)

    def _end(self, name: str) -> None:
        if not self._held:
            step = self._way.pop()
            if step.is_list and not step.opened:
                self._out.append(_encode(self._steps[len(self._way)][0]) + b":[]")
            self._write_members(step, opened=step.opened or step.is_list)
            return
        element = self._held.pop()
        value = _value(element)
        if element.size_before is not None:
            self._out.append(_encode(value))
            self._size = element.size_before
        elif self._held:
            self._held[-1].texts.append(element.texts)
            self._put(self._held[-1], name, value)
        else:
            self._put(self._way[-1].element, name, value)

    # --- What is written, and what is held -------------------------------------------------------

    def _lead_on(self, step: _Step, name: str) -> None:
        """Begin the element that a step leads to."""
        if not step.opened:
            step.opened = True
            self._out.append(_encode(name) + (b":[" if step.is_list else b":"))
        elif step.is_list:
            self._out.append(b",")
        else:
            raise PageRefused(
                f"<{name}> comes twice in <{step.element.name}>: in data_selector, write {name}[*]"
            )

    def _write_members(self, step: _Step, *, opened: bool) -> None:
        """End a step: what was held of it comes after what it leads to."""
        if step.opened and step.is_list:
            self._out.append(b"]")
        element = step.element
        if element.texts:
            element.members[TEXT] = "".join(element.texts).strip()
        members = _encode(element.members)[1:]  # with the brace that closes it
        comma = b"," if opened and element.members else b""
        self._out.append(comma + members)

    def _put(self, parent: _Element, name: str, value: Any) -> None:
        members = parent.members
        if name not in members:
            members[name] = [value] if name in self._lists else value
        elif isinstance(members[name], list):
            members[name].append(value)
        else:
            members[name] = [members[name], value]

    def _grow(self, size: int) -> None:
        self._size += size
        self._limit.check(self._size, "what is held of the document, a record most likely,")


def _members(attributes: list[str]) -> dict[str, Any]:
    """The attributes of an element, as members; declarations of namespaces are none."""
    pairs = zip(attributes[::2], attributes[1::2], strict=True)
    return {
        f"@{name}": value
        for name, value in pairs
        if name != "xmlns" and not name.startswith("xmlns:")
    }


def _value(element: _Element) -> Any:
    """An element that has ended: its text, where it is nothing else."""
    if not element.members:
        return "".join(element.texts).strip() or None
    if any(isinstance(text, str) and not text.isspace() for text in element.texts):
        element.members[TEXT] = "".join(_flat(element.texts)).strip()
    return element.members


def _flat(texts: list[Any]) -> Iterator[str]:
    """The texts of an element and of those within, in the order of reading."""
    waiting = [iter(texts)]
    while waiting:
        for text in waiting[-1]:
            if isinstance(text, list):
                waiting.append(iter(text))
                break
            yield text
        else:
            waiting.pop()


def _refuse_declarations(name: str, system: str | None, public: str | None, internal: int) -> None:
    if internal:
        raise PageRefused(
            "the XML has a document type (DTD) with declarations of its own, which are refused: "
            "what they make of a few bytes has no bounds"
        )


def _refuse_entity(name: str, *declared: Any) -> None:
    raise PageRefused(f"the XML declares an entity, {name!r}, which is refused")


def _refuse_unknown(name: str, is_parameter: int) -> None:
    if not is_parameter:
        raise PageRefused(
            f"the XML has the entity &{name};, which only a document type elsewhere explains, and "
            "that is never fetched"
        )
