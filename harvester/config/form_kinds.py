"""Tells the forms of a partition key apart, by the keys that each holds."""

from harvester.config.window_forms import WindowForm


def kind_of(value: object) -> str | None:
    """The name of a form; None where it is none of them."""
    match value:
        case list() | tuple():
            return "list"
        case {"range": _}:
            return "range"
        case {"crawl": _} | {"seeds": _}:
            return "crawl"
        case {"prefixes": _}:
            return "prefixes"
        case {"start": int(start), "end": int(end)} if not (
            isinstance(start, bool) or isinstance(end, bool)
        ):
            return "stretch"
        case {"file": _}:
            return "file"
        case {"resource": _}:
            return "parent"
        case dict() if value.keys() & WindowForm.model_fields.keys():
            return "window"
    return None
