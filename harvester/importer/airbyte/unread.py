"""Names what a component of a stream says that nothing here reads, so that it is told as missing.

A key that a later version of the manifests' language brings, or a misspelled one, may choose
records. What is listed is read somewhere, or changes no request and no record: texts for people,
how often and how fast is tried again, how many jobs run at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from harvester.importer.airbyte.references import PARAMETERS

_EVERYWHERE: Final = "type name description $comment $options class_name title path primary_key"
_READ: Final = {
    kind: frozenset(f"{_EVERYWHERE} {keys}".split())
    for kind, keys in {
        "DeclarativeStream": "retriever incremental_sync schema_loader transformations "
        "state_migrations stream_cursor_field selector schema schema_normalization",
        "SimpleRetriever": "requester decoder record_selector paginator partition_router "
        "ignore_stream_slicer_parameters_on_paginated_requests",
        "AsyncRetriever": "record_selector status_mapping status_extractor decoder "
        "download_extractor download_target_extractor creation_requester polling_requester "
        "polling_job_timeout "
        "download_target_requester download_requester download_paginator abort_requester "
        "delete_requester partition_router download_decoder failed_retry_wait_time_in_seconds "
        "max_concurrent_async_job_count",
        "HttpRequester": "url_base url http_method authenticator error_handler use_cache "
        "request_parameters request_headers request_body_data request_body_json request_body",
        "RecordSelector": "extractor record_filter decoder schema_normalization "
        "transform_before_filtering",
        "DpathExtractor": "field_path decoder schema_normalization record_expander",
        "RecordFilter": "condition",
        "DefaultPaginator": "pagination_strategy page_size_option page_token_option decoder "
        "url_base",
        "CursorPagination": "cursor_value page_size stop_condition decoder",
        "OffsetIncrement": "page_size inject_on_first_request",
        "PageIncrement": "page_size start_from_page inject_on_first_request",
        "DatetimeBasedCursor": "cursor_field datetime_format start_datetime end_datetime step "
        "cursor_datetime_formats cursor_granularity start_time_option end_time_option is_data_feed "
        "is_client_side_incremental is_compare_strictly global_substream_cursor lookback_window "
        "partition_field_start partition_field_end",
        "SubstreamPartitionRouter": "parent_stream_configs",
        "ParentStreamConfig": "lazy_read_pointer parent_key partition_field request_option stream "
        "incremental_dependency extra_fields",
        "ListPartitionRouter": "cursor_field values request_option",
        "GroupingPartitionRouter": "group_size underlying_partition_router deduplicate",
        "DefaultErrorHandler": "backoff_strategies max_retries response_filters",
        # the source reads no more than the first of these
        "CompositeErrorHandler": "error_handlers response_filters backoff_strategies max_retries",
        "HttpResponseFilter": "action failure_type error_message error_message_contains http_codes "
        "predicate backoff_strategies",
        "CsvDecoder": "encoding delimiter set_values_to_none",
    }.items()
}  # fmt: skip
#: What a component is whose `type` is left out, by the key that it stands under.
_KINDS: Final = {
    "retriever": "SimpleRetriever", "requester": "HttpRequester",
    "record_selector": "RecordSelector", "extractor": "DpathExtractor",
    "record_filter": "RecordFilter",
    "parent_stream_configs": "ParentStreamConfig", "stream": "DeclarativeStream",
}  # fmt: skip


def unread(stream: Mapping[str, Any]) -> Iterator[str]:
    """Each key of a resolved stream that stands against it; those of its parents are their own."""
    yield from _below(stream, "stream", {})


def _below(node: Any, key: str, outer: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _below(each, key, outer)
    if not isinstance(node, Mapping):
        return
    kind = node.get("type") or _KINDS.get(key)
    given = {**outer, **(node.get(PARAMETERS) or {})}
    known = _READ.get(kind) if isinstance(kind, str) else None
    for name, value in node.items():
        if name == PARAMETERS:
            continue
        is_nothing = value is None or value is False or value in ("", [], {})
        if known is not None and name not in known and name not in given and not is_nothing:
            yield f"{name} of a {kind}, which is not known here"
        elif name != "stream" and isinstance(kind, str):
            yield from _below(value, str(name), given)
