"""Validators of sections: built where the YAML has the section, and the same as built at once."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from harvester.config.client import Client
from harvester.config.deferred import types_of
from harvester.config.options import Section
from harvester.config.paginators import Cursor, PaginatorConfig
from harvester.config.resource import Resource
from harvester.config.static_auth import Bearer

_YAML = """
version: 1
name: a
client: {base_url: "http://127.0.0.1:9/"}
resources:
  - {name: r, path: r, paginator: {type: cursor, cursor_path: next, cursor_param: after}}
"""
_BUILT = """
from harvester.config.load import parse_config
from harvester.config.options import Section
parse_config(TEXT, "a.yaml", env={})
def below(section):
    for each in section.__subclasses__():
        yield each
        yield from below(each)
print(*sorted({each.__name__ for each in below(Section) if each.__pydantic_complete__}))
"""


def test_only_sections_of_the_yaml_are_built() -> None:
    """Four sections, of 58."""
    run = subprocess.run(
        [sys.executable, "-c", f"TEXT = {_YAML!r}\n{_BUILT}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == ["Client", "Config", "Cursor", "Resource"]


def test_sections_are_built_by_threads_at_once() -> None:
    """Each thread gets whole sections, whichever of them builds first."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from harvester.config.load import parse_config\n"
        f"text = {_YAML!r}\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = list(pool.map(lambda _: parse_config(text, 'a.yaml', env={}), range(32)))\n"
        "print(len({str(each.reference_dict()) for each in found}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "1\n"


def test_a_fault_is_where_it_would_be() -> None:
    """Also where a section's validator is a function in another one's."""
    resource: dict[str, Any] = {
        "name": "r",
        "path": "r",
        "paginator": {"type": "cursor", "cursor_path": "a", "cursor_param": "", "page_size": 0},
    }
    with pytest.raises(ValidationError) as caught:
        Resource.model_validate(resource)
    places = {(fault["type"], fault["loc"]) for fault in caught.value.errors()}
    assert places >= {
        ("string_too_short", ("paginator", "cursor", "cursor_param")),
        ("greater_than_equal", ("paginator", "cursor", "page_size")),
    }
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        Resource.model_validate({**resource, "paginator": {"type": "cursors"}})


def test_dumps_are_whole() -> None:
    """What a default is has no validator yet, and is dumped all the same; aliases hold within."""
    made = Resource.model_validate({"name": "r", "path": "r"})
    assert made.model_dump()["paginator"]["type"] == "single_page"
    assert made.model_dump(exclude_defaults=True) == {"name": "r", "path": "r"}
    again = Resource.model_validate(
        {"name": "r", "path": "r", "method": "POST", "next_request": {"json": {"a": 1}}}
    )
    dumped = again.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert dumped["next_request"] == {"json": {"a": 1}}


def test_what_lies_elsewhere_is_what_it_would_be() -> None:
    """The types of another module: their faults, their places, and what a dump holds."""
    client: dict[str, Any] = {"base_url": "http://127.0.0.1:9/"}
    made = Client.model_validate({**client, "auth": {"type": "bearer", "token": "{env.T}"}})
    assert isinstance(made.auth, Bearer)
    assert made.model_dump(mode="json", exclude_defaults=True)["auth"] == {
        "type": "bearer",
        "token": "{env.T}",
    }
    for auth, fault in (
        ({"type": "bearer", "token": ""}, ("string_too_short", ("auth", "bearer", "token"))),
        ({"type": "bear"}, ("union_tag_invalid", ("auth",))),
        ("bearer", ("model_attributes_type", ("auth",))),
    ):
        with pytest.raises(ValidationError) as caught:
            Client.model_validate({**client, "auth": auth})
        assert [(each["type"], each["loc"]) for each in caught.value.errors()] == [fault]
    assert Client.model_validate({**client, "auth": None}).auth is None
    sliced = Resource.model_validate({"name": "r", "path": "{q}", "partitions": {"q": [1, "b"]}})
    assert sliced.model_dump(mode="json")["partitions"] == {"q": [1, "b"]}
    with pytest.raises(ValidationError) as caught:
        Resource.model_validate({"name": "r", "path": "{q}", "partitions": {"q": {"range": [1]}}})
    assert caught.value.errors()[0]["loc"] == ("partitions", "q", "range", "range")


def test_a_union_by_itself() -> None:
    """A union of sections may be asked for outside of any section."""
    built: Any = TypeAdapter(PaginatorConfig)
    found = built.validate_python({"type": "cursor", "cursor_path": "a", "cursor_param": "b"})
    assert isinstance(found, Cursor)
    assert types_of(Cursor) == ["cursor"]
    assert issubclass(Cursor, Section)
