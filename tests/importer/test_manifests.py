"""Low-code manifests become YAML that loads, stream by stream, or what is missing is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harvester.config import load_config
from harvester.importer import Imported, import_file

HEAD = """
type: DeclarativeSource
check: {type: CheckStream, stream_names: [items]}
definitions:
  requester:
    type: HttpRequester
    url_base: https://api.example.org/v1
    authenticator: {type: BearerAuthenticator, api_token: "{{ config['api_key'] }}"}
  selector:
    type: RecordSelector
    extractor: {type: DpathExtractor, field_path: [data]}
spec:
  connection_specification:
    type: object
    required: [api_key]
    properties: {api_key: {type: string}, start_date: {type: string}, tag: {type: string}}
"""

STREAM = """
  - type: DeclarativeStream
    name: {name}
    $parameters: {{path: {name}}}
    {more}
    retriever:
      type: SimpleRetriever
      requester: {{$ref: "#/definitions/requester"{asked}}}
      record_selector: {{$ref: "#/definitions/selector"}}
      {retriever}
"""


def imported(tmp_path: Path, *streams: str) -> Imported:
    """What comes of a manifest with these streams."""
    path = tmp_path / "source-example.yaml"
    path.write_text(f"{HEAD}\nstreams:\n{''.join(streams)}", encoding="utf-8")
    return import_file(path)


def resource(tmp_path: Path, **parts: str) -> dict[str, object]:
    """The resource that a single stream becomes, as the loader reads it."""
    found = imported(tmp_path, stream("items", **parts))
    assert [one.missing for one in found.streams] == [()]
    (text,) = found.texts.values()
    file = tmp_path / "made.yaml"
    file.write_text(text, encoding="utf-8")
    config = load_config(file, env={"API_KEY": "x" * 20, "START_DATE": "2021-01-01"})
    made: dict[str, object] = config.reference_dict()["resources"][0]
    return made


def stream(name: str, *, more: str = "", asked: str = "", retriever: str = "") -> str:
    """One stream of a manifest."""
    return STREAM.format(name=name, more=more, asked=asked, retriever=retriever)


def paginator(strategy: str, option: str = "{type: RequestPath}", size: str = "") -> str:
    """A paginator of a manifest."""
    return (
        "paginator: {type: DefaultPaginator, "
        f"pagination_strategy: {{{strategy}}}, page_token_option: {option}{size}}}"
    )


def option(name: str, where: str = "request_parameter") -> str:
    """A request option of a manifest."""
    return f"{{type: RequestOption, inject_into: {where}, field_name: {name}}}"


def test_references_and_parameters_are_resolved(tmp_path: Path) -> None:
    """The path comes from `$parameters`, the requester from `$ref`, the token from a variable."""
    found = imported(tmp_path, stream("items"))
    assert [one.as_dict() for one in found.streams] == [
        {"name": "items", "imported": True, "missing": []}
    ]
    (text,) = found.texts.values()
    assert 'auth: {type: bearer, token: "{env.API_KEY}"}' in text
    assert "path: items" in text


@pytest.mark.parametrize(
    ("strategy", "token", "expected"),
    [
        (
            "type: CursorPagination, cursor_value: \"{{ response.get('links', {}).get('next') }}\"",
            "{type: RequestPath}",
            {"type": "json_link", "next_url_path": "links.next"},
        ),
        (
            "type: CursorPagination, cursor_value: \"{{ headers['link']['next']['url'] }}\"",
            "{type: RequestPath}",
            {"type": "header_link"},
        ),
        (
            (
                "type: CursorPagination, cursor_value: '{{ response.meta.cursor }}', "
                "stop_condition: '{{ response.meta.has_more is false }}'"
            ),
            option("after"),
            {
                "type": "cursor",
                "cursor_path": "meta.cursor",
                "has_more_path": "meta.has_more",
                "cursor_param": "after",
            },
        ),
        (
            (
                "type: CursorPagination, cursor_value: \"{{ last_record['id'] }}\", "
                "stop_condition: '{{ last_page_size == 0 }}'"
            ),
            option("after"),
            {
                "type": "keyset",
                "cursor_path": "data[-1].id",
                "cursor_param": "after",
                "stop_after_empty_page": True,
            },
        ),
        (
            "type: PageIncrement, start_from_page: 1, inject_on_first_request: true",
            option("p"),
            {"type": "page_number", "page_param": "p"},
        ),
        (
            "type: PageIncrement",
            option("p"),
            {"type": "page_number", "page_param": "p", "base_page": 0, "send_first": False},
        ),
        (
            "type: OffsetIncrement, page_size: 50, inject_on_first_request: true",
            option("skip"),
            {"type": "offset", "offset_param": "skip", "limit": 50},
        ),
    ],
)
def test_paginators(strategy: str, token: str, expected: dict[str, object], tmp_path: Path) -> None:
    """Each pagination strategy is the paginator that asks for the same pages."""
    made = resource(tmp_path, retriever=paginator(strategy, token))["paginator"]
    assert isinstance(made, dict)
    assert {key: made.get(key) for key in expected} == expected


def test_parents_are_imported_with_their_children(tmp_path: Path) -> None:
    """A parent that only a child names comes too, and the child names its records' field."""
    parent = stream("shops").strip().removeprefix("- ").replace("\n    ", "\n                ")
    child = stream(
        "orders",
        asked=", path: \"shops/{{ stream_partition['shop_id'] }}/orders\"",
        retriever=f"""partition_router:
          type: SubstreamPartitionRouter
          parent_stream_configs:
            - type: ParentStreamConfig
              parent_key: id
              partition_field: shop_id
              stream:
                {parent}""",
    )
    found = imported(tmp_path, child)
    assert [one.missing for one in found.streams] == [()]
    (text,) = found.texts.values()
    assert "shop_id: {resource: shops, field: id}" in text
    assert '"shops/{shop_id}/orders"' in text


