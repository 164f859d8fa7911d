"""Reads what a page's bytes say, in flat memory: its grammar, its fields, its records."""

from typing import TYPE_CHECKING

from harvester.on_demand import names_of

if TYPE_CHECKING:
    from harvester.page.aggregators import (
        as_float,
    )
    from harvester.page.body import (
        STORED_PIECE_BYTES,
        Came,
        inflated,
        is_supported,
        mark_of,
        refuse_bomb,
        tee,
    )
    from harvester.page.fields import (
        Field,
        FieldParser,
        Fields,
        Take,
        as_number,
    )
    from harvester.page.formats import (
        format_of,
    )
    from harvester.page.formats.json_pages import (
        JsonPages,
    )
    from harvester.page.formats.undeclared import (
        UndeclaredPages,
        begins_as,
    )
    from harvester.page.identity import (
        SAMPLED,
        SAMPLED_UNKEYED,
        Identity,
        Sight,
        digest,
    )
    from harvester.page.inside import (
        Inside,
    )
    from harvester.page.keys import (
        Keys,
        Record,
        parsed_keys,
    )
    from harvester.page.page_format import (
        FieldReader,
        PageFormat,
        Translator,
        content_type_of,
        has_suffix,
        named_by,
    )
    from harvester.page.records import (
        iter_elements,
    )
    from harvester.page.sketch import (
        ALL,
        Sketch,
        packed,
        unpacked,
    )


__all__ = [
    "ALL",
    "SAMPLED",
    "SAMPLED_UNKEYED",
    "STORED_PIECE_BYTES",
    "Came",
    "Field",
    "FieldParser",
    "FieldReader",
    "Fields",
    "Identity",
    "Inside",
    "JsonPages",
    "Keys",
    "PageFormat",
    "Record",
    "Sight",
    "Sketch",
    "Take",
    "Translator",
    "UndeclaredPages",
    "as_float",
    "as_number",
    "begins_as",
    "content_type_of",
    "digest",
    "format_of",
    "has_suffix",
    "inflated",
    "is_supported",
    "iter_elements",
    "mark_of",
    "named_by",
    "packed",
    "parsed_keys",
    "refuse_bomb",
    "tee",
    "unpacked",
]


__getattr__ = names_of(
    __name__,
    {
        "aggregators": "as_float",
        "body": "STORED_PIECE_BYTES Came inflated is_supported mark_of refuse_bomb tee",
        "fields": "Field FieldParser Fields Take as_number",
        "formats": "format_of",
        "formats.json_pages": "JsonPages",
        "formats.undeclared": "UndeclaredPages begins_as",
        "identity": "SAMPLED SAMPLED_UNKEYED Identity Sight digest",
        "inside": "Inside",
        "keys": "Keys Record parsed_keys",
        "page_format": "FieldReader PageFormat Translator content_type_of has_suffix named_by",
        "records": "iter_elements",
        "sketch": "ALL Sketch packed unpacked",
    },
)
