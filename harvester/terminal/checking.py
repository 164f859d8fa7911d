"""Formats what `check` says: each lint with its line, and the table of `--live`. Text only."""

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from harvester.model import fit, fit_ends, one_line, size, table, width

if TYPE_CHECKING:
    from harvester.engine import Seen
    from harvester.errors import Problem

_HEADER: Final = ("resource", "status", "records", "first record", "next cursor", "rate limit")
#: The most cells of a column: what does not fit is cut in its middle, or at its end (the keys).
_WIDEST: Final = {"resource": 48, "first record": 60, "next cursor": 32, "rate limit": 40}
_NARROWEST: Final = {"resource": 16, "first record": 14, "next cursor": 12, "rate limit": 14}
_WRITTEN_OUT: Final = "a secret in the file"


def lint_text(lint: "Problem", line: str, columns: int | None) -> str:
    """A lint, and under it the line of the file; of a line with a secret only its key."""
    text = _wrapped(f"lint: {one_line(str(lint))}", columns)
    shown = one_line(line)
    if lint.message.startswith(_WRITTEN_OUT):
        key = re.escape(re.split(r"[.\[\]]", lint.path)[-1] or lint.path)
        found = re.search(rf".*\b{key}\b['\"]?\s*:", shown)
        shown = f"{found[0]} ***" if found else ""
    if not shown:
        return text
    head = f"{lint.line:>7} | "
    return f"{text}\n{head}{fit(shown, (columns or 120) - len(head))}"


def seen_table(seen: Sequence["Seen"], columns: int | None) -> str:
    """What was seen of each resource: a row, or a block where the terminal is narrow; below them
    why there was no page, and what is odd.
    """
    rows = [dict(zip(_HEADER, _row(each), strict=True)) for each in seen]
    limits = _limits(rows, columns)
    cells = [[_fitted(row[name], name, limits) for name in _HEADER] for row in rows]
    lines = (
        [table(_HEADER, cells, columns)]
        if columns is None or _fits(limits, columns)
        else [_blocks(rows, columns)]
    )
    for each in seen:
        title = one_line(each.partition or each.resource)
        if each.error is not None:
            lines.append(_wrapped(f"failed: {title}: {one_line(each.error)}", columns))
        if each.wrong is not None:
            lines.append(_wrapped(f"failed: {title}: {one_line(each.wrong)}", columns))
        lines += [_wrapped(f"note: {title}: {one_line(note)}", columns) for note in each.notes]
    for each in seen:
        lines += _further(each, columns)
    return "\n".join(lines)


def _further(seen: "Seen", columns: int | None) -> list[str]:
    """What was asked of one resource, and what a harvest would go by."""
    rows = [("asked", asked) for asked in seen.asked]
    rows += [("total", seen.total), ("second page", seen.second), ("ends with", seen.ends)]
    lines = [f"  {name}: {one_line(text)}" for name, text in rows if text]
    if not lines:
        return []
    title = one_line(seen.partition or seen.resource)
    return [_wrapped(line, columns) for line in (f"{title}:", *lines)]


def _wrapped(text: str, columns: int | None) -> str:
    """A line that is wider than the terminal, broken between words."""
    if columns is None:
        return text
    return textwrap.fill(text, max(20, columns), subsequent_indent="  ", break_on_hyphens=False)


def _row(seen: "Seen") -> tuple[str, ...]:
    title = one_line(seen.partition or seen.resource)
    if seen.error is not None:
        return (title, str(seen.status or "none"), "failed", "", "", "")
    if seen.inside is not None:
        keys = ", ".join(seen.keys) if seen.keys is not None else "not an object"
        first = one_line(keys) if seen.records else "none"
        return (title, "no request", f"{seen.records:,}", first, f"inside {seen.inside}", "")
    keys = ", ".join(seen.keys) if seen.keys is not None else ""
    return (
        title,
        str(seen.status),
        f"{seen.records:,} in {size(seen.bytes)}",
        one_line(keys) or ("none" if not seen.records else "not an object"),
        one_line(seen.next),
        one_line(seen.rate_limit) or "not told",
    )


def _limits(rows: Sequence[dict[str, str]], columns: int | None) -> dict[str, int]:
    """The width of each column: what its values need, less where the terminal has less."""
    needed = {
        name: min(max(len(name), *(width(row[name]) for row in rows)), _WIDEST.get(name, 1000))
        for name in _HEADER
    }
    over = _whole(needed) - columns if columns is not None else 0
    while over > 0:
        spare = {name: needed[name] - least for name, least in _NARROWEST.items()}
        widest = max(spare, key=lambda name: spare[name])
        if spare[widest] <= 0:
            break
        cut = min(over, max(1, spare[widest] // 2))
        needed[widest] -= cut
        over -= cut
    return needed


def _whole(limits: dict[str, int]) -> int:
    return sum(limits.values()) + 2 * (len(limits) - 1)


def _fits(limits: dict[str, int], columns: int) -> bool:
    return _whole(limits) <= columns


def _fitted(text: str, name: str, limits: dict[str, int]) -> str:
    return fit(text, limits[name]) if name == "first record" else fit_ends(text, limits[name])


def _blocks(rows: Sequence[dict[str, str]], columns: int) -> str:
    """A block for each resource, for terminals too narrow for the table."""
    widest = max(map(len, _HEADER[1:]))
    lines = []
    for row in rows:
        lines.append(fit_ends(row["resource"], columns))
        lines += [
            f"  {name:<{widest}}  {fit_ends(row[name], max(8, columns - widest - 4))}"
            for name in _HEADER[1:]
            if row[name]
        ]
    return "\n".join(lines)