def test_errors_that_are_ignored(tmp_path: Path) -> None:
    """A response filter is a rule; how long it waits chooses no records."""
    handler = (
        ", error_handler: {type: DefaultErrorHandler, response_filters: "
        "[{type: HttpResponseFilter, http_codes: [404], action: IGNORE}]}"
    )
    made = resource(tmp_path, asked=handler)["response_actions"]
    assert made == [{"status": [404], "action": "ignore"}]


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        (
            {"retriever": "decoder: {type: IterableDecoder}"},
            "answers that are not JSON: IterableDecoder",
        ),
        (
            {"asked": ", error_handler: {type: CustomErrorHandler, class_name: a.B}"},
            "the error handler CustomErrorHandler a.B",
        ),
        (
            {"asked": ", path: \"{{ config['tag'] + 1 }}\""},
            "the template {{ config['tag'] + 1 }}",
        ),
    ],
)
def test_what_cannot_be_said_is_named(parts: dict[str, str], missing: str, tmp_path: Path) -> None:
    """Such a stream is left out, its name and reason are told, and stand in the file of others."""
    found = imported(tmp_path, stream("items", **parts), stream("others"))
    assert [one.missing for one in found.streams] == [(missing,), ()]
    (text,) = found.texts.values()
    assert f"#   items: {missing}" in text


def test_a_key_that_nothing_reads_stands_against_a_stream(tmp_path: Path) -> None:
    """At any depth, but in a parent, whose own it is; a parameter that went astray is none."""
    odd = {
        "file_uploader": {"more": "file_uploader: {type: FileUploader}"},
        "fetch_properties_from_endpoint": {"asked": ", fetch_properties_from_endpoint: {a: 1}"},
        "pagination_reset": {"retriever": "pagination_reset: {type: PaginationReset}"},
        "clamping": {"more": "incremental_sync: {type: DatetimeBasedCursor, cursor_field: at, "
                     "datetime_format: '%Y', start_datetime: '2021', clamping: {target: DAY}}"},
    }  # fmt: skip
    for key, parts in odd.items():
        (one,) = imported(tmp_path, stream("items", **parts)).streams
        assert [why for why in one.missing if why.startswith(f"{key} of a ")], (key, one)
    assert "use_cache" not in resource(tmp_path, asked=", use_cache: true, clamping: ''")


def test_what_the_source_does_to_its_records_is_told(tmp_path: Path) -> None:
    """In a comment: a harvest keeps what came."""
    text = "transformations: [{type: RemoveFields, field_pointers: [[a]]}, {type: AddFields}]"
    (made,) = imported(tmp_path, stream("items", more=text)).texts.values()
    assert "# the source changes its records afterwards: RemoveFields, AddFields" in made


