"""The JSON Schema: valid, complete, described, and as strict as the loader."""

import json
from typing import Any

import jsonschema
import pytest

from harvester.config.schema import json_schema
from harvester.config.yamlfile import read
from tests.yaml_texts import TWITTER, told, whole

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every object of the schema that lists properties."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    here = [schema] if isinstance(schema.get("properties"), dict) else []
    return here + [found for value in schema.values() for found in objects(value)]


def test_it_is_a_schema() -> None:
    """Of draft 2020-12, and plain JSON."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


def test_it_accepts_the_documented_example() -> None:
    """Every section of it."""
    VALIDATOR.validate(read(TWITTER, "x").tree)


def test_every_property_is_described_and_nothing_is_open() -> None:
    """An editor shows a sentence for each key, and marks each unknown one."""
    for found in objects(SCHEMA):
        assert found["additionalProperties"] is False
        for name, schema in found["properties"].items():
            if name != "type" and name != "resource_defaults":
                assert schema.get("description"), f"{found.get('description')}: {name}"


GOOD = [
    ("", "rate_limit: {requests: 1, per: 1s}"),
    ("", "allowed_hosts: [a.b, {host: 'c:1', credentials: true}]"),
    ("", "timeout: {read: 1.5h, connect: 3, page: 500ms}"),
    ("", "limits: {wire_bytes: 8MiB, string_bytes: 1000}"),
    ("", "base_url: '{env.TOKEN}'"),
    ("", ("auth: {type: oauth2_client_credentials, access_token_url: 'https://x/{env.TOKEN}', "
     "client_id: a, client_secret: b, scope: c d, access_token_request_data: {audience: e}, "
     "client_auth: basic, default_token_expiration: 1h}")),
    ("", ("auth: {type: oauth2_refresh_token, access_token_url: https://x/, client_id: a, "
     "refresh_token: b, token_file: c}")),
    ("response_actions: [{status: 400, action: reauth}]", ("auth: {type: session_token, login: "
     "{path: a, json: {b: [c]}, headers: {D: e}}, token_path: f, name: g, location: query}")),
    ("", "auth: {type: oauth1, client_key: a, client_secret: b, signature_method: HMAC-SHA256}"),
    (("response_actions: [{status: 410, action: restart}]\n"
      "paginator: {type: cursor, cursor_path: a, cursor_param: b}"), ""),
    ("response_actions: [{status: 4xx, action: fail}, {status: [1xx, 200], action: fail}]", ""),
    ("response_actions: [{when: {path: a, equals: null}, action: fail}]", ""),
    ("response_actions: [{header: {name: X, in: [1]}, action: fail}]", ""),
    (("partitions: {a: [1, x, true], b: {range: [1, 2]}, c: {start: 2021-01-01, end: now, "
     "step: 1mo, settle: 0}}"), ""),
    ("params: {a: [1, x], b: null, c: 1.5}", ""),
    ("method: POST\njson: {a: [{b: null}]}", ""),
    ("paginator: {type: offset, limit: 3, offset_param: null}", ""),
]  # fmt: skip

BAD = [
    ("parms: {}", ""),
    ("name: a b", ""),
    ("params: {a: {b: 1}}", ""),
    ("params: {a: [null]}", ""),
    ("params: [a]", ""),
    ("headers: {a: 1}", ""),
    ("headers: {'a b': x}", ""),
    ("method: get", ""),
    ("json: text", ""),
    ("idempotent: yes", ""),
    ("validate: some", ""),
    ("data_selector: ''", ""),
    ("partitions: {a: x}", ""),
    ("partitions: {a: []}", ""),
    ("partitions: {a: [null]}", ""),
    ("partitions: {a-b: [1]}", ""),
    ("partitions: {a: {range: [1]}}", ""),
    ("partitions: {a: {range: [1, x]}}", ""),
    ("partitions: {a: {file: x, colum: y}}", ""),
    ("partitions: {a: {start: 2021-01-01, end: now}}", ""),
    ("partitions: {a: {start: 2021, end: now, step: 1d}}", ""),
    ("partitions: {a: {start: 2021-01-01, end: now, step: 1q}}", ""),
    ("partitions: {a: {start: 2021-01-01, end: now, step: 1d, range: [1, 2]}}", ""),
    ("paginator: cursor", ""),
    ("paginator: {}", ""),
    ("paginator: {type: curso}", ""),
    ("paginator: {type: cursor}", ""),
    ("paginator: {type: single_page, cursor_path: a}", ""),
    ("paginator: {type: page_number, base_page: -1}", ""),
    ("paginator: {type: page_number, maximum_pages: 0}", ""),
    ("response_actions: [{status: 404}]", ""),
    ("response_actions: [{action: fail}]", ""),
    ("response_actions: [{status: 99, action: fail}]", ""),
    ("response_actions: [{status: 9xx, action: fail}]", ""),
    ("response_actions: [{status: [], action: fail}]", ""),
    ("response_actions: [{status: 404, action: redo}]", ""),
    ("response_actions: [{when: {path: a}, action: fail}]", ""),
    ("response_actions: [{when: {path: a, equals: 1, exists: true}, action: fail}]", ""),
    ("response_actions: [{when: {path: a, equals: [1]}, action: fail}]", ""),
    ("", "auth: {type: bearer}"),
    ("", "auth: {type: oauth1}"),
    ("", "auth: {type: oauth2_refresh_token, access_token_url: x, client_id: a, refresh_token: b}"),
    ("", "auth: {type: session_token, login: {path: a, method: PUT}, token_path: b}"),
    ("", "auth: {type: oauth1, client_key: a, client_secret: b, signature_method: MD5}"),
    ("", "auth: {type: bearer, token: ''}"),
    ("", "timeout: {read: soon}"),
    ("", "timeout: {read: 0}"),
    ("", "timeout: {read: -1}"),
    ("", "timeout: 3"),
    ("", "rate_limit: {requests: 0, per: 1s}"),
    ("", "rate_limit: {requests: 1}"),
    ("", "limits: {wire_bytes: 8M}"),
    ("", "limits: {depth: 0}"),
    ("", "allowed_hosts: ['https://x']"),
    ("", "allowed_hosts: [{host: x, credentals: true}]"),
    ("", "base_url: example.org"),
]


def written(resource: str, client: str) -> str:
    """Write a configuration in which the given lines replace what would stand twice."""
    text = whole(resource, client)
    if resource.startswith("name"):
        text = text.replace("name: items", "name: other name").replace("    name: a b\n", "")
    if client.startswith("base_url"):
        text = text.replace("  base_url: https://api.example.org/\n", "")
    return text


@pytest.mark.parametrize(("resource", "client"), GOOD)
def test_it_accepts_every_form(resource: str, client: str) -> None:
    """Shorthands, units, references."""
    VALIDATOR.validate(read(written(resource, client), "x").tree)


@pytest.mark.parametrize(("resource", "client"), BAD)
def test_it_refuses_what_the_loader_refuses(resource: str, client: str) -> None:
    """In shape; both are asked."""
    text = written(resource, client)
    assert told(text)
    assert not VALIDATOR.is_valid(read(text, "x").tree)


@pytest.mark.parametrize(("resource", "client"), [*GOOD, *BAD])
def test_defaults_take_what_resources_take(resource: str, client: str) -> None:
    """All but a name; the same schema applies to both."""
    tree = read(written(resource, client), "x").tree
    (own,) = tree["resources"]
    valid = VALIDATOR.is_valid(tree)
    tree["resources"] = [{"name": "items"}]
    tree["resource_defaults"] = {key: value for key, value in own.items() if key != "name"}
    assert VALIDATOR.is_valid(tree) == valid or resource.startswith("name")
    tree["resource_defaults"]["name"] = "x"
    assert not VALIDATOR.is_valid(tree)
