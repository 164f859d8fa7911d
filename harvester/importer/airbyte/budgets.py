"""Turns a manifest's own budgets of requests into `rate_limit`, where they are of all requests."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvester.importer.airbyte.windows import duration
from harvester.importer.outcome import UnsaidError


def budgets(tree: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The budgets that hold for every request, and what is to be said of others."""
    found: list[dict[str, Any]] = []
    notes: list[str] = []
    policies = (tree.get("api_budget") or {}).get("policies") or []
    for policy in policies if isinstance(policies, list) else []:
        try:
            found += _of(policy)
        except UnsaidError as error:
            notes.append(f"the source has a budget of requests {error}, which is not taken over")
        except (TypeError, ValueError, AttributeError, KeyError):
            notes.append("the source has a budget of requests of an unusual shape, not taken over")
    return found, list(dict.fromkeys(notes))


def _of(policy: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if policy.get("matchers"):
        raise UnsaidError("for some paths only")
    match policy.get("type"):
        case "UnlimitedCallRatePolicy":
            return
        case "FixedWindowCallRatePolicy":
            yield _budget(policy["call_limit"], policy["period"])
        case "MovingWindowCallRatePolicy":
            for rate in policy["rates"]:
                yield _budget(rate["limit"], rate["interval"])
        case kind:
            raise UnsaidError(f"of the kind {kind}")


def _budget(limit: Any, period: Any) -> dict[str, Any]:
    if isinstance(limit, bool) or not isinstance(limit, int) or "{" in str(period):
        raise UnsaidError("that the configuration gives")
    per = duration(str(period))
    if per is None or limit < 1:
        raise UnsaidError(f"for {period}")
    return {"requests": limit, "per": per}