def test_fields_that_are_asked_for(tmp_path: Path) -> None:
    """In one text where one request asks for all of them."""
    asked = ", request_parameters: {fields: {type: QueryProperties, property_list: [a, b], %s}}"
    one = resource(tmp_path, asked=asked % "always_include_properties: [id]")
    assert one["params"] == {"fields": "id,a,b"}
    chunks = "property_chunking: {property_limit_type: property_count, property_limit: 1}"
    (named,) = imported(tmp_path, stream("items", asked=asked % chunks)).streams
    assert named.missing == ("fields that are asked for in several requests (PropertyChunking)",)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", "data[*].lines.data"),
        (", remain_original_record: true", None),
        (", on_no_records: emit_parent", None),
    ],
)
def test_records_inside_records(more: str, expected: str | None, tmp_path: Path) -> None:
    """By the path to them, where nothing of the outer record is given with them."""
    selector = (
        "record_selector: {extractor: {type: DpathExtractor, field_path: [data], record_expander: "
        f"{{type: RecordExpander, expand_records_from_field: [lines, data]{more}}}}}}}"
    )
    (whole,) = [
        stream("items").replace(line, f"      {selector}")
        for line in stream("items").splitlines()
        if "record_selector" in line
    ]
    found = imported(tmp_path, whole)
    assert found.streams[0].imported == (expected is not None)
    assert all(f'data_selector: "{expected}"' in text for text in found.texts.values())


def test_a_product_of_routers(tmp_path: Path) -> None:
    """Each value with each."""
    inner = ", ".join(
        f"{{type: ListPartitionRouter, cursor_field: {key}, values: [x, z], request_option: "
        f"{{inject_into: request_parameter, field_name: {key}}}}}"
        for key in ("a", "b")
    )
    router = f"{{type: CartesianProductStreamSlicer, stream_slicers: [{inner}]}}"
    one = resource(tmp_path, retriever=f"partition_router: {router}")
    assert one["partitions"] == {"a": ["x", "z"], "b": ["x", "z"]}


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ("algorithm: HS256, header_prefix: Bearer", ""),
        ("algorithm: HS384, header_prefix: Bearer", "a JWT signed by HS384"),
        ("algorithm: HS256", "a JWT without the word Bearer before it"),
        ("algorithm: HS256, base64_encode_secret_key: true", "a JWT whose key is encoded first"),
        (
            "algorithm: HS256, header_prefix: Bearer, jwt_headers: {kid: k, x: 1}",
            "a JWT with headers",
        ),
    ],
)
def test_a_token_that_is_signed(change: str, missing: str, tmp_path: Path) -> None:
    """As `jwt_bearer`, where that sends the same."""
    scheme = (
        "{type: JwtAuthenticator, secret_key: \"{{ config['api_key'] }}\", "
        f"jwt_payload: {{iss: me, sub: you}}, additional_jwt_payload: {{a: 1}}, {change}}}"
    )
    (one,) = imported(tmp_path, stream("items", asked=f", authenticator: {scheme}")).streams
    assert (one.missing[0] if one.missing else "").startswith(missing)
    assert one.imported == (not missing)


def test_budgets_of_requests(tmp_path: Path) -> None:
    """Those of all requests are taken; one of some paths is told."""
    path = tmp_path / "source.yaml"
    policies = (
        "{type: FixedWindowCallRatePolicy, call_limit: 3, period: PT1M}, "
        "{type: MovingWindowCallRatePolicy, rates: [{limit: 9, interval: PT1H}], matchers: [{}]}"
    )
    path.write_text(f"{HEAD}\napi_budget: {{policies: [{policies}]}}\nstreams:\n{stream('items')}")
    (text,) = import_file(path).texts.values()
    assert 'rate_limit: [{requests: 3, per: "1m"}]' in text
    assert "# the source has a budget of requests for some paths only, which is not taken" in text


