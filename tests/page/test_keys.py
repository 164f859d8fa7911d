"""What makes a record the same record."""

import json
from typing import Any

import pytest

from harvester.model.jsonpath import parse
from harvester.page.keys import Keys, guess


def read(records: list[str], *paths: str) -> list[bytes | None]:
    """The keys of records."""
    return Keys([parse(path) for path in paths]).of([record.encode() for record in records])


@pytest.mark.parametrize(
    ("record", "paths", "key"),
    [
        ('{"id": 7, "x": 1}', ["id"], b"7"),
        ('{"x": {"id": "a"}}', ["x.id"], b'"a"'),
        ('{"a": 1, "b": {"c": 2, "d": 3}}', ["b.d", "a"], b"3\0" + b"1"),
        ('{"id": "\\u00e9"}', ["id"], '"é"'.encode()),
        ('{"id": "a\tb"}', ["id"], b'"a\\tb"'),
        ('{"ids": [4, 5]}', ["ids[0]"], b"4"),
        ('{"id": null}', ["id"], None),
        ('{"id": 1}', ["id", "day"], None),
        ('{"x": null}', ["x.id"], None),
        ('"text"', ["id"], None),
        ("[1, 2]", ["[1]"], b"2"),
        ('{"id": %s}' % ("9" * 5000), ["id"], b"9" * 5000),
        ('{"n": 1}', [], b'{"n": 1}'),
    ],
)
def test_the_key_of_a_record(record: str, paths: list[str], key: bytes | None) -> None:
    """Whichever way it is read: with others that are as usual, or beside one that is not."""
    assert read([record], *paths) == [key]
    assert read([record, record], *paths) == [key, key]
    assert read([record, "3", record], *paths)[::2] == [key, key]


@pytest.mark.parametrize(
    ("records", "path"),
    [
        ([{"name": "x", "id": 1}, {"name": "x", "id": 2}], "id"),
        ([{"_id": "a"}, {"_id": "b"}], "_id"),
        ([{"ID": 1}, {"ID": 1}], ""),
        ([{"id": {"x": 1}}, {"id": {"x": 2}}], ""),
        ([{"id": 1}, {}], ""),
        ([{"id": 1, "uuid": "a"}, {"id": 1, "uuid": "b"}], "uuid"),
        ([{"node": {"id": 1}}, {"node": {"id": 2}}], "node.id"),
        ([{"name": "a"}, {"name": "b"}], ""),
        ([1, 2], ""),
    ],
)
def test_what_is_guessed(records: list[Any], path: str) -> None:
    """A member with the name of an id, scalar and different in each record; else the record."""
    found = guess([json.dumps(record).encode() for record in records])
    assert str(Keys([found])) == path


def test_a_whole_page_at_once() -> None:
    """An array at names is read in one go, anything else is left to who cuts records out."""
    keys = Keys([parse("id")])
    assert keys.in_page(b'{"a": {"b": [{"id": 1}, {"id": 2}]}}', parse("a.b")) == [b"1", b"2"]
    assert keys.in_page(b'[{"id": 1}]', parse("$")) == [b"1"]
    assert keys.in_page(b'{"a": {"id": 1}}', parse("a")) is None
    assert keys.in_page(b'{"a": [[{"id": 1}]]}', parse("a[*]")) is None
