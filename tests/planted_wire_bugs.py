"""Bugs to plant into how answers are read and budgets kept; see planted_bugs.py."""

from collections.abc import Iterable, Sequence

from harvester.http import headers, transport
from harvester.http import recent_requests as recent
from harvester.page import body
from harvester.paging import cursor_pattern as cutting
from harvester.paging.paginators import sent_cursor


def put(owner: object, name: str, bug: object) -> None:
    """Put a bug in the place of what must be there."""
    assert hasattr(owner, name), f"{owner} has no {name} to replace"
    setattr(owner, name, bug)


def bad_line_ends_the_head() -> None:
    """As a parser of mail has it: what follows a malformed line is no header."""
    fields = headers.fields

    def bug(lines: Sequence[bytes]) -> list[tuple[str, str]]:
        sound = [headers.FIELD.fullmatch(line) is not None for line in lines]
        return fields(lines[: (*sound, False).index(False)])

    put(headers, "fields", bug)


def two_values_joined() -> None:
    """A header that comes twice is one value with a comma in it."""
    merged = headers.merged

    def bug(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], frozenset[str]]:
        return merged(pairs)[0], frozenset()

    put(headers, "merged", bug)


def names_of_no_coding_unknown() -> None:
    """A charset as Content-Encoding is a coding that was not asked for."""
    put(body, "_is_none", lambda coding: coding in ("", "identity"))


def token_sent_encoded() -> None:
    """A token cut out of a URL is sent as it stands there."""
    cut_out = cutting.cut_out

    def bug(pattern: str, text: str, *, encoded: bool) -> str | None:  # as it is called
        return cut_out(pattern, text, encoded=True)

    put(sent_cursor, "cut_out", bug)


def untrusted_tried_on() -> None:
    """A certificate that is not trusted may be trusted in a minute."""
    put(transport, "tls_trouble", lambda causes: None)


def hops_not_counted() -> None:
    """Only the first request of a page takes a turn."""
    put(transport._Exchange, "await_turn", lambda self: None)


def past_forgotten() -> None:
    """A run begun again has its whole budget once more."""
    put(recent, "_read", lambda path: {})


WIRE_BUGS = (
    bad_line_ends_the_head, two_values_joined, names_of_no_coding_unknown, token_sent_encoded,
    untrusted_tried_on, hops_not_counted, past_forgotten,
)  # fmt: skip