def test_the_command(tmp_path: Path) -> None:
    """It writes the files and prints what came; 3 where no stream did."""
    imported(tmp_path, stream("items"))
    command = [sys.executable, "-m", "harvester", "import", "--out", str(tmp_path / "made")]
    whole = subprocess.run(
        [*command, str(tmp_path / "source-example.yaml"), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["streams"][0]["imported"]
    assert (tmp_path / "made" / "source-example.yaml").exists()
    imported(tmp_path, stream("items", retriever="decoder: {type: IterableDecoder}"))
    nothing = subprocess.run(
        [*command, str(tmp_path / "source-example.yaml"), "--json", "--force"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert nothing.returncode == 3
    assert json.loads(nothing.stdout)["streams"][0]["missing"]


def test_each_way_to_log_in_has_a_file(tmp_path: Path) -> None:
    """Which one is used is chosen by choosing the file."""
    found = imported(
        tmp_path,
        stream(
            "items",
            asked=", authenticator: {type: SelectiveAuthenticator, "
            "authenticator_selection_path: [credentials, type], authenticators: {"
            "key: {type: ApiKeyAuthenticator, header: X-Key, "
            "api_token: \"{{ config['api_key'] + '/token' }}\"}, "
            "basic: {type: BasicHttpAuthenticator, username: \"{{ config['api_key'] }}\"}}}",
        ),
    )
    assert [one.missing for one in found.streams] == [()]
    assert set(found.texts) == {"source-example-key.yaml", "source-example-basic.yaml"}
    assert 'value: "{env.API_KEY}/token"' in found.texts["source-example-key.yaml"]
    assert "type: http_basic" in found.texts["source-example-basic.yaml"]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("P{{ config.get('days', 30) }}D", "here its default, 30d (step)"),
        ("{{ config['step'] }}", "here without a default: left out (step)"),
        ("P1M", None),
    ],
)
def test_a_duration_of_the_configuration_is_told(
    step: str, told: str | None, tmp_path: Path
) -> None:
    """The YAML says what stands there in its place."""
    sync = (
        "incremental_sync: {type: DatetimeBasedCursor, cursor_field: updated, "
        'datetime_format: "%Y-%m-%d", cursor_granularity: P1D, '
        "start_datetime: \"{{ config['start_date'] }}\", "
        'step: "' + step + '", '
        "start_time_option: {type: RequestOption, inject_into: request_parameter, "
        "field_name: since}}"
    )
    (text,) = imported(tmp_path, stream("items", more=sync)).texts.values()
    assert ("of the source's configuration" in " ".join(text.split())) is bool(told)
    assert (told or 'step: "1mo"') in " ".join(text.replace("#", " ").split())


JOB = """
  - type: DeclarativeStream
    name: sales
    primary_key: [order-id]
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: day
      datetime_format: "%Y-%m-%d"
      cursor_granularity: P1D
      start_datetime: "{{ config['start_date'] }}"
      step: P30D
    retriever:
      type: AsyncRetriever
      status_mapping:
        {type: AsyncJobStatusMap, running: [IN_QUEUE], completed: [DONE], failed: [FATAL],
         timeout: [], skipped: [CANCELLED]}
      status_extractor: {type: DpathExtractor, field_path: [status, now]}
      download_target_extractor: {type: DpathExtractor, field_path: [url]}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}
      creation_requester:
        $ref: "#/definitions/requester"
        path: reports
        http_method: POST
        request_body_json: {from: "{{ stream_interval['start_time'] }}", of: "{{ config['tag'] }}"}
      polling_requester:
        $ref: "#/definitions/requester"
        path: "reports/{{ creation_response['reportId'] }}"
      download_target_requester:
        $ref: "#/definitions/requester"
        path: "documents/{{ polling_response['documentId'] }}"
      download_requester: {type: HttpRequester, url_base: "{{ download_target }}"}
      download_decoder:
        {type: GzipDecoder, decoder: {type: CsvDecoder, delimiter: "\\t", encoding: utf-8-sig}}
"""


def test_an_asynchronous_retriever_is_a_job(tmp_path: Path) -> None:
    """Its id is what its polling names; files come from wherever the answer says."""
    found = imported(tmp_path, JOB)
    assert [one.missing for one in found.streams] == [()]
    (tmp_path / "made.yaml").write_text("".join(found.texts.values()), encoding="utf-8")
    config = load_config(
        tmp_path / "made.yaml", env={"API_KEY": "x" * 9, "START_DATE": "2021-01-01"}
    )
    made = config.reference_dict()["resources"][0]
    assert made["job"] == {
        "create": {
            "path": "reports",
            "json": {"from": "{window.start:%Y-%m-%d}", "of": "{env.TAG?}"},
            "id_path": "reportId",
        },
        "poll": {
            "path": "reports/{job.id}",
            "until": {"path": "status.now", "equals": "DONE"},
            "fail": {"path": "status.now", "equals": "FATAL"},
            "empty": {"path": "status.now", "equals": "CANCELLED"},
            "include": {"documentId": "documentId"},
        },
        "download": {
            "path": "documents/{job.documentId}",
            "urls_path": "url",
            "any_host": True,
            "format": {"type": "csv", "delimiter": "\t"},
        },
    }


def test_a_wait_that_only_the_configuration_knows_is_told(tmp_path: Path) -> None:
    """In a comment; the job is imported."""
    wait = "polling_job_timeout: \"{{ config['minutes'] }}\"\n      type: AsyncRetriever"
    found = imported(tmp_path, JOB.replace("type: AsyncRetriever", wait, 1))
    assert [one.missing for one in found.streams] == [()]
    (text,) = found.texts.values()
    assert "# how long the source waits for a job is left to the default: {{ config" in text


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ("creation_response['reportId']", "config['tag']", "nothing of its making"),
        ("completed: [DONE]", "completed: []", "without a state"),
        ('"{{ download_target }}"', '"https://x.org/{{ download_target }}"', "more than their URL"),
        ("type: AsyncJobStatusMap", "type: CustomMap, class_name: a.b", "the states CustomMap a.b"),
        ("type: GzipDecoder", "type: CustomDecoder, class_name: a.Odd", "CustomDecoder a.Odd"),
    ],
)
def test_what_stands_against_a_job(before: str, after: str, missing: str, tmp_path: Path) -> None:
    """Named, and nothing of it is written."""
    assert before in JOB
    (one,) = imported(tmp_path, JOB.replace(before, after, 1)).streams
    assert any(missing in why for why in one.missing), one.missing


