"""OpenAPI documents: which collections they have, what is asked of them, and the YAML they give."""

import json
from pathlib import Path
from typing import Any

import pytest

from harvester.config.load import parse_config
from harvester.errors import ConfigError
from harvester.scaffold.openapi import Operation, chosen, document_of, made_up, operations
from harvester.scaffold.proposing import Proposal, named, propose
from harvester.scaffold.reading import given
from harvester.scaffold.variables import mapped, mark, shown
from tests.api_server import Answer, ApiServer, Asked

PETS: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Pets", "version": "1"},
    "servers": [{"url": "https://{region}.pets.example/v2",
                 "variables": {"region": {"default": "eu"}}}],
    "security": [{"key": []}],
    "paths": {
        "/pets": {
            "parameters": [{"$ref": "#/components/parameters/Limit"}],
            "get": {
                "operationId": "listPets",
                "summary": "All pets",
                "parameters": [
                    {"name": "cursor", "in": "query", "schema": {"type": "string"}},
                    {"name": "kind", "in": "query", "required": True,
                     "schema": {"enum": ["cat", "dog"]}},
                    {"name": "X-Tenant", "in": "header", "required": True, "example": "t1"},
                ],
                "responses": {"200": {"$ref": "#/components/responses/Pets"}},
            },
            "post": {"operationId": "addPet", "responses": {}},
        },
        "/pets/{id}": {"get": {"responses": {"200": {"content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Pet"}}}}}}},
        "/owners": {"get": {
            "operationId": "listOwners",
            "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
            "responses": {"200": {"content": {"application/json": {"schema": {
                "type": "array", "items": {"type": "object", "properties": {
                    "id": {"type": "integer"}}}}}}}},
        }},
        "/health": {"get": {"responses": {"200": {"content": {"application/json": {
            "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}}}}}},
    },
    "components": {
        "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}},
        "responses": {"Pets": {"content": {"application/json": {"schema": {
            "allOf": [
                {"$ref": "#/components/schemas/Page"},
                {"type": "object", "properties": {"pets": {
                    "type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}},
            ]}}}}},
        "schemas": {
            "Page": {"type": "object", "properties": {
                "next_cursor": {"type": ["string", "null"]}, "total": {"type": "integer"}}},
            "Pet": {"type": "object", "properties": {
                "id": {"type": "integer"}, "name": {"type": "string"},
                "parent": {"$ref": "#/components/schemas/Pet"}}},
        },
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
    },
}  # fmt: skip


def found(document: Any = PETS, base_url: str | None = None) -> list[Operation]:
    """The collections."""
    return operations(document_of(json.dumps(document), "pets.json"), "pets.json", base_url)


def test_collections_are_gets_that_give_lists() -> None:
    """Not the detail behind an id, not a POST, not a health check."""
    assert [(one.id, one.path, one.summary) for one in found()] == [
        ("listPets", "/pets", "All pets"), ("listOwners", "/owners", ""),
    ]  # fmt: skip


def test_the_request_of_a_collection() -> None:
    """Server variables, required parameters by their examples, credentials as variables."""
    ask = found()[0].ask
    assert ask.url == "https://eu.pets.example/v2/pets"
    assert ask.params == (("kind", "cat"),)
    assert mapped(ask.headers, shown) == {"X-Tenant": "t1", "X-Api-Key": "$PETS_API_KEY"}
    assert ask.known == ("limit", "cursor", "kind")


def test_a_recursive_schema_ends() -> None:
    """A pet's parent is a pet; the page made up stops somewhere."""
    page = made_up(PETS, {"$ref": "#/components/schemas/Pet"})
    assert (page["id"], page["name"], page["parent"]["parent"]["name"]) == (1, "text", "text")


def offline(tmp_path: Path, *operation: str, document: Any = PETS) -> Proposal:
    """What `init --offline` makes of a document in a file."""
    path = tmp_path / "pets.json"
    path.write_text(json.dumps(document))
    what = given([str(path)], lambda: "", operation=operation, offline=True, env={})
    name = named([one.ask for one in what.wanted], None)
    return propose(what.wanted, name=name, source=what.source, env={}, offline=True)


def test_several_operations_are_several_resources(tmp_path: Path) -> None:
    """Guessed from the document alone: where records are, and how each pages."""
    proposal = offline(tmp_path, "listPets", "/owners")
    config = parse_config(proposal.text, "pets.yaml", env={"PETS_API_KEY": "k"})
    pets, owners = config.resources
    assert (config.name, config.base_url) == ("pets", "https://eu.pets.example/v2/")
    assert (pets.name, pets.data_selector, owners.name, owners.data_selector) == (
        "pets", "pets", "owners", "$",
    )  # fmt: skip
    assert pets.paginator.model_dump(exclude_unset=True) == {
        "type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor",
    }  # fmt: skip
    assert owners.paginator.model_dump(exclude_unset=True)["page_param"] == "page"
    assert config.client.auth is not None
    assert "--offline" in " ".join(proposal.unsure)


def test_which_one_is_asked_where_there_are_several(tmp_path: Path) -> None:
    """The list to choose from is the message; a name that is not there is told of."""
    with pytest.raises(ConfigError) as refused:
        offline(tmp_path)
    assert "2 collections" in str(refused.value)
    assert "--operation listOwners" in str(refused.value)
    with pytest.raises(ConfigError, match="no such list; it has: listPets, listOwners"):
        offline(tmp_path, "listCats")
    assert [one.id for one in chosen(found()[:1], [], "x")] == ["listPets"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "no OpenAPI 3 document"),
        ('{"swagger": "2.0", "paths": {}}', "Swagger 2"),
        ("a: [", "not valid YAML"),
        ('{"openapi": "3.1.0", "paths": {}, "servers": [{"url": "https://x.org"}]}', "no GET"),
        (json.dumps({**PETS, "servers": []}), "--base-url"),
        (json.dumps({**PETS, "servers": {"url": 1}}), "not built as OpenAPI 3 says"),
        (json.dumps({**PETS, "paths": {"/a": {"get": {"responses": [1]}}}}), "OpenAPI 3 says"),
    ],
)
def test_what_is_no_document(text: str, told: str, tmp_path: Path) -> None:
    """Each with what to do about it."""
    path = tmp_path / "api.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        given([str(path)], lambda: "", env={})


def test_yaml_and_stdin_are_read_too() -> None:
    """A document in YAML on stdin; the base URL from the command line."""
    text = """openapi: 3.1.0
info: {title: Things}
paths:
  /things:
    get:
      responses:
        "200":
          content:
            application/json:
              schema: {type: array, items: {type: object}}
"""
    what = given(["-"], lambda: text, base_url="https://things.example/api", env={})
    assert what.wanted[0].ask.url == "https://things.example/api/things"


def test_a_document_names_no_variable_of_ours() -> None:
    """What would be a reference in our own texts is only text in somebody's document, and the
    variables of credentials are called after the server, not after the title.
    """
    stolen = json.loads(json.dumps(PETS))
    stolen["info"]["title"] = "GitHub"
    stolen["servers"] = [{"url": "https://evil.example/"}]
    parameters = stolen["paths"]["/pets"]["get"]["parameters"]
    parameters[1]["example"] = mark("GITHUB_TOKEN")
    ask = found(stolen)[0].ask
    assert ask.params == (("kind", "GITHUB_TOKEN"),)
    assert mapped(ask.headers, shown)["X-Api-Key"] == "$EVIL_API_KEY"


def test_a_document_at_a_url_is_asked_of_its_server(tmp_path: Path) -> None:
    """Fetched, chosen from, and proven: the server is relative to the document's own place."""
    document = {**PETS, "servers": [{"url": "/v2"}], "security": []}

    def answer(asked: Asked) -> Answer:
        if asked.path == "/openapi.json":
            return Answer(document)
        assert (asked.path, asked.headers["x-tenant"]) == ("/v2/pets", "t1")
        start = int(asked.params.get("cursor", 0))
        following = str(start + 10) if start < 20 else None
        pets = [{"id": n, "name": f"n{n}"} for n in range(start, start + 10)]
        return Answer({"pets": pets, "next_cursor": following, "total": 30})

    with ApiServer(answer) as server:
        url = f"{server.origin}/openapi.json"
        what = given([url], lambda: "", operation=["listPets"], env={})
        proposal = propose(what.wanted, name="pets", source=what.source, env={})
    assert proposal.proven
    assert "cursor_path: next_cursor" in proposal.text
    assert len(server.asked) == 3


def described(schemas: dict[str, Any], answer: Any) -> dict[str, Any]:
    """A document with one collection that answers as a schema says."""
    content = {"application/json": {"schema": answer}}
    return {
        "openapi": "3.0.0", "servers": [{"url": "https://x.example"}],
        "paths": {"/nodes": {"get": {"responses": {"200": {"content": content}}}}},
        "components": {"schemas": schemas},
    }  # fmt: skip


def ref(name: str) -> dict[str, str]:
    """A reference within the document."""
    return {"$ref": f"#/components/schemas/{name}"}


WIDE = {
    f"N{i}": {"type": "object", "properties": {f"p{j}": ref(f"N{j}") for j in range(40)}}
    for i in range(40)
}
ROUND: dict[str, dict[str, Any]] = {
    "a node of nodes": {
        "N0": {"type": "object", "properties": {f"p{i}": ref("N0") for i in range(9)}}
    },
    "everything holds everything": WIDE,
    "allOf itself": {"N0": {"allOf": [ref("N0")] * 9, "type": "object"}},
    "oneOf itself": {"N0": {"oneOf": [ref("N0"), ref("N0")]}},
    "nothing but references": {"N0": ref("N1"), "N1": ref("N0")},
    "arrays of itself": {"N0": {"type": "array", "items": {"allOf": [ref("N0"), ref("N0")]}}},
}  # fmt: skip


def size_of(tree: Any) -> int:
    """How many values a tree has."""
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return 1 + sum(map(size_of, inner))


@pytest.mark.parametrize("name", ROUND)
def test_row_69_schemas_that_go_round_end(name: str) -> None:
    """However wide and whatever refers to what: the example is small, and is soon there."""
    document = described(ROUND[name], {"type": "array", "items": ref("N0")})
    (one,) = operations(document, "api.json", None)
    assert size_of(one.page) <= 1000


def test_the_envelope_is_seen_behind_endless_records() -> None:
    """One item's example has bounds of its own, so that what follows it is there."""
    answer = {"type": "object", "properties": {
        "items": {"type": "array", "items": ref("N0")},
        "next_cursor": {"type": "string"},
    }}  # fmt: skip
    (one,) = operations(described(WIDE, answer), "api.json", None)
    assert one.page["next_cursor"] == "text"


def test_references_to_other_files_are_not_read() -> None:
    """Neither from the disk nor from a server; the message says what there is to do."""
    document = described({}, {"$ref": "http://127.0.0.1:9/schemas.yaml#/Nodes"})
    with pytest.raises(ConfigError, match=r"lead to other files \(such as http.*bundle them"):
        operations(document, "api.json", None)


def test_a_document_nested_too_deeply_is_told() -> None:
    """No crash: the reader's own depth is reached."""
    text = '{"openapi": "3.0.0", "paths": {}, "x": ' + '{"a":' * 700 + "1" + "}" * 700 + "}"
    with pytest.raises(ConfigError, match=r"nested too deeply|no GET"):
        chosen(operations(document_of(text, "a.json"), "a.json", "https://x.org"), [], "a.json")
