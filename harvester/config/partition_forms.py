"""Declares the ways in which a partition key's values may be written.

    query: ["from:nasa", "from:esa"]
    shard: {range: [1, 100]}
    number: {range: [1, 1000000], split_above: 1000, total_path: total}
    window: {start: 2021-01-01, end: now, step: 1mo, settle: 1h}
    id: {file: ids.csv, column: id}
    repo: {resource: repos, field: full_name, include: {repo_id: id}}
    folder: {crawl: "children[*].id", seeds: [root]}

What is written becomes one of the plain values of `partitions`, and can be written again.
"""

from collections.abc import Callable
from typing import Annotated, Any, assert_never

from pydantic import Discriminator, GetCoreSchemaHandler, Tag
from pydantic_core import CoreSchema, core_schema

from harvester.config.crawl_forms import CrawlForm, crawl_of, crawl_written
from harvester.config.form_kinds import kind_of
from harvester.config.options import Scalar
from harvester.config.outside_forms import (
    FileForm,
    ParentForm,
    file_of,
    file_written,
    parents_of,
    parents_written,
)
from harvester.config.split_forms import (
    PrefixForm,
    StretchForm,
    prefixes_of,
    prefixes_written,
    stretches_of,
    stretches_written,
)
from harvester.config.value_forms import ListForm, RangeForm, range_of, range_written
from harvester.config.window_forms import WindowForm, windows_of, windows_written
from harvester.model import (
    Crawl,
    FromFile,
    FromResource,
    OpenWindows,
    Prefixes,
    Range,
    Spec,
    Stretches,
    Values,
    Windows,
)

Form = Annotated[
    Annotated[ListForm, Tag("list")]
    | Annotated[RangeForm, Tag("range")]
    | Annotated[WindowForm, Tag("window")]
    | Annotated[StretchForm, Tag("stretch")]
    | Annotated[PrefixForm, Tag("prefixes")]
    | Annotated[CrawlForm, Tag("crawl")]
    | Annotated[FileForm, Tag("file")]
    | Annotated[ParentForm, Tag("parent")],
    Discriminator(kind_of),
]
"""What people write for one key."""

AnyForm = (
    tuple[Scalar, ...]
    | RangeForm
    | WindowForm
    | StretchForm
    | PrefixForm
    | CrawlForm
    | FileForm
    | ParentForm
)


def _spec(form: AnyForm) -> Spec:
    """The plain value of a form."""
    match form:
        case FileForm():
            return file_of(form)
        case ParentForm():
            return parents_of(form)
        case RangeForm():
            return range_of(form)
        case StretchForm():
            return stretches_of(form)
        case PrefixForm():
            return prefixes_of(form)
        case CrawlForm():
            return crawl_of(form)
        case WindowForm():
            return windows_of(form)
        case tuple():
            return Values(form)
    assert_never(form)


def _written(spec: Spec) -> Any:
    """Write a spec in the form that reads back as the same."""
    match spec:
        case Values():
            return list(spec.values)
        case Range():
            return range_written(spec)
        case FromFile():
            return file_written(spec)
        case FromResource():
            return parents_written(spec)
        case Stretches():
            return stretches_written(spec)
        case Prefixes():
            return prefixes_written(spec)
        case Crawl():
            return crawl_written(spec)
        case Windows() | OpenWindows():
            return windows_written(spec)
    assert_never(spec)


class WrittenAs:
    """Marks a plain value that people write in another form.

    pydantic validates `form`, then calls `read` on it; `write` gives what a dump holds.
    """

    def __init__(self, form: Any, read: Callable[[Any], Any], write: Callable[[Any], Any]) -> None:
        self.form = form
        self._read = read
        self._write = write

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate the form in place of the value."""
        return core_schema.no_info_after_validator_function(
            self._read,
            handler.generate_schema(self.form),
            serialization=core_schema.plain_serializer_function_ser_schema(self._write),
        )


PartitionSpec = Annotated[Spec, WrittenAs(Form, _spec, _written)]
"""One key's values; the forms are told apart by what they hold."""