def test_composite_and_xml_decoders(tmp_path: Path) -> None:
    """Formats of answers that are no JSON."""
    xml = "decoder: {type: XmlDecoder}"
    assert resource(tmp_path, retriever=xml)["format"] == {"type": "xml"}


TEMPLATE = """
dynamic_streams:
  - type: DynamicDeclarativeStream
    name: reports
    stream_template:
      type: DeclarativeStream
      name: ""
      $parameters: {kind: none}
      retriever:
        type: SimpleRetriever
        requester:
          $ref: "#/definitions/requester"
          path: "reports/{{ parameters['kind'] }}"
        record_selector: {$ref: "#/definitions/selector"}
    components_resolver:
      type: ParametrizedComponentsResolver
      stream_parameters:
        type: StreamParametersDefinition
        list_of_parameters_for_stream: [{name: daily, kind: d}, {name: weekly, kind: w}]
      components_mapping:
        - {type: ComponentMappingDefinition, field_path: [name],
           value: "{{ components_values['name'] }}"}
        - {type: ComponentMappingDefinition, field_path: ["$parameters", kind],
           value: "{{ components_values['kind'] }}"}
"""


def test_a_template_with_a_list_of_parameters(tmp_path: Path) -> None:
    """Each stream that it is filled in to."""
    (tmp_path / "s.yaml").write_text(f"{HEAD}\nstreams: []\n{TEMPLATE}", encoding="utf-8")
    found = import_file(tmp_path / "s.yaml")
    assert [(one.name, one.missing) for one in found.streams] == [("daily", ()), ("weekly", ())]
    text = "".join(found.texts.values())
    assert "path: reports/d\n" in text
    assert "path: reports/w\n" in text


def test_streams_under_a_condition(tmp_path: Path) -> None:
    """They are streams all the same, and the condition is told."""
    inner = stream("items").replace("\n", "\n      ")
    node = "\n  - type: ConditionalStreams\n    condition: \"{{ config['x'] }}\"\n"
    found = imported(tmp_path, f"{node}    streams:{inner}\n")
    assert [(one.name, one.missing) for one in found.streams] == [("items", ())]
    assert "only where {{ config['x'] }}" in "".join(found.texts.values())


@pytest.mark.parametrize(
    "streams",
    [
        "[1, null, [], {}, x]",
        "[{type: DeclarativeStream, name: a, retriever: []}]",
        "[{name: a, retriever: {type: AsyncRetriever, creation_requester: x, status_mapping: []}}]",
        '[{type: DeclarativeStream, name: [x], retriever: {requester: {url_base: "{{"}}}]',
        "[{type: StateDelegatingStream, name: f}]",
        '[{"$ref": 5}, {"$ref": "#/definitions/nothing"}]',
    ],
)
def test_what_is_no_stream_is_named(streams: str, tmp_path: Path) -> None:
    """A broken manifest gives its list, and no fault of ours."""
    path = tmp_path / "s.yaml"
    path.write_text(f"check: {{}}\ndefinitions: []\nspec: 7\nstreams: {streams}\n")
    found = import_file(path)
    assert found.streams
    assert all(one.missing for one in found.streams)
