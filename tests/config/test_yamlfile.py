"""YAML text to values and places: JSON's types only, every fault with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.config.wording import KeyPath
from harvester.config.yamlfile import read
from harvester.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("3", 3), ("-7", -7),
     ("1.5", 1.5), ("1e3", 1000), ("1.5e-3", 0.0015), ('"3"', "3"), ("!!str 3", "3")],
)  # fmt: skip
def test_the_types_of_json_are_read(text: str, value: object) -> None:
    """Booleans, null and numbers; a whole number in exponent form is a whole number."""
    found = read(f"a: {text}", "f").tree["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["no", "on", "yes", "Off", "True", "2021-01-01", "12:30:45", "007", "0x1F", "1_000", "+1",
     ".5", "1.", "1.2.3", ".inf", ".nan", "2021-01-01T00:00:00Z"],
)  # fmt: skip
def test_the_rest_of_yaml_is_text(text: str) -> None:
    """The traps of YAML 1.1 keep their text, exactly as it stands."""
    assert read(f"a: {text}", "f").tree == {"a": text}


def test_keys_are_text() -> None:
    """Also keys that look like something else."""
    assert list(read("1: a\non: b\ntrue: c\n2021-01-01: d", "f").tree) == [
        "1", "on", "true", "2021-01-01",
    ]  # fmt: skip


def test_places_have_lines() -> None:
    """A value's line is its key's; an item's is its own; what is missing has its parent's."""
    document = read("a:\n  b: |\n    text\n    text\n  c:\n    - 1\n    - d: 2\n", "f")
    lines: dict[KeyPath, int] = {
        (): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 5, ("a", "c", 0): 6,
        ("a", "c", 1): 7, ("a", "c", 1, "d"): 7, ("a", "c", 1, "missing"): 7, ("zzz",): 1,
    }  # fmt: skip
    assert {path: document.place(path).line for path in lines} == lines


def faults(text: str) -> list[str]:
    """List what is said of a text, whether it could be read or not."""
    try:
        return [str(problem) for problem in read(text, "f").problems]
    except ConfigError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "f:3: a: the key 'a' stands twice; first on line 1"),
        ("a:\n  x: 1\n  x: 2", "f:3: a.x: the key 'x' stands twice; first on line 2"),
        ("a: {query}", 'f:1: a: write "{query}", in quotes: bare braces are a mapping'),
        ("a: {w.start:%Y}", 'f:1: a: write "{w.start:%Y}", in quotes: bare braces are a mapping'),
        ("a: !!set {b}", "f:1: a: the tag !!set is not read"),
        ("a: !x b", "f:1: a: the tag !x is not read here"),
        ("a: !!float b", "f:1: a: the tag !!float is not read here"),
        ("<<: {a: 1}", "f:1: merge keys (<<) are not read; use resource_defaults"),
        ("? [a]\n: b", "f:1: a key is text, not a list or mapping"),
        ("a: 1e999", "f:1: a: '1e999' is no number that JSON can hold; use quotes"),
        ("a: " + "9" * 500, "f:1: a: a number has at most 400 characters; use quotes"),
        ('a: "\\ud800"', "f:1: a: half of a surrogate pair is no character"),
        ("", "f:1: the file is empty"),
        ("# only\n# comments", "f:1: the file is empty"),
        ("--- 1\n--- 2", ("f:2: not valid YAML: a second document ('---'); one file holds one "
         "configuration")),
        ("a:\n\tb: 1", "f:2: not valid YAML: a tab; YAML is indented with spaces"),
        ("a: @x", "f:1: not valid YAML: text that begins with '@' needs quotes"),
        ("a: *", "f:1: not valid YAML: text that begins with '*' needs quotes"),
        ("a: *x", "f:1: not valid YAML: text that begins with '*' needs quotes"),
        ("b: 1\na: [1,\n", "f:3: not valid YAML: a bracket or brace that is never closed"),
        ("b: 1\na: 'x\n\n\n", "f:2: not valid YAML: a quote that is never closed"),
        ("a: \x01", "f:1: the character U+0001 cannot stand in YAML"),
        ("a: &a [*a]", "f:1: nested too deeply"),
        ("[" * 3000, "f:1: nested too deeply"),
    ],
)  # fmt: skip
def test_faults_have_lines_and_words(text: str, said: str) -> None:
    """What YAML would swallow or say in its own way, said so that a person can mend it."""
    assert faults(text) == [said]


def test_a_colon_in_text_is_explained() -> None:
    """The commonest slip of all."""
    (said,) = faults("a: 1\nb: x: y")
    assert said.startswith("f:2: not valid YAML: a second ': ' on this line")


def test_braces_at_the_start_are_explained() -> None:
    """A path that begins with a reference needs quotes."""
    (said,) = faults("path: {query}/items")
    assert '"{query}/items"' in said


def test_empty_and_written_out_mappings_are_mappings() -> None:
    """Only a lone word in braces looks like a reference."""
    document = read("a: {}\nb: {x: }\nc: {x: 1}\nd: {x, y}", "f")
    assert document.tree == {"a": {}, "b": {"x": None}, "c": {"x": 1}, "d": {"x": None, "y": None}}
    assert not document.problems


def test_aliases_of_aliases_end() -> None:
    """A "billion laughs" is refused before it fills the memory."""
    lines = [
        "a0: &a0 [x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)),
    ]
    (said,) = faults("\n".join(lines))
    assert said.endswith("too many values")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but ConfigError."""
    faults(text)
