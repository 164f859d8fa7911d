"""What a response means: every condition of the rules, and HTTP's own sense."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from harvester.config import Limits, ResponseAction
from harvester.page.fields import FieldParser
from harvester.paging.response_rules import is_page, judge, rule_fields


def rules(*written: Mapping[str, Any]) -> list[ResponseAction]:
    """Rules as the YAML says them; the action is `stop` where none is given."""
    return [ResponseAction.model_validate({"action": "stop", **rule}) for rule in written]


def verdict(
    given: list[ResponseAction],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
) -> str:
    """The verdict on an answer whose body is parsed as in a harvest."""
    parser = FieldParser(rule_fields(given), Limits())
    parser.feed(json.dumps(body).encode())
    action, rule = judge(given, status, headers or {}, parser.close())
    assert rule is None or rule.action == action
    return action


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, "keep") for status in (200, 201, 203, 206)),
        *((status, "retry") for status in (202, 408, 425, 429, 500, 502, 503, 504, 520, 524, 530)),
        *((status, "fail") for status in (204, 205, 300, 301, 302, 304, 400, 403, 404, 405)),
        (401, "reauth"),
        *((status, "fail") for status in (409, 410, 413, 414, 422, 451, 501, 505, 511, 599)),
    ],
)
def test_status_alone(status: int, expected: str) -> None:
    """Without rules: a page is kept, what passes is tried again, all else fails (rows 29, 30)."""
    assert judge([], status, {}, {}) == (expected, None)
    assert is_page(status) is (expected == "keep")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (403, {"retry-after": "60"}, "retry"),
        (403, {"x-ratelimit-remaining": "0"}, "retry"),
        (403, {"x-ratelimit-remaining": "5"}, "fail"),
        (403, {"retry-after": "0", "x-ratelimit-remaining": "42"}, "fail"),
        (401, {"retry-after": "60"}, "reauth"),
        (404, {"x-ratelimit-remaining": "0"}, "fail"),
    ],
)
def test_rate_limit_as_403(status: int, headers: Mapping[str, str], expected: str) -> None:
    """GitHub answers 403 where others say 429."""
    assert judge([], status, headers, {})[0] == expected


@pytest.mark.parametrize(
    ("wanted", "status", "matches"),
    [
        (404, 404, True),
        (404, 410, False),
        ([404, 410], 410, True),
        ([404, "5xx"], 503, True),
        ("4xx", 400, True),
        ("4XX", 499, True),
        ("4xx", 500, False),
        ("2xx", 200, True),
        (200, 200, True),
    ],
)
def test_status_condition(wanted: Any, status: int, matches: bool) -> None:
    """A status, a class, or a list of them."""
    assert (verdict(rules({"status": wanted}), status) == "stop") is matches


@pytest.mark.parametrize(
    ("condition", "body", "matches"),
    [
        ({"equals": "UsageCapExceeded"}, {"v": "UsageCapExceeded"}, True),
        ({"equals": "UsageCapExceeded"}, {"v": "usagecapexceeded"}, False),
        ({"equals": False}, {"v": False}, True),
        ({"equals": False}, {"v": 0}, False),
        ({"equals": 0}, {"v": False}, False),
        ({"equals": True}, {"v": 1}, False),
        ({"equals": 1}, {"v": 1}, True),
        ({"equals": 1}, {"v": 1.0}, True),
        ({"equals": 1}, {"v": "1"}, False),
        ({"equals": 2**60}, {"v": 2**60}, True),
        ({"equals": 2**60}, {"v": 2**60 + 1}, False),
        ({"equals": None}, {"v": None}, True),
        ({"equals": None}, {}, True),
        ({"equals": None}, {"v": 0}, False),
        ({"equals": "x"}, {}, False),
        ({"not_equals": "ok"}, {"v": "error"}, True),
        ({"not_equals": "ok"}, {"v": "ok"}, False),
        ({"not_equals": "ok"}, {}, False),  # it has to be there
        ({"not_equals": "ok"}, {"v": None}, False),
        ({"not_equals": None}, {"v": 1}, True),
        ({"not_equals": None}, {}, False),
        ({"not_equals": True}, {"v": 1}, True),
        ({"in": ["a", 2, None]}, {"v": 2}, True),
        ({"in": ["a", 2]}, {"v": "2"}, False),
        ({"in": [True]}, {"v": 1}, False),
        ({"in": ["a"]}, {}, False),
        ({"matches": "(?i)quota"}, {"v": "Daily QUOTA exceeded"}, True),
        ({"matches": "^quota"}, {"v": "the quota"}, False),
        ({"matches": "^42$"}, {"v": 42}, True),
        ({"matches": "true"}, {"v": True}, True),
        ({"matches": '"code":7'}, {"v": {"code": 7}}, True),
        ({"matches": "."}, {}, False),
        ({"exists": True}, {"v": 0}, True),
        ({"exists": True}, {"v": {}}, True),
        ({"exists": True}, {"v": []}, True),
        ({"exists": True}, {"v": None}, False),
        ({"exists": True}, {}, False),
        ({"exists": False}, {}, True),
        ({"exists": False}, {"v": None}, True),
        ({"exists": False}, {"v": ""}, False),
    ],
)
def test_when(condition: Mapping[str, Any], body: Any, matches: bool) -> None:
    """Every operator on a value of the page, as JSON has types."""
    given = rules({"when": {"path": "v", **condition}})
    assert (verdict(given, body=body) == "stop") is matches


@pytest.mark.parametrize(
    ("condition", "value", "matches"),
    [
        ({"equals": "0"}, "0", True),
        ({"equals": 0}, "0", True),
        ({"equals": 0}, "00", False),
        ({"equals": False}, "false", True),
        ({"equals": None}, None, True),
        ({"equals": None}, "", False),
        ({"not_equals": 0}, "1", True),
        ({"not_equals": 0}, "0", False),
        ({"not_equals": 0}, None, False),
        ({"in": [1, "b"]}, "1", True),
        ({"in": [1, "b"]}, "c", False),
        ({"matches": "html"}, "text/html; charset=utf-8", True),
        ({"matches": "html"}, None, False),
        ({"exists": True}, "", True),
        ({"exists": True}, None, False),
        ({"exists": False}, None, True),
    ],
)
def test_header(condition: Mapping[str, Any], value: str | None, matches: bool) -> None:
    """Every operator on a header, which is text whatever the YAML compares it with."""
    given = rules({"header": {"name": "X-Remaining", **condition}})
    headers = {} if value is None else {"x-remaining": value}
    assert (verdict(given, headers=headers) == "stop") is matches


def test_all_conditions_of_a_rule() -> None:
    """A rule holds only where all its conditions do."""
    given = rules(
        {
            "status": 429,
            "when": {"path": "title", "equals": "UsageCapExceeded"},
            "header": {"name": "X-Tier", "equals": "free"},
        }
    )
    title, tier = {"title": "UsageCapExceeded"}, {"x-tier": "free"}
    assert verdict(given, 429, tier, title) == "stop"
    assert verdict(given, 429, {}, title) == "retry"
    assert verdict(given, 429, tier, {}) == "retry"
    assert verdict(given, 200, tier, title) == "keep"


def test_the_first_rule_counts() -> None:
    """In the order of the YAML, also against HTTP's own sense; values are not mixed up."""
    given = rules(
        {"when": {"path": "a", "equals": 1}, "action": "ignore"},
        {"status": "4xx", "action": "retry"},
        {"when": {"path": "b", "equals": 1}, "action": "fail"},
        {"status": 404, "action": "stop"},
    )
    assert verdict(given, 404, body={"a": 1, "b": 1}) == "ignore"
    assert verdict(given, 404, body={"b": 1}) == "retry"
    assert verdict(given, 200, body={"b": 1}) == "fail"
    assert verdict(given, 200, body={"a": 2, "b": 2}) == "keep"
    assert judge(given, 200, {}, {"response_actions[2]": 1}) == ("fail", given[2])


@pytest.mark.parametrize("action", ["retry", "ignore", "fail", "stop"])
def test_actions(action: str) -> None:
    """Row 29, a 200 that says error: each action can be its verdict."""
    given = rules({"when": {"path": "ok", "equals": False}, "action": action})
    assert verdict(given, body={"ok": False, "error": "x"}) == action
    assert verdict(given, body={"ok": True}) == "keep"
    assert verdict(given, 500, body={"ok": False}) == action


def test_rules_without_a_body() -> None:
    """Where the body could not be read, rules that need none still count."""
    given = rules({"when": {"path": "a", "exists": False}}, {"status": 500, "action": "ignore"})
    assert judge(given[1:], 500, {}, {})[0] == "ignore"
    assert [field.name for field in rule_fields(given)] == ["response_actions[0]"]
