"""What a page's bytes say, in flat memory: its grammar, its fields, its records."""

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
    Take,
    as_number,
)
from harvester.page.identity import (
    SAMPLED,
    SAMPLED_UNKEYED,
    Identity,
    Sight,
    digest,
)
from harvester.page.keys import (
    Keys,
    Record,
    parsed_keys,
)
from harvester.page.outline import (
    shape_of,
)
from harvester.page.records import (
    iter_batches,
    iter_elements,
    iter_lines,
    lone,
    without_records,
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
    "Identity",
    "Keys",
    "Record",
    "Sight",
    "Sketch",
    "Take",
    "as_float",
    "as_number",
    "digest",
    "inflated",
    "is_supported",
    "iter_batches",
    "iter_elements",
    "iter_lines",
    "lone",
    "mark_of",
    "packed",
    "parsed_keys",
    "refuse_bomb",
    "shape_of",
    "tee",
    "unpacked",
    "without_records",
]
