"""Parses YAML text into plain values, and notes where each was written.

The text becomes a `Document`: a tree of dicts, lists and scalars, and the place of each.

Of YAML's types only those of JSON are read: text, JSON's numbers, `true`/`false`, `null`. So
`no` and `on` are text and not booleans, `2021-01-01` is text and not a date, `12:30` is text and
not 750, `007` is text and not 7: a parameter is sent as it stands in the file. Mapping keys are
always text. Duplicate keys, tags, merge keys and `{query}` without quotes (which YAML would read
as a mapping) are faults, reported with their lines.
"""

import re
from math import isfinite
from typing import Any, Final

import yaml

from harvester.config.document import Document, Place
from harvester.config.wording import KeyPath, dotted, shown
from harvester.errors import ConfigError, Problem
from harvester.patterns import pattern

_DEEPEST: Final = 50
_MOST_VALUES: Final = 200_000  # aliases of aliases grow exponentially: "a billion laughs"
_LONGEST_NUMBER: Final = 400
_TAG: Final = "tag:yaml.org,2002:"
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)"
_UNQUOTED: Final = pattern(r"\{[A-Za-z_][^{},]*\}")
_SURROGATE: Final = pattern(r"[\ud800-\udfff]")

#: What PyYAML says, and what a person can do about it.
_HINTS: Final = {
    "mapping values are not allowed here": "a second ': ' on this line; put text that holds ': ' "
    "in quotes, and check the indentation",
    "found character '\\t'": "a tab; YAML is indented with spaces",
    "found character '%'": "text that begins with '%' needs quotes",
    "found character '@'": "text that begins with '@' needs quotes",
    "found character '`'": "text that begins with '`' needs quotes",
    "found undefined alias": "text that begins with '*' needs quotes",
    "could not find expected ':'": "a key without its ':'",
    "while scanning an alias": "text that begins with '*' needs quotes",
    "while scanning an anchor": "text that begins with '&' needs quotes",
    "found unexpected end of stream": "a quote that is never closed",
    "'<stream end>'": "a bracket or brace that is never closed",
    "expected <block end>": "this line does not fit the ones above; check the indentation, and "
    'put text that begins with { or [ in quotes: "{query}/items"',
    "but found another document": "a second document ('---'); one file holds one configuration",
}


def read(text: str, source: str, *, lone: bool = False) -> Document:
    """Read one YAML document; `source` names it in messages.

    `lone` text is a `--set` value: `{query}` needs no quotes there. Text that is no YAML at all
    raises ConfigError; lesser faults are in the document's `problems`.
    """
    text = text.removeprefix("\ufeff")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        if node is None and not lone:
            raise ConfigError([Problem(source, 1, "", "the file is empty")])
        return _Builder(text, Document(source), lone).build(node)
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(error, text, source)]) from None
    except RecursionError:
        raise ConfigError([Problem(source, 1, "", "nested too deeply")]) from None


def _syntax_problem(error: yaml.YAMLError, text: str, source: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        if "stream" in (error.problem or "") and error.context_mark:
            mark = error.context_mark  # where the quote or bracket opened, not the end of the file
        said = f"{error.context or ''} {error.problem or ''}".strip()
        hint = next((advice for sign, advice in _HINTS.items() if sign in said), said)
        return Problem(source, mark.line + 1 if mark else 1, "", f"not valid YAML: {hint}")
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        character = error.character if isinstance(error.character, int) else ord(error.character)
        return Problem(source, line, "", f"the character U+{character:04X} cannot stand in YAML")
    return Problem(source, 1, "", "not valid YAML")


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the types of JSON only."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's stubs say instance


for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", _NUMBER, "-0123456789"),
    ("float", _NUMBER + r"(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(rf"(?:{_pattern})\Z"), list(_first))


class _Builder:
    """Nodes to values, in one walk that also notes the places."""

    def __init__(self, text: str, document: Document, lone: bool) -> None:
        self.text = text
        self.document = document
        self.lone = lone
        self.count = 0

    def build(self, node: yaml.Node | None) -> Document:
        if node is not None:
            self.document.tree = self.value(node, (), node.start_mark.line + 1)
        return self.document

    def fault(self, path: KeyPath, line: int, message: str) -> None:
        self.document.problems.append(Problem(self.document.source, line, dotted(path), message))

    def value(self, node: yaml.Node, path: KeyPath, line: int) -> Any:
        self.count += 1
        if len(path) > _DEEPEST or self.count > _MOST_VALUES:
            what = "nested too deeply" if len(path) > _DEEPEST else "too many values"
            raise ConfigError([Problem(self.document.source, line, "", what)])
        self.document.places[path] = Place(self.document.source, line, path)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path, line)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self.fault(path, line, f"the tag {_tag_text(node.tag)} is not read")
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(item, (*path, place), item.start_mark.line + 1)
                for place, item in enumerate(node.value)
            ]
        if not isinstance(node, yaml.MappingNode):
            return None
        if text := self.unquoted(node):
            if not self.lone:
                self.fault(path, line, f'write "{text}", in quotes: bare braces are a mapping')
            return text
        return self.mapping(node, path, line)

    def unquoted(self, node: yaml.MappingNode) -> str | None:
        """Recognize `{query}`, which YAML takes for a mapping with an empty value."""
        text = self.text[node.start_mark.index : node.end_mark.index]
        if not (node.flow_style and len(node.value) == 1 and _UNQUOTED.fullmatch(text)):
            return None
        value = node.value[0][1]
        empty = isinstance(value, yaml.ScalarNode) and not value.value and value.style is None
        return text if empty and not re.search(r":\s*\}", text) else None

    def mapping(self, node: yaml.MappingNode, path: KeyPath, line: int) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(path, at, "a key is text, not a list or mapping")
                continue
            key = self.text_of(key_node, path, at)
            if key == "<<" and key_node.style is None:
                self.fault(path, at, "merge keys (<<) are not read; use resource_defaults")
            elif key in tree:
                self.fault(
                    (*path, key), at, f"the key {key!r} stands twice; first on line {lines[key]}"
                )
            else:
                lines[key] = at
                tree[key] = self.value(value_node, (*path, key), at)
        return tree

    def scalar(self, node: yaml.ScalarNode, path: KeyPath, line: int) -> Any:
        text = self.text_of(node, path, line)
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool" if text in ("true", "false"):
                return text == "true"
            case "int" | "float" if re.fullmatch(_NUMBER + r"([.eE][-+.eE0-9]*)?", text):
                return self.number(text, path, line)
        self.fault(path, line, f"the tag {_tag_text(node.tag)} is not read here")
        return text

    def text_of(self, node: yaml.ScalarNode, path: KeyPath, line: int) -> str:
        text: str = node.value
        if _SURROGATE.search(text):
            self.fault(path, line, "half of a surrogate pair is no character")
            return _SURROGATE.sub("\ufffd", text)
        return text

    def number(self, text: str, path: KeyPath, line: int) -> int | float:
        if len(text) > _LONGEST_NUMBER:
            self.fault(path, line, f"a number has at most {_LONGEST_NUMBER} characters; use quotes")
            return 0
        if re.fullmatch(_NUMBER, text):
            return int(text)
        try:
            number = float(text)
        except ValueError:  # only by an explicit tag: !!float 1.2.3
            number = float("nan")
        if not isfinite(number):
            self.fault(path, line, f"{shown(text)} is no number that JSON can hold; use quotes")
            return 0
        if "." not in text and number == int(number) and abs(number) < 2**53:
            return int(number)  # 1e6 is a whole number to anybody who writes it
        return number


def _tag_text(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag
