"""The models: defaults, properties, checks across one resource, and the resolved dump."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from harvester.config import Config, NextRequest
from harvester.config.load import parse_config, parse_resolved
from harvester.errors import ConfigError
from harvester.model.partitions import FromResource
from tests.yaml_texts import ENV, TWITTER, config, said, told, whole

POST = "method: POST\njson: {}"
CURSOR = "type: cursor, cursor_path: next"


def test_defaults() -> None:
    """What a resource of only a name gets."""
    found = config()
    (resource,) = found.resources
    assert (resource.method, resource.path, resource.paginator.type) == (
        "GET", "items", "single_page",
    )  # fmt: skip
    assert (resource.idempotent, resource.validation, resource.allow_missing) == (
        True, "structure", False,
    )  # fmt: skip
    assert (found.concurrency.partitions, found.concurrency.pages) == (4, 1)
    assert found.output.fsync is True


def test_when_pages_are_forced_to_the_disk() -> None:
    """In groups, unless said otherwise; never is no time to do so for each page."""
    assert config().output.durability == "group"
    text = PARENTS.format(orgs="[a]", of="orgs")
    assert parse_config(f"{text}\noutput: {{durability: page}}", "x", env={}).output.fsync
    for output, message in (
        (
            "{durability: page, fsync: false}",
            "output.durability: page forces each page to the disk",
        ),
        ("{durability: pages}", "output.durability: "),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_config(f"{text}\noutput: {output}", "x", env={})
        assert message in str(caught.value)


def test_values_are_frozen() -> None:
    """A configuration does not change after it was checked."""
    with pytest.raises(ValidationError, match="frozen"):
        config().client.base_url = "https://elsewhere.example.org/"


def test_yaml_names_that_python_has_taken() -> None:
    """`json` and `validate` are other attributes; their names in the YAML are the only ones."""
    resource = config("method: POST\njson: {a: [1]}\nvalidate: full").resources[0]
    assert (resource.json_body, resource.validation) == ({"a": [1]}, "full")
    assert said("json_body: {}")[0].startswith("resources[0].json_body: unknown key 'json_body'")


def test_parameters_repeat_or_are_left_out() -> None:
    """Lists become tuples; null and text that looks like something else stay what they are."""
    resource = config("params: {a: [1, x], b: null, c: 2021-01-01, d: no}").resources[0]
    assert resource.params == {"a": (1, "x"), "b": None, "c": "2021-01-01", "d": "no"}


def test_the_base_url_ends_with_a_slash() -> None:
    """Whether it was written, forgotten, or hidden in a variable."""
    for url in ("https://h/v1", "https://h/v1/"):
        assert parse_config(TWITTER, "x", base_url=url, env=ENV).client.base_url == "https://h/v1/"
    found = parse_config(TWITTER, "x", base_url="{env.URL}", env={**ENV, "URL": "https://h/v1"})
    assert found.client.base_url == "{env.URL}"
    assert found.base_url == "https://h/v1/"


def test_the_folder() -> None:
    """The path given, or `data/<name>`; variables are filled in."""
    assert config().folder == Path("data/test")
    assert config(rest="output: {path: 'x/{env.TOKEN}'}").folder == Path("x/s3cret-token")


def test_next_request_replaces_only_what_it_names() -> None:
    """Parts left out stay None, for the first request's to stand."""
    resource = config(
        f"paginator: {{{CURSOR}}}\nnext_request: {{path: scroll, params: {{c: '{{cursor}}'}}}}"
    ).resources[0]
    assert resource.next_request == NextRequest(path="scroll", params={"c": "{cursor}"})
    assert resource.request_parts["next_request"] == {"path": "scroll", "params": {"c": "{cursor}"}}


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("json: {a: 1}", "json: a GET sends no body; add method: POST"),
        ("form: {a: 1}", "form: a GET sends no body; add method: POST"),
        (f"{POST}\nform: {{a: 1}}", "form: a request has one body: json or form"),
        (f"paginator: {{{CURSOR}, cursor_param: c}}\nnext_request: {{json: {{a: 1}}}}",
         "next_request.json: a GET sends no body; add method: POST"),
        (f"paginator: {{{CURSOR}, cursor_body_path: a.b}}",
         "paginator.cursor_body_path: a GET sends no body; add method: POST"),
        (f"method: POST\nform: {{a: 1}}\npaginator: {{{CURSOR}, cursor_body_path: a.b}}",
         "paginator.cursor_body_path: is a place in json, but the body is a form"),
        (f"paginator: {{{CURSOR}}}", ("paginator: the cursor goes nowhere: add cursor_param, "
         "cursor_body_path or cursor_header")),
        ("params: {a: '{cursor}'}", "params.a: single_page has no {cursor}"),
        ("params: {a: '{cursor}'}\npaginator: {type: json_link}",
         "params.a: json_link has no {cursor}"),
        ("params: {page: 1}\npaginator: {type: page_number}",
         "params.page: the paginator sends 'page' itself, as its page_param; take it out here"),
        ("params: {o: '{offset:iso}'}\npaginator: {type: offset}",
         "params.o: {offset:iso}: {offset} is a number, and takes no format"),
        ("params: {limit: 9}\npaginator: {type: offset, limit: 9}",
         "params.limit: the paginator sends 'limit' itself, as its limit_param; take it out here"),
        ("partitions: {q: [1]}", ("partitions.q: no part of the request holds {q}: every partition "
         "would ask the same")),
        ("partitions: {page: [1]}\nparams: {a: '{page}'}",
         "partitions.page: {page} means something else; choose another name"),
        ("path: //host/x", "path: a path does not begin with '//'"),
        ("path: ftp://host/x", "path: expected a URL that begins with https:// or http://"),
        ("path: 'a b'", "path: a path holds no blanks, backslashes or control characters"),
        ("path: a#b", "path: a path has no '#' part; nothing after it is ever sent"),
        ("params: [a]", "params: expected a mapping (name: value), got a list"),
        ("params: {a: {b: 1}}", ("params.a: expected text, a number, true, false or a list of "
         "these, got a mapping")),
        ("params: {a: [[1]]}", ("params.a: a list here holds text, numbers, true and false, "
         "nothing else")),
        ("method: POST\njson: text", ("json: expected a mapping or a list, the JSON to send, got "
         "text")),
        ("method: get", "method: unknown method 'get': did you mean 'GET'?"),
        ("data_selector: a[", ("data_selector: expected a quoted name, *, 0, -1 or "
         "?@.name=='value' after '[', found the end of the path (character 3 of 'a[')")),
    ],
)  # fmt: skip
def test_faults_of_a_resource(lines: str, fault: str) -> None:
    """What does not fit together, at the place that has to change."""
    text = whole(lines)
    if lines.startswith("path"):
        text = text.replace("    path: items\n", "")
    assert [line.split(": ", 1)[1] for line in told(text)] == [f"resources[0].{fault}"]


@pytest.mark.parametrize(
    "lines",
    [
        f"params: {{c: '{{cursor}}'}}\npaginator: {{{CURSOR}}}",
        f"paginator: {{{CURSOR}}}\nnext_request: {{path: 'x/{{cursor}}'}}",
        f"paginator: {{{CURSOR}, cursor_body_path: a}}\nnext_request: {{method: POST, json: {{}}}}",
        "params: {p: '{page}'}\npaginator: {type: page_number, page_param: null}",
        "paginator: {type: header_cursor, cursor_header_name: X-Next}",
        "partitions: {q: [1]}\nnext_request: {path: '{q}'}",
        f"{POST}\npaginator: {{type: offset, limit: 9, limit_param: null, offset_body_path: o}}",
    ],
)
def test_what_fits_together(lines: str) -> None:
    """A cursor may go where the request says; a page number where nobody else sends it."""
    assert said(lines) == []


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ("concurrency: {partitions: 0}", "concurrency.partitions: must be at least 1, got 0"),
        ("concurrency: {pages: 65}", "concurrency.pages: must be at most 64, got 65"),
        ("output: data", "output: expected a mapping (key: value), got 'data'"),
        ("outputs: {}", "outputs: unknown key 'outputs': did you mean 'output'?"),
    ],
)  # fmt: skip
def test_faults_of_the_whole(rest: str, fault: str) -> None:
    """Outside of client and resources."""
    assert said(rest=rest) == [fault]


