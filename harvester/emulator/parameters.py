"""The parameters of a v2 request, read and checked as Twitter checks them.

Every problem of a request is collected, and all are reported in one 400, each with the parameter
as it came and a message. The wordings are Twitter's where it is on record (its developers' forum,
the issue trackers of twarc, minet and node-twitter-api-v2).
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from harvester.emulator.endpoints import Refused
from harvester.emulator.tweets import milliseconds

INVALID_REQUEST = "https://api.twitter.com/2/problems/invalid-request"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ID = re.compile(r"[0-9]{1,19}", re.ASCII)


def minute(ms: int) -> str:
    """Write a time as Twitter's messages do: `2006-03-21T00:00Z`."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:16]}Z"


class Parameters:
    """Query parameters, each the first of its name; reading one notes what is wrong with it.

    The reading methods return what the parameter means, or its default where it is absent or
    wrong; `check` raises `Refused` if anything was wrong.
    """

    def __init__(self, given: Mapping[str, list[str]], allowed: Collection[str]) -> None:
        self._given = {name: values[0] for name, values in given.items() if values}
        self._errors: list[dict[str, Any]] = []
        for name in self._given:
            if name not in allowed:
                self.wrong(
                    f"The query parameter [{name}] is not one of [{','.join(allowed)}]", name
                )

    def wrong(self, message: str, *names: str) -> None:
        """Note a problem with the named parameters."""
        parameters = {name: [self._given.get(name, "")] for name in names}
        self._errors.append({"parameters": parameters, "message": message})

    def check(self) -> None:
        """Raise `Refused` with every problem noted so far."""
        if self._errors:
            detail = "One or more parameters to your request was invalid."
            raise Refused(
                400,
                {
                    "errors": self._errors,
                    "title": "Invalid Request",
                    "detail": detail,
                    "type": INVALID_REQUEST,
                },
            )

    def text(self, name: str) -> str | None:
        """Return a parameter as it came."""
        return self._given.get(name)

    def query(self, longest: int) -> str:
        """Return the required `query`, at most `longest` characters."""
        query = self._given.get("query", "")
        if not query.strip():
            self.wrong("Request parameter `query` can not be empty", "query")
        elif len(query) > longest:
            self.wrong(
                f"Invalid 'query':'{query}'. 'query' must be shorter than or equal to "
                f"{longest} characters",
                "query",
            )
        return query

    def size(self, name: str, smallest: int, largest: int) -> int:
        """Return a page size between the two; `smallest` where it is absent."""
        value = self._given.get(name)
        if value is None:
            return smallest
        if not _ID.fullmatch(value) or not smallest <= int(value) <= largest:
            self._wrong_value(name, value, f"is not between {smallest} and {largest}")
            return smallest
        return int(value)

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of `allowed`; the first where it is absent."""
        value = self._given.get(name, allowed[0])
        if value not in allowed:
            self._wrong_value(name, value, f"is not one of [{','.join(allowed)}]")
        return value

    def names(self, name: str, allowed: Collection[str]) -> frozenset[str]:
        """Return the names of a comma-separated list, all of them in `allowed`."""
        value = self._given.get(name)
        names = frozenset(value.split(",")) if value is not None else frozenset()
        for unknown in sorted(names - set(allowed)):
            listed = ",".join(sorted(allowed))
            self._wrong_value(name, unknown, f"is not one of [{listed}]")
        return names

    def time(self, name: str) -> int | None:
        """Return a time as Unix milliseconds; its zone is `Z` or an offset such as `+00:00`."""
        value = self._given.get(name)
        if value is None:
            return None
        try:
            if _TIME.fullmatch(value):
                return milliseconds(datetime.fromisoformat(value))
        except ValueError:  # 30 February
            pass
        self._wrong_value(name, value, "is not a valid RFC 3339 date-time (YYYY-MM-DDTHH:mm:ssZ)")
        return None

    def tweet_id(self, name: str) -> int | None:
        """Return a tweet's id."""
        value = self._given.get(name)
        if value is None:
            return None
        if not _ID.fullmatch(value):
            self._wrong_value(name, value, "does not match ^[0-9]{1,19}$")
            return None
        return int(value)

    def _wrong_value(self, name: str, value: str, why: str) -> None:
        self.wrong(f"The `{name}` query parameter value [{value}] {why}", name)
