"""Compares the records of two pages by what makes a record the same record. Pure.

Never by whole records: one field that changes with each request (`seconds_ago`, a signed URL)
would make the same page another. A record is known by a member that is called like an id and has
another value in each record of a page. Where there is none, by the member that is different in
each record and speaks most for the pages being the same: what is doubtful proves nothing.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from harvester.paging.signs import plain
from harvester.values import dataclass

#: Members that make a record the same record, the surest first; then any that ends in `id`.
_KEYS: Final = ("id", "uuid", "guid", "key", "objectid", "sha", "hash", "urn", "doi", "oid", "pk")
#: Members that tell records apart where nothing is an id.
_NAMES: Final = (
    "uri", "href", "url", "link", "permalink", "slug", "number", "num", "code", "name", "login",
    "username", "email", "title", "displayname", "fullname",
)  # fmt: skip
_DEEPEST: Final = 3
_MOST_MEMBERS: Final = 200

Member = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """How many of the second page's records are on the first one, too. `by` is the member that
    they were told apart by, in words.
    """

    count: int
    first: int
    second: int
    by: str

    @property
    def same(self) -> bool:
        """Whether the second page has nothing that the first has not."""
        return self.count == self.second

    @property
    def mostly(self) -> bool:
        """Whether the pages are one page, read twice while the list moved a little."""
        return 2 * self.count >= min(self.first, self.second)


def shared(first: Sequence[Any], second: Sequence[Any]) -> Shared:
    """Compare the records of two pages."""
    member = key_of(first, second) or _telling(first, second)
    if member is None:
        before, after = {_text(one) for one in first}, {_text(one) for one in second}
        return Shared(len(before & after), len(before), len(after), "all of their members")
    before, after = _values(first, member), _values(second, member)
    return Shared(len(before & after), len(before), len(after), member_text(member))


def key_of(*pages: Sequence[Any]) -> Member | None:
    """The member that is called like an id and has another value in each record of a page."""
    records = [record for page in pages for record in page]
    if not records or not all(isinstance(record, dict) for record in records):
        return None
    ranked = [(_rank(member), member) for member in _members(records[0])]
    for rank, member in sorted((r, m) for r, m in ranked if r is not None):
        if rank[0] < len(_KEYS) + 1 and all(_distinct(page, member) for page in pages):
            return member
    return None


def is_sure(member: Member) -> bool:
    """Whether a key may be written down: a `track_id` may be that of another list's records."""
    return plain(str(member[-1])) in _KEYS


def member_text(member: Member) -> str:
    """A member as the YAML writes it."""
    from harvester.model import Key, canonical

    if not all(isinstance(name, str) for name in member):
        return f"the value at place {member[-1]}"
    return canonical(tuple(Key(str(name)) for name in member)).removeprefix("$").removeprefix(".")


def _telling(first: Sequence[Any], second: Sequence[Any]) -> Member | None:
    """The member by which the pages look most alike, of those that differ in each record."""
    if not first or not second:
        return None
    found = []
    for member in _members(first[0]):
        if _distinct(first, member) and not _is_place(first, member):
            before, after = _values(first, member), _values(second, member)
            name = plain(str(member[-1]))
            rank = _NAMES.index(name) if name in _NAMES else len(_NAMES)
            found.append((-len(before & after), rank, str(member), member))
    return min(found)[-1] if found else None


def _members(record: Any, at: Member = ()) -> Iterator[Member]:
    """The places of a record's scalars, nearest to its root first."""
    level: list[tuple[Member, Any]] = [(at, record)]
    count = 0
    for _ in range(_DEEPEST):
        following: list[tuple[Member, Any]] = []
        for place, value in level:
            for name, below in _inner(value):
                count += 1
                if count > _MOST_MEMBERS:
                    return
                if isinstance(below, str | int | float):
                    yield (*place, name)
                elif isinstance(below, dict):
                    following.append(((*place, name), below))
        level = following


def _inner(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _rank(member: Member) -> tuple[int, int] | None:
    """How likely a member is a record's id, by its name and depth; None: not at all."""
    last = str(member[-1])
    name = plain(last)
    if name in _KEYS:
        return _KEYS.index(name) if len(member) == 1 else len(_KEYS), len(member)
    if last.endswith(("_id", "Id", "ID", "-id")) and len(member) == 1:
        return len(_KEYS), 0
    return None


def _at(record: Any, member: Member) -> Any:
    for name in member:
        try:
            record = record[name]
        except (KeyError, IndexError, TypeError):
            return None
    return record


def _values(page: Sequence[Any], member: Member) -> set[Any]:
    found = (_at(record, member) for record in page)
    return {str(value) for value in found if isinstance(value, str | int | float)}


def _distinct(page: Sequence[Any], member: Member) -> bool:
    """Whether every record of a page has the member as text or a number, each another one."""
    values = [_at(record, member) for record in page]
    scalars = all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in values)
    return scalars and len(set(map(str, values))) == len(values)


def _is_place(page: Sequence[Any], member: Member) -> bool:
    """Whether a member only counts the records of its page: a rank, a line."""
    values = [_at(record, member) for record in page]
    return len(values) > 1 and values in (
        list(range(len(values))), list(range(1, len(values) + 1))
    )  # fmt: skip


def _text(record: Any) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=False)