def test_a_dump_reads_back() -> None:
    """Through JSON, without an environment, to an equal configuration without one."""
    found = parse_config(TWITTER, "x", env=ENV)
    dump = found.reference_dict()
    again = parse_resolved(dump, "harvest.json")
    assert again == found.with_env({})
    assert again.reference_dict() == dump
    assert again.env == {}


def test_a_dump_leaves_defaults_out() -> None:
    """So that an option added later changes no fingerprint; a default written out is none."""
    plain, spelled = config(), config("method: GET\nparams: {}", "trust_env: false")
    assert plain.reference_dict() == spelled.reference_dict()
    assert plain.reference_dict() == {
        "version": 1,
        "name": "test",
        "client": {"base_url": "https://api.example.org/"},
        "resources": [{"name": "items", "path": "items"}],
    }


def test_a_dump_holds_no_secrets() -> None:
    """References stay; what was written out is masked, wherever secrets are written."""
    client = """
        auth: {type: http_basic, username: "{env.TOKEN}", password: hunter2}
        headers: {X-Api-Key: hunter2, X-Other: plain, Authorization: "Token {env.TOKEN}"}
        proxy: http://me:hunter2@proxy:3128
    """
    lines = "params: {api_key: hunter2, token: [hunter2], q: plain, value: plain}"
    dump = config(lines, client).reference_dict()
    assert dump["client"]["auth"] == {
        "type": "http_basic", "username": "{env.TOKEN}", "password": "***",
    }  # fmt: skip
    assert dump["client"]["headers"] == {
        "X-Api-Key": "***", "X-Other": "plain", "Authorization": "Token {env.TOKEN}",
    }  # fmt: skip
    assert dump["client"]["proxy"] == "http://***@proxy:3128"
    assert dump["resources"][0]["params"] == {
        "api_key": "***", "token": ["***"], "q": "plain", "value": "plain",
    }  # fmt: skip
    assert "s3cret" not in repr(dump)
    assert isinstance(parse_resolved(dump, "harvest.json"), Config)


PARENTS = """
version: 1
name: test
client: {{base_url: https://api.example.org/}}
resources:
  - {{name: orgs, path: "orgs/{{org}}", partitions: {{org: {orgs}}}}}
  - name: repos
    path: "o/{{o}}/{{i}}"
    partitions: {{o: {{resource: {of}, field: id, include: {{i: n}}}}}}
"""


def test_parents_are_other_resources() -> None:
    """A parent is known by its name, and what is included answers references."""
    found = parse_config(PARENTS.format(orgs="[a]", of="orgs"), "x", env={})
    assert found.resources[1].parents["o"] == FromResource("orgs", "id", (("i", "n"),))
    assert parse_resolved(found.reference_dict(), "x").resources == found.resources


@pytest.mark.parametrize(
    ("orgs", "of", "fault"),
    [
        ("[a]", "org", "partitions.o.resource: unknown resource 'org': did you mean 'orgs'?"),
        ("[a]", "repos", "partitions.o.resource: 'repos' is its own ancestor"),
        ("{resource: repos, field: id}", "orgs", ".resource: 'repos' is its own ancestor"),
    ],
)
def test_parents_that_cannot_be(orgs: str, of: str, fault: str) -> None:
    """Unknown ones, and circles of any length."""
    with pytest.raises(ConfigError) as caught:
        parse_config(PARENTS.format(orgs=orgs, of=of), "x", env={})
    assert any(fault in str(problem) for problem in caught.value.problems)
