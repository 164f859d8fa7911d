"""What manifests say in templates: choices, dates, ways to log in; feeds, first runs, filters."""

from pathlib import Path

import pytest

from tests.importer.test_manifests import imported, option, paginator, resource, stream

PAGES = paginator("type: PageIncrement", option("p"))


def asked(parameters: str) -> str:
    """A requester with these parameters."""
    return f", request_parameters: {{{parameters}}}"


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{{ 'eu' if config['tag'] == 'EU' else 'us' }}", "{env.TAG_TEXT?us}"),
        ("{{ config['tag'] or 'x?y' }}", "{env.TAG?x?y}"),
        ("{{ now_utc().strftime('%Y-%m-%d') }}", "{now:%Y-%m-%d}"),
        ("{{ format_datetime(config['start_date'], '%d/%m/%Y') }}", "{env.START_DATE:%d/%m/%Y?}"),
        ("{{ (timestamp(config['start_date']) * 1000) | int }}", "{env.START_DATE:epoch_ms?}"),
    ],
)
def test_templates(template: str, written: str, tmp_path: Path) -> None:
    """Each is one reference."""
    found = resource(tmp_path, asked=asked(f'q: "{template}"'))
    assert found["params"] == {"q": written}


def test_a_feed_is_left_at_what_is_older(tmp_path: Path) -> None:
    """It goes on from the largest value of the run before."""
    sync = (
        "incremental_sync: {type: DatetimeBasedCursor, is_data_feed: true, cursor_field: at, "
        "datetime_format: '%Y-%m-%dT%H:%M:%SZ', start_datetime: \"{{ config['start_date'] }}\"}"
    )
    found = resource(tmp_path, more=sync, retriever=PAGES)
    assert found["incremental"] == {"cursor_path": "data[*].at", "initial_value": "2021-01-01"}
    assert found["paginator"]["stop_before"] == {"path": "data[-1].at", "value": "{since}"}  # type: ignore[index]


SLICES = """
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: at
      datetime_format: "%s"
      start_datetime: "{{ config['start_date'] }}"
      start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: since}
"""


def test_a_first_run_at_another_endpoint(tmp_path: Path) -> None:
    """Two resources, the second of which begins where the first run was."""
    each = [
        stream(name, more=SLICES.strip().replace("\n", "\n")).replace("  - type", "    type")
        for name in ("items", "events")
    ]
    text = (
        "  - type: StateDelegatingStream\n    name: items\n    full_refresh_stream:\n"
        + each[0].replace("\n", "\n  ")
        + "\n    incremental_stream:\n"
        + each[1].replace("\n", "\n  ")
    )
    found = imported(tmp_path, text)
    assert [one.missing for one in found.streams] == [()]
    (written,) = found.texts.values()
    assert 'window: {start: "{env.START_DATE}", end: first_run, open: true}' in written
    assert "name: items_changes" in written
    assert "window: {start: first_run, end: now, open: true}" in written


def test_ways_to_log_in_that_a_variable_chooses(tmp_path: Path) -> None:
    """Each has a file."""
    text = stream("items").replace(
        '{$ref: "#/definitions/requester"}',
        "{type: HttpRequester, url_base: 'https://x.org', authenticator: {type: "
        "BearerAuthenticator, api_token: \"{{ config['a'] if config['kind'] == 'a' else "
        "config['b'] }}\"}}",
    )
    found = imported(tmp_path, text)
    assert [one.missing for one in found.streams] == [()]
    assert list(found.texts) == ["source-example-a.yaml", "source-example-b.yaml"]


def test_conditions_and_texts_of_filters(tmp_path: Path) -> None:
    """All conditions of an `and`, and a text in the message of an error."""
    handler = (
        ", error_handler: {type: DefaultErrorHandler, response_filters: [{type: "
        'HttpResponseFilter, action: IGNORE, predicate: "{{ response.ok is false and '
        'response.code in [7, 8] }}"}, {type: HttpResponseFilter, action: FAIL, '
        "error_message_contains: 'not enabled.'}]}"
    )
    rules = resource(tmp_path, asked=handler)["response_actions"]
    assert rules[0] == {  # type: ignore[index]
        "when": [{"path": "ok", "equals": False}, {"path": "code", "in": [7, 8]}],
        "action": "ignore",
    }
    assert rules[1] == {  # type: ignore[index]
        "status": ["4xx", "5xx"], "body_matches": "not enabled\\.", "action": "fail",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("decoder", "written"),
    [
        ("{type: JsonlDecoder}", {"type": "jsonl"}),
        ("{type: CsvDecoder, delimiter: ';'}", {"type": "csv", "delimiter": ";"}),
    ],
)
def test_lines_and_tables(decoder: str, written: dict[str, str], tmp_path: Path) -> None:
    """Decoders of other formats than JSON."""
    text = stream("items", retriever=f"decoder: {decoder}").replace(
        '{$ref: "#/definitions/selector"}',
        "{type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}",
    )
    found = imported(tmp_path, text)
    assert [one.missing for one in found.streams] == [()]
    (made,) = found.texts.values()
    assert f"format: {written['type']}" in made or f"type: {written['type']}" in made
