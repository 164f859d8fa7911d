"""Makes up answers that a repeated harvest needs but that were not stored: tokens, a 404."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from harvester.config import (
    Config,
    RenewableOptions,
    Resource,
    ResponseAction,
)
from harvester.model import Key, as_text, parse, split_key
from harvester.security import resolve
from harvester.store import Entry, is_raw

_TOKEN: Final = "replayed-token"  # noqa: S105  # opens nothing
_TOKEN_SECONDS: Final = 86_400
#: What no header holds.
_UNSENT: Final = re.compile(r"[^\x20-\x7e\xa0-\xff]")
#: A next page that nobody asks for, since what has it is split.
FURTHER: Final = "/further"
#: Bodies that a rule may mean as a whole.
_LITERALS: Final[Mapping[str, Any]] = {"null": None, "false": False, "[]": [], "{}": {}, '""': ""}


def of_file(entry: Entry) -> dict[str, str]:
    """The headers of a page that is a file as it came: its type and its name, as journaled."""
    if entry.part is None or not is_raw(entry.part):
        return {}
    kind, name = entry.fields.get("content_type"), entry.fields.get("name")
    headers = {"Content-Type": str(kind)} if kind else {}
    if name:
        quoted = quote(str(name), safe="", errors="replace")
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quoted}"
    return {key: _UNSENT.sub("?", value) for key, value in headers.items()}


def split(resource: Resource, total: int) -> Any:
    """A body that says as many records as the first page of a partition said that was
    split then, and that more pages follow; its records came again with the parts.
    """
    found, paginator = split_key(resource.partitions), resource.paginator
    body = put(resource.data_selector or "$", [])
    path = (found and found[2].total_path) or paginator.total_path
    if path is not None:
        body = both(body, put(path, total))
    for name in ("cursor_path", "next_url_path"):
        if place := getattr(paginator, name, None):
            body = both(body, put(place, FURTHER) or {})
    return body


def ignored(resource: Resource, status: int) -> tuple[Any, dict[str, str]]:
    """A body and headers that the `ignore` rules of a resource meet again.

    Where a rule asks for more than equality the body only says that there is none.
    """
    body: Any = {"error": "this answer was ignored when it was harvested, and is not stored"}
    headers: dict[str, str] = {}
    for rule in resource.response_actions:
        if rule.action == "ignore" and _of_status(rule, status):
            for when in rule.when or ():
                member = put(when.path, met(when.operator, when.operand))
                body = both(body, member) if member else body
            if rule.body_matches is not None:
                told = _matching(rule.body_matches)
                whole = rule.body_matches == f"^{told}$" and told in _LITERALS
                body = _LITERALS[told] if whole else both(body, {"told": told})
            if rule.header is not None:
                headers[rule.header.name] = str(met(rule.header.operator, rule.header.operand))
            break
    return body, headers


def tokens(config: Config, base_url: str) -> Mapping[str, Any]:
    """By path, what a request for a token is answered with. Nobody checks it afterwards."""
    auth = config.client.auth
    if not isinstance(auth, RenewableOptions) or auth.asked_at is None:
        return {}
    _, url = auth.asked_at
    body = put(auth.token_at, _TOKEN) or {}
    answer = {"token_type": "Bearer", "expires_in": _TOKEN_SECONDS, **body}
    return {urlsplit(resolve(base_url, url)).path: answer}


def as_json(value: Any) -> bytes:
    """A body."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def as_xml(value: Mapping[str, Any]) -> bytes:
    """A body that reads as this value where pages are XML: its last member is the root, since the
    first says in words what was put there for nobody.
    """
    name, member = [*value.items()][-1]
    root = ElementTree.Element(name)
    _fill(root, member)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _fill(element: ElementTree.Element, value: Any) -> None:
    for name, member in value.items() if isinstance(value, Mapping) else ():
        if name.startswith("@"):
            element.set(name[1:], as_text(member))
        elif name == "#text":
            element.text = as_text(member)
        else:
            for each in member if isinstance(member, list) else [member]:
                _fill(ElementTree.SubElement(element, name), each)
    if not isinstance(value, Mapping):
        element.text = as_text(value)


def _of_status(rule: ResponseAction, status: int) -> bool:
    return rule.status is None or status in rule.status or f"{status // 100}xx" in rule.status


def met(operator: str, operand: Any) -> Any:
    """A value that meets a condition."""
    match operator:
        case "equals":
            return operand
        case "in":
            return operand[0]
    return True


def _matching(pattern: str) -> str:
    """A text that matches a pattern, where that is a text with escaped signs."""
    return re.sub(r"\\(.)", r"\1", pattern).strip("^$")


def both(body: Any, more: Any) -> Any:
    """The members of two bodies, the later in place of the earlier."""
    if not isinstance(body, dict) or not isinstance(more, dict):
        return more
    return {**body, **{name: both(body.get(name), each) for name, each in more.items()}}


def put(path: str, value: Any) -> Any | None:
    """An object with `value` at a path of keys; None for other paths."""
    for segment in reversed(parse(path)):
        if not isinstance(segment, Key):
            return None
        value = {segment.name: value}
    return value
