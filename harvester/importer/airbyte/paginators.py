"""Turns a stream's `paginator` into the YAML's, with the parameters that go with each page."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from harvester.importer.airbyte.expressions import Term
from harvester.importer.airbyte.paths import dotted
from harvester.importer.airbyte.stops import stops
from harvester.importer.airbyte.texts import Texts
from harvester.importer.outcome import UnsaidError
from harvester.values import dataclass

_PLACES: Final = {
    "request_parameter": "params", "header": "headers", "body_json": "json", "body_data": "form",
}  # fmt: skip


@dataclass(slots=True)
class Paging:
    """A paginator of the YAML, and what is put into the parts of the request."""

    options: dict[str, Any] = field(default_factory=lambda: {"type": "single_page"})
    put: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_option: bool = True


def paging(paginator: Mapping[str, Any] | None, selector: str, texts: Texts) -> Paging:
    """The paginator of a stream whose records are at `selector`. Raises `UnsaidError`."""
    kind = (paginator or {}).get("type", "DefaultPaginator")
    if not paginator or kind == "NoPagination":
        return Paging()
    if kind != "DefaultPaginator":
        raise UnsaidError(f"the paginator {kind}")
    strategy = paginator.get("pagination_strategy") or {}
    texts = texts.below(strategy)
    found = Paging()
    size = _size(strategy, texts)
    token = paginator.get("page_token_option")
    match strategy.get("type"):
        case "PageIncrement":
            first = texts.constant(strategy.get("start_from_page") or 0)
            found.options = {"type": "page_number", "base_page": int(first)}
            _counted(found, token, strategy, ("page_param", "page_body_path"))
        case "OffsetIncrement":
            found.options = {"type": "offset"}
            if isinstance(size, int):
                found.options |= {"limit": size, "limit_param": None}
            _counted(found, token, strategy, ("offset_param", "offset_body_path"))
        case "CursorPagination":
            _cursor(found, token, strategy, selector, texts)
        case kind:
            raise UnsaidError(f"the pagination strategy {kind}")
    option = paginator.get("page_size_option")
    if option and size is not None:
        put_into(found.put, option, size)
    return found


def _size(strategy: Mapping[str, Any], texts: Texts) -> Any:
    size = strategy.get("page_size")
    if isinstance(size, str):
        size = texts.text(size, typed=False)
        return int(size) if isinstance(size, str) and size.isdecimal() else size
    return size


def put_into(put: dict[str, dict[str, Any]], option: Mapping[str, Any], value: Any) -> None:
    """Put a value where a request option says."""
    where = option.get("inject_into", "request_parameter")
    names = option.get("field_path") or [option.get("field_name")]
    if where not in _PLACES or not all(isinstance(name, str) for name in names):
        raise UnsaidError(f"a request option into {where}")
    tree = put.setdefault(_PLACES[where], {})
    for name in names[:-1]:
        tree = tree.setdefault(name, {})
    tree[names[-1]] = value if _PLACES[where] != "headers" else str(value)


def _counted(
    found: Paging, token: Any, strategy: Mapping[str, Any], names: tuple[str, str]
) -> None:
    """A page number or an offset, where the request carries it."""
    in_param, in_body = names
    if not token:
        found.options[in_param] = None
        found.by_option = False
        return
    where = token.get("inject_into")
    if token.get("type") == "RequestPath":
        raise UnsaidError("a page number as the path of a request")
    name = token.get("field_name")
    body = token.get("field_path") or [name]
    match where:
        case "request_parameter":
            found.options[in_param] = name
        case "body_json":
            found.options[in_body] = dotted(body)
        case "header" | "body_data":
            found.options[in_param] = None
            put_into(found.put, token, "{cursor}")
        case _:
            raise UnsaidError(f"a page number in {where}")
    if not strategy.get("inject_on_first_request"):
        if found.options.get(in_param, "") is None:
            raise UnsaidError("a page number in a form or header that the first request leaves out")
        found.options["send_first"] = False


def _cursor(
    found: Paging, token: Any, strategy: Mapping[str, Any], selector: str, texts: Texts
) -> None:
    of = texts.term(strategy.get("cursor_value"))
    link = not token or token.get("type") == "RequestPath"
    options = _source(of, selector, link=link)
    if of.pattern:
        if link or "cursor_path" not in options:
            raise UnsaidError("a pattern that cuts the next link out of a value")
        options["cursor_pattern"] = of.pattern
    ends = stops(strategy.get("stop_condition"), of, selector, texts)
    found.options = {**options, **ends}
    if not token:
        raise UnsaidError("a cursor that no page_token_option sends")
    if link:
        return
    name, path = token.get("field_name"), token.get("field_path")
    match token.get("inject_into"):
        case "request_parameter":
            found.options["cursor_param"] = name
        case "header":
            found.options["cursor_header"] = name
        case "body_json":
            found.options["cursor_body_path"] = dotted(path or [name])
        case "body_data":
            put_into(found.put, token, "{cursor}")
        case where:
            raise UnsaidError(f"a cursor in {where}")


def _source(of: Term, selector: str, *, link: bool) -> dict[str, Any]:
    """The type of paginator for where the cursor lies."""
    path = list(of.path)
    match of.kind, [str(part).lower() for part in path]:
        case "response", [_, *_]:
            if link:
                return {"type": "json_link", "next_url_path": dotted(path)}
            return {"type": "cursor", "cursor_path": dotted(path)}
        case "headers", ["link", rel, "url"] if link:
            return {"type": "header_link", **({"rel": rel} if rel != "next" else {})}
        case "headers", [_]:
            return {"type": "header_cursor", "cursor_header_name": str(path[0])}
        case "last_record", [_, *_] if not link:
            base = selector.removesuffix("[*]").removesuffix("$") if selector else ""
            last = "[-1]" if selector else "$"
            return {"type": "keyset", "cursor_path": f"{base}{last}.{dotted(path)}".lstrip(".")}
    where = ".".join(map(str, (of.kind, *path)))
    raise UnsaidError(f"a cursor taken from {where}" + (", as a link" if link else ""))
